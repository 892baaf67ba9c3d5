/**
 * The fake server's log: events with dense positions, gapless feeds, and who follows which feed from when to when.
 *
 * @module
 */

/**
 * @typedef {object} Entry an event; `feed` as on the wire
 * @property {number} id
 * @property {string} feed
 * @property {string | null} owner of the feed `me`
 * @property {number} seq
 * @property {string} at
 * @property {string} type of its frame
 * @property {string | null} channel_id
 * @property {any} data of its frame
 * @property {Record<string, any>} more what the frame does not say
 *
 * @typedef {Pick<Entry, "feed" | "type" | "data"> & { owner?: string, channel_id?: string, more?: Record<string, any> }} NewEntry
 */

export class Log {
  /** @type {Entry[]} */
  entries = [];
  /** @type {Map<string, number>} */
  #heads = new Map();
  #clock = Date.UTC(2026, 0, 1);

  get head() {
    return this.entries.length;
  }

  /**
   * The last seq of a feed.
   *
   * @param {string} feed
   * @param {string | null} [owner]
   */
  feedHead(feed, owner = null) {
    return this.#heads.get(`${feed}|${owner}`) ?? 0;
  }

  /** A time, later than all before it, with microseconds. */
  now() {
    this.#clock += 1_000;
    return `${new Date(this.#clock).toISOString().slice(0, -1)}000Z`;
  }

  /**
   * @param {NewEntry} entry
   * @returns {Entry}
   */
  append({ more = {}, ...entry }) {
    const owner = entry.owner ?? null;
    const channel_id = entry.channel_id ?? null;
    const seq = this.feedHead(entry.feed, owner) + 1;
    this.#heads.set(`${entry.feed}|${owner}`, seq);
    /** @type {Entry} */
    const made = { ...entry, owner, channel_id, more, id: this.head + 1, seq, at: this.now() };
    this.entries.push(made);
    return made;
  }

  /**
   * Whether somebody follows the event: of a channel, what lies between their join and their end, both included.
   *
   * @param {Entry} entry
   * @param {string} userId
   */
  follows(entry, userId) {
    if (entry.feed === "workspace") return true;
    if (entry.feed === "me") return entry.owner === userId;
    if (isMembership(entry, userId)) return true;
    for (let place = entry.id - 2; place >= 0; place -= 1) {
      const before = /** @type {Entry} */ (this.entries[place]);
      if (before.channel_id !== entry.channel_id) continue;
      if (before.type === "channel_deleted") return false;
      if (isMembership(before, userId)) return before.type === "member_joined";
    }
    return false;
  }
}

/**
 * @param {Entry} entry
 * @param {string} userId
 */
function isMembership(entry, userId) {
  return (entry.type === "member_joined" || entry.type === "member_left") && entry.data.user_id === userId;
}
