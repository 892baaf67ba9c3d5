/**
 * The check that no feed has a hole: `seq` rises by exactly one for as long as the feed is followed.
 *
 * @module
 */

/** @typedef {import("./frames.js").EventFrame} EventFrame */

export class Feeds {
  /** @type {Map<string, number>} */
  #last = new Map();

  /** Nothing is known of any feed: the next frame of each is taken as it comes. */
  clear() {
    this.#last.clear();
  }

  /**
   * Take a frame.
   *
   * @param {EventFrame} frame
   * @param {string} me whose joins begin a feed anew, and whose ends end it
   * @returns {number | null} the seq that was due, where this is not it
   */
  take(frame, me) {
    const last = this.#last.get(frame.feed);
    const begins = frame.type === "member_joined" && frame.data.user_id === me;
    if (last !== undefined && !begins && frame.seq !== last + 1) return last + 1;
    this.#last.set(frame.feed, frame.seq);
    const ends = frame.type === "channel_deleted" || (frame.type === "member_left" && frame.data.user_id === me);
    if (ends) this.#last.delete(`channel:${frame.channel_id}`); // a public channel's deletion stands on the workspace's feed
    return null;
  }
}
