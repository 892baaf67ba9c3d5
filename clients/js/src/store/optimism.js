/**
 * What the person did and the log does not have yet: messages on their way, and changes of messages that are shown at once and taken
 * back when they are refused.
 *
 * A change is laid over the message, and goes when the server has refused it, or when the event of it has been applied: the message itself
 * is always what the log says.
 *
 * @module
 */

/**
 * @typedef {import("./messages.js").Message} Message
 * @typedef {import("../outbox.js").SendHandle} SendHandle
 *
 * @typedef {{ change: (message: Message) => Message, doneAt: number | null }} Overlay `doneAt`: the position of the event of it
 */

export class Optimism {
  /** @param {(messageId: string) => void} touch */
  constructor(touch) {
    this.#touch = touch;
  }

  #touch;
  /** @type {Map<string, Overlay[]>} */
  #overlays = new Map();
  /** @type {Map<string, SendHandle>} */
  #sending = new Map();
  #position = 0;

  /**
   * Show a change at once, and carry it out.
   *
   * @template {{ id: number }} T
   * @param {string} messageId
   * @param {(message: Message) => Message} change
   * @param {() => Promise<T>} carryOut
   * @returns {Promise<T>}
   */
  async try(messageId, change, carryOut) {
    /** @type {Overlay} */
    const overlay = { change, doneAt: null };
    this.#overlays.set(messageId, [...(this.#overlays.get(messageId) ?? []), overlay]);
    this.#touch(messageId);
    try {
      const done = await carryOut();
      overlay.doneAt = done.id;
      if (done.id <= this.#position) this.#drop(messageId, overlay);
      return done;
    } catch (error) {
      this.#drop(messageId, overlay);
      throw error;
    }
  }

  /**
   * The message with what is laid over it.
   *
   * @param {Message} message
   * @returns {Message}
   */
  over(message) {
    const overlays = this.#overlays.get(message.message_id) ?? [];
    return overlays.reduce((changed, overlay) => overlay.change(changed), message);
  }

  /** @param {string} messageId */
  isChanging(messageId) {
    return this.#overlays.has(messageId);
  }

  /** @param {SendHandle} handle it is new, or in another state */
  sending(handle) {
    this.#sending.set(handle.messageId, handle);
  }

  /** @param {string} messageId its event has come, or it was discarded */
  sent(messageId) {
    this.#sending.delete(messageId);
  }

  /** Messages on their way, oldest first. */
  get handles() {
    return [...this.#sending.values()];
  }

  /**
   * Events up to here were applied.
   *
   * @param {number} position
   */
  applied(position) {
    this.#position = position;
    for (const [messageId, overlays] of this.#overlays) {
      for (const overlay of overlays) if (overlay.doneAt !== null && overlay.doneAt <= position) this.#drop(messageId, overlay);
    }
    for (const handle of this.#sending.values()) {
      if (handle.position !== null && handle.position <= position) this.sent(handle.messageId);
    }
  }

  /**
   * @param {string} messageId
   * @param {Overlay} overlay
   */
  #drop(messageId, overlay) {
    const left = (this.#overlays.get(messageId) ?? []).filter((one) => one !== overlay);
    if (left.length > 0) this.#overlays.set(messageId, left);
    else this.#overlays.delete(messageId);
    this.#touch(messageId);
  }
}
