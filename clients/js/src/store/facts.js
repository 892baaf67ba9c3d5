/**
 * What counting needs to know of a message, of every one that was seen and not only of those that are loaded: small, and the oldest are
 * forgotten.
 *
 * @module
 */

/**
 * @typedef {import("../frames.js").EventFrame} EventFrame
 *
 * @typedef {object} Fact
 * @property {string} channel_id
 * @property {number} seq
 * @property {string} author_id
 * @property {string | null} parent_id
 * @property {string} created_at
 * @property {boolean} on_page a root, or a reply that was also sent to the channel
 * @property {boolean} mentions_me by name or with everybody
 * @property {boolean} is_deleted
 * @property {number} asOf the position at which this is true
 */

const FACTS_MAX = 20_000;

export class Facts {
  /** @type {Map<string, Fact>} */
  #facts = new Map();
  /** Who I am. */
  me = "";

  /** @param {string} messageId */
  get(messageId) {
    return this.#facts.get(messageId);
  }

  /** Positions have lost their meaning: nothing is known. */
  clear() {
    this.#facts.clear();
  }

  /**
   * Learn from a message that was true at a position.
   *
   * @param {import("../bodies.js").Message} message
   * @param {number} asOf
   */
  put(message, asOf) {
    const known = this.#facts.get(message.message_id);
    if (known !== undefined && known.asOf >= asOf) return;
    this.#facts.delete(message.message_id); // so that it becomes the youngest
    this.#facts.set(message.message_id, {
      channel_id: message.channel_id,
      seq: message.seq,
      author_id: message.author_id,
      parent_id: message.parent_id ?? null,
      created_at: message.created_at,
      on_page: message.parent_id == null || message.also_to_channel === true,
      mentions_me: message.mentions_channel === true || (message.mentions?.includes(this.me) ?? false),
      is_deleted: message.deleted_at != null,
      asOf,
    });
    if (this.#facts.size > FACTS_MAX) {
      const oldest = this.#facts.keys().next().value;
      if (oldest !== undefined) this.#facts.delete(oldest);
    }
  }

  /**
   * Learn from an event.
   *
   * @param {EventFrame} frame
   */
  apply(frame) {
    switch (frame.type) {
      case "new_message":
      case "new_reply":
        return this.put({ ...frame.data, channel_id: frame.channel_id, seq: frame.seq }, frame.id);
      case "message_updated": {
        const { mentions, mentions_channel } = frame.data;
        return this.#change(frame, { mentions_me: mentions_channel || mentions.includes(this.me) });
      }
      case "message_deleted":
        return this.#change(frame, { mentions_me: false, is_deleted: true });
    }
  }

  /**
   * @param {import("../frames.js").MessageUpdatedFrame | import("../frames.js").MessageDeletedFrame} frame
   * @param {Partial<Fact>} change
   */
  #change({ id, data }, change) {
    const known = this.#facts.get(data.message_id);
    if (known !== undefined && known.asOf < id) this.#facts.set(data.message_id, { ...known, ...change, asOf: id });
  }
}
