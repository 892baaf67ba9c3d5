/**
 * The messages that are loaded, each with the position at which it is true, so that an event is applied to it exactly once,
 * whichever of the two came first.
 *
 * @module
 */

import { changed, concerned, posted, repliedTo, whole } from "./messages.js";

/**
 * @typedef {import("./messages.js").Message} Message
 * @typedef {import("../frames.js").EventFrame} EventFrame
 * @typedef {{ message: Message, asOf: number }} Held
 */

export class Records {
  /** @type {Map<string, Held>} */
  #held = new Map();
  /** Roots whose last reply is not known, to be loaded anew. @type {Set<string>} */
  unsure = new Set();
  /** Deleted messages of which it is not known whether they were replies of a root that is held. @type {Set<string>} */
  strangers = new Set();

  /** @param {string} messageId */
  get(messageId) {
    return this.#held.get(messageId)?.message;
  }

  /**
   * Take a message that was true at a position. What is known already and is newer stays.
   *
   * @param {import("../bodies.js").Message} message
   * @param {number} asOf
   */
  put(message, asOf) {
    const held = this.#held.get(message.message_id);
    if (held === undefined || held.asOf <= asOf) this.#held.set(message.message_id, { message: whole(message), asOf });
  }

  /**
   * @param {EventFrame} frame
   * @returns {string[]} the ids of the messages that it changed
   */
  apply(frame) {
    if (frame.type === "new_message" || frame.type === "new_reply") {
      this.put(posted(frame), frame.id);
      if (frame.type === "new_message") return [frame.data.message_id];
      const { parent_id, created_at } = frame.data;
      return [frame.data.message_id, ...this.#change(parent_id, frame.id, (root) => repliedTo(root, created_at))];
    }
    const id = concerned(frame);
    return id === null ? [] : this.#change(id, frame.id, (message) => changed(message, frame));
  }

  /**
   * A reply of a root was deleted. When the newest of those that are left was written is not known where it was the newest itself: then
   * its time stays, and `unsure` has the root.
   *
   * @param {string} rootId
   * @param {number} position
   * @param {string} createdAt when the reply was written
   * @returns {string[]} the root, where it has changed
   */
  replyDeleted(rootId, position, createdAt) {
    return this.#change(rootId, position, (root) => {
      const left = Math.max(0, root.reply_count - 1);
      if (left > 0 && createdAt >= (root.last_reply_at ?? "")) this.unsure.add(rootId);
      return { ...root, reply_count: left, last_reply_at: left === 0 ? null : root.last_reply_at };
    });
  }

  /**
   * Something that was never seen was deleted: perhaps a reply of a root that is held.
   *
   * @param {string} messageId
   * @param {string} channelId
   * @param {number} position
   */
  strangerDeleted(messageId, channelId, position) {
    for (const { message, asOf } of this.#held.values()) {
      if (message.channel_id !== channelId || message.reply_count === 0 || asOf >= position) continue;
      this.strangers.add(messageId);
      return;
    }
  }

  /** @param {string} messageId what is known of it is wrong: the next page that has it is right */
  distrust(messageId) {
    const held = this.#held.get(messageId);
    if (held !== undefined) this.#held.set(messageId, { ...held, asOf: -1 });
  }

  /** Positions have lost their meaning: what is known is older than anything that is loaded now. */
  age() {
    for (const [id, { message }] of this.#held) this.#held.set(id, { message, asOf: -1 });
  }

  /**
   * Forget all but these.
   *
   * @param {Set<string>} wanted
   */
  keep(wanted) {
    for (const id of this.#held.keys()) if (!wanted.has(id)) this.#held.delete(id);
  }

  get size() {
    return this.#held.size;
  }

  /** @returns {IterableIterator<Message>} */
  *messages() {
    for (const { message } of this.#held.values()) yield message;
  }

  /**
   * @param {string} id
   * @param {number} position
   * @param {(message: Message) => Message} change
   * @returns {string[]}
   */
  #change(id, position, change) {
    const held = this.#held.get(id);
    if (held === undefined || position <= held.asOf) return [];
    this.#held.set(id, { message: change(held.message), asOf: position });
    return [id];
  }
}
