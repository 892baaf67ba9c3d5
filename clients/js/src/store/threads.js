/**
 * The threads that I follow, with what is unread in them (docs/unread.md).
 *
 * What an event does to them is counted where it is certain. Where it is not - I begin to follow, my marker moves, something that was
 * never seen is deleted - `apply` says so, and the store asks the server.
 *
 * @module
 */

/**
 * @typedef {import("../frames.js").EventFrame} EventFrame
 * @typedef {import("./facts.js").Facts} Facts
 *
 * @typedef {object} Thread
 * @property {string} root_id
 * @property {string} channel_id
 * @property {number} unread_count
 * @property {boolean} unread_capped
 * @property {number} mention_count
 * @property {number} read_seq
 * @property {number} asOf the position at which this is true
 */

/** What REST counts at most. */
export const LIST_CAP = 100;

export class Threads {
  /** @param {Facts} facts */
  constructor(facts) {
    this.#facts = facts;
  }

  #facts;
  /** By root, newest activity first. @type {Map<string, Thread>} */
  #followed = new Map();
  /** Threads that I chose not to follow, as far as it was seen. @type {Set<string>} */
  #refused = new Set();
  /** Whether there is no thread that I follow but these. */
  #isComplete = false;
  /** No event up to here changes anything: the answer was true at this position. */
  #asOf = 0;

