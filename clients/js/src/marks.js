/**
 * Marks of a person who scrolls: of each channel and thread one is on its way at a time, then the furthest of those that came meanwhile.
 *
 * @module
 */

/**
 * @typedef {import("./client.js").Target} Target
 * @typedef {import("./frames.js").Done} Done
 * @typedef {{ seq: number, promise: Promise<Done | void>, resolve: (done?: Done) => void, reject: (error: unknown) => void }} Next
 */

export class Marks {
  /** @param {(type: "mark_read" | "mark_unread", data: Record<string, unknown>) => Promise<any>} ask */
  constructor(ask) {
    this.#ask = ask;
  }

  #ask;
  /** What is to be sent after the one that is on its way. @type {Map<string, Next | null>} */
  #next = new Map();

  /**
   * @param {Target} target
   * @param {number} seq
   * @returns {Promise<Done | void>} nothing where a mark as unread came in between
   */
  async read(target, seq) {
    const key = keyOf(target);
    const waiting = this.#next.get(key);
    if (waiting === undefined) return this.#send(key, target, seq);
    if (waiting !== null) {
      waiting.seq = Math.max(waiting.seq, seq);
      return waiting.promise;
    }
    const next = deferred(seq);
    this.#next.set(key, next);
    return next.promise;
  }

  /**
   * @param {Target} target
   * @param {number} seq
   * @returns {Promise<import("./frames.js").Done>}
   */
  unread(target, seq) {
    this.#next.get(keyOf(target))?.resolve(); // it would come after this one and undo it
    if (this.#next.has(keyOf(target))) this.#next.set(keyOf(target), null);
    return this.#ask("mark_unread", { ...dataOf(target), seq });
  }

  /**
   * @param {string} key
   * @param {Target} target
   * @param {number} seq
   * @returns {Promise<Done>}
   */
  async #send(key, target, seq) {
    this.#next.set(key, null);
    try {
      return await this.#ask("mark_read", { ...dataOf(target), seq });
    } finally {
      const next = this.#next.get(key);
      this.#next.delete(key);
      if (next) this.#send(key, target, next.seq).then(next.resolve, next.reject);
    }
  }
}

/** @param {Target} target */
function dataOf(target) {
  return "channelId" in target ? { channel_id: target.channelId } : { parent_id: target.parentId };
}

/** @param {Target} target */
function keyOf(target) {
  return "channelId" in target ? target.channelId : target.parentId;
}

/**
 * @param {number} seq
 * @returns {Next}
 */
function deferred(seq) {
  /** @type {any} */
  const next = { seq };
  next.promise = new Promise((resolve, reject) => Object.assign(next, { resolve, reject }));
  return next;
}