  /** @returns {Thread[]} */
  get all() {
    return [...this.#followed.values()];
  }

  /** @param {string} rootId */
  get(rootId) {
    return this.#followed.get(rootId);
  }

  /**
   * Whether I follow a thread; null where it is not known.
   *
   * @param {string} rootId
   * @returns {boolean | null}
   */
  follows(rootId) {
    if (this.#followed.has(rootId)) return true;
    return this.#isComplete || this.#refused.has(rootId) ? false : null;
  }

  /**
   * Take what the server said.
   *
   * @param {import("../bodies.js").Threads[]} pages one or more
   */
  take(pages) {
    this.#asOf = Math.min(...pages.map((page) => page.position));
    this.#isComplete = pages[pages.length - 1]?.next_cursor === null;
    this.#followed = new Map();
    for (const { threads, position } of pages) {
      for (const { message, ...counts } of threads) {
        const { message_id, channel_id } = message;
        this.#followed.set(message_id, { root_id: message_id, channel_id, ...counts, asOf: position });
        this.#refused.delete(message_id);
      }
    }
  }

  /** What is unread in all of them, as `GET /v1/me/unread` says it. */
  get totals() {
    const unread = this.all.filter((thread) => thread.unread_count > 0);
    const replies = unread.reduce((sum, thread) => sum + thread.unread_count, 0);
    return {
      thread_count: Math.min(unread.length, LIST_CAP),
      unread_count: Math.min(replies, LIST_CAP),
      unread_capped: replies > LIST_CAP || unread.length > LIST_CAP || unread.some((thread) => thread.unread_capped),
    };
  }

  /**
   * Apply an event. It comes before the facts learn of it.
   *
   * @param {EventFrame} frame
   * @returns {"same" | "changed" | "unsure"}
   */
  apply(frame) {
    if (frame.id <= this.#asOf) return "same";
    switch (frame.type) {
      case "new_reply":
        return this.#reply(frame);
      case "message_updated":
        return this.#edit(frame);
      case "message_deleted":
        return this.#deletion(frame);
      case "thread_updated":
        if (frame.data.followed === false) this.#refused.add(frame.data.parent_id);
        return "unsure";
      case "member_joined":
      case "member_left":
        return frame.data.user_id === this.#facts.me ? this.#membership(frame) : "same";
      case "channel_deleted":
        return this.#forget(frame.channel_id);
      default:
        return "same";
    }
  }

  /** @param {import("../frames.js").NewReplyFrame} frame */
  #reply({ id, data }) {
    const thread = this.#followed.get(data.parent_id);
    if (thread !== undefined && id <= thread.asOf) return "same";
    const byMe = data.author_id === this.#facts.me;
    if (thread === undefined) {
      if (this.#refused.has(data.parent_id)) return "same";
      // A deleted root without replies is in no list, though I may follow it; one that was never seen is taken for undeleted.
      const mayBeHidden = this.#facts.get(data.parent_id)?.is_deleted ?? false;
      // Of one that was deleted since it is not told whom it mentioned, who follow the thread all the same.
      const begins = byMe || data.redacted === true || data.mentions.includes(this.#facts.me);
      return this.#isComplete && !begins && !mayBeHidden ? "same" : "unsure";
    }
    this.#followed.delete(data.parent_id);
    const rest = this.#followed;
    const mentioned = data.mentions_channel || data.mentions.includes(this.#facts.me);
    const next = byMe ? thread : counted(thread, 1, mentioned ? 1 : 0);
    this.#followed = new Map([[data.parent_id, next], ...rest]); // newest activity first
    return "changed";
  }

  /** @param {import("../frames.js").MessageUpdatedFrame} frame */
  #edit({ id, data }) {
    const fact = this.#facts.get(data.message_id);
    const mentionsMe = data.mentions_channel || data.mentions.includes(this.#facts.me);
    if (fact === undefined) {
      const matters = mentionsMe || data.redacted === true || this.all.some((thread) => thread.mention_count > 0);
      return matters ? "unsure" : "same";
    }
    if (fact.parent_id === null || fact.is_deleted) return "same";
    const thread = this.#followed.get(fact.parent_id);
    const mayBegin = data.mentions.includes(this.#facts.me) || data.redacted === true;
    if (thread === undefined || mayBegin) return mayBegin ? "unsure" : "same";
    if (id <= thread.asOf) return "same";
    if (fact.asOf >= id) return "unsure";
    if (fact.author_id === this.#facts.me || fact.seq <= thread.read_seq || fact.mentions_me === mentionsMe) return "same";
    this.#followed.set(fact.parent_id, counted(thread, 0, mentionsMe ? 1 : -1));
    return "changed";
  }

  /** @param {import("../frames.js").MessageDeletedFrame} frame */
  #deletion({ id, channel_id, data }) {
    if (this.#followed.has(data.message_id)) return "unsure"; // a deleted root stays only while it has replies
    const fact = this.#facts.get(data.message_id);
    if (fact === undefined) {
      return this.all.some((thread) => thread.channel_id === channel_id) ? "unsure" : "same";
    }
    if (fact.parent_id === null) return "same";
    const thread = this.#followed.get(fact.parent_id);
    if (thread === undefined || id <= thread.asOf) return "same";
    if (fact.asOf >= id || thread.unread_capped) return "unsure";
    if (fact.is_deleted || fact.author_id === this.#facts.me || fact.seq <= thread.read_seq) return "same";
    this.#followed.set(fact.parent_id, counted(thread, -1, fact.mentions_me ? -1 : 0));
    return "changed";
  }

  /** @param {import("../frames.js").MemberJoinedFrame | import("../frames.js").MemberLeftFrame} frame */
  #membership(frame) {
    this.#forget(frame.channel_id);
    return frame.type === "member_joined" ? "unsure" : "changed";
  }

  /** @param {string} channelId */
  #forget(channelId) {
    for (const thread of this.all) if (thread.channel_id === channelId) this.#followed.delete(thread.root_id);
    return /** @type {const} */ ("changed");
  }
}

/**
 * @param {Thread} thread
 * @param {number} unread
 * @param {number} mentions
 * @returns {Thread}
 */
function counted(thread, unread, mentions) {
  const count = thread.unread_count + unread;
  return {
    ...thread,
    unread_count: Math.min(count, LIST_CAP),
    unread_capped: thread.unread_capped || count > LIST_CAP,
    mention_count: Math.max(0, thread.mention_count + mentions),
  };
}
