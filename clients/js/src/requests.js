/**
 * Commands on the socket and their answers, joined by `ref`.
 *
 * A command is sent when the connection is live. All commands are safe to repeat, so one that was cut off is sent again on the
 * next connection until its time is up; `once` is for the outbox, which has its own order.
 *
 * @module
 */

import { SermoError, fromFrame } from "./errors.js";

/**
 * @typedef {import("./frames.js").ClientFrame} ClientFrame
 *
 * @typedef {object} Waiting
 * @property {any} frame
 * @property {boolean} once
 * @property {boolean} isSent
 * @property {(answer: any) => void} resolve
 * @property {(error: SermoError) => void} reject
 * @property {ReturnType<typeof setTimeout>} timer
 */

/** Less than a person's patience, more than a server's restart. */
const DEADLINE_MS = 30_000;
/** The server gives itself 5 s, and 2 s for marks. */
const ANSWER_MS = 10_000;

export class Requests {
  /**
   * @param {(frame: any) => void} send
   * @param {() => void} stalled an answer is overdue
   */
  constructor(send, stalled) {
    this.#send = send;
    this.#stalled = stalled;
  }

  #send;
  #stalled;
  #isLive = false;
  #count = 0;
  /** @type {Map<string, Waiting>} */
  #waiting = new Map();

  /**
   * Send a command; its answer's `data`. Rejects with the server's refusal, `timeout`, or `closed`; with `once` also with
   * `disconnected` where it is not known what became of it.
   *
   * @param {string} type
   * @param {Record<string, unknown>} data
   * @param {{ once?: boolean }} [how]
   * @returns {Promise<any>}
   */
  ask(type, data, { once = false } = {}) {
    if (once && !this.#isLive) return Promise.reject(disconnected());
    return new Promise((resolve, reject) => {
      const ref = `r${++this.#count}`;
      const timer = setTimeout(() => this.#overdue(ref), once ? ANSWER_MS : DEADLINE_MS);
      this.#waiting.set(ref, { frame: { type, ref, data }, once, isSent: false, resolve, reject, timer });
      this.#sendAll();
    });
  }

  /** The connection is live: what waits is sent, in the order in which it was asked. */
  live() {
    this.#isLive = true;
    this.#sendAll();
  }

  /** The connection is gone. */
  lost() {
    this.#isLive = false;
    for (const [ref, waiting] of this.#waiting) {
      waiting.isSent = false;
      if (waiting.once) this.#settle(ref)?.reject(disconnected());
    }
  }

  /** No connection will come. */
  closed() {
    this.#isLive = false;
    for (const ref of [...this.#waiting.keys()]) {
      this.#settle(ref)?.reject(new SermoError("closed", "The client was closed."));
    }
  }

  /** @param {import("./frames.js").ServerFrame & { ref: string }} frame */
  answered(frame) {
    const waiting = this.#waiting.get(frame.ref);
    if (waiting === undefined) return;
    if (frame.type !== "error" && frame.type !== "channel_join_error") {
      return void this.#settle(frame.ref)?.resolve("data" in frame ? frame.data : {});
    }
    const error = fromFrame(frame.data);
    if (waiting.once || !error.isLater || error.code === "conflict") return void this.#settle(frame.ref)?.reject(error);
    setTimeout(() => {
      waiting.isSent = false;
      this.#sendAll();
    }, error.retryAfterMs ?? 1_000);
  }

  #sendAll() {
    if (!this.#isLive) return;
    for (const waiting of this.#waiting.values()) {
      if (waiting.isSent) continue;
      waiting.isSent = true;
      this.#send(waiting.frame);
    }
  }

  /** @param {string} ref */
  #overdue(ref) {
    const waiting = this.#settle(ref);
    if (waiting === undefined) return;
    waiting.reject(new SermoError("timeout", "The server did not answer in time."));
    if (waiting.isSent) this.#stalled();
  }

  /** @param {string} ref */
  #settle(ref) {
    const waiting = this.#waiting.get(ref);
    if (waiting !== undefined) clearTimeout(waiting.timer);
    this.#waiting.delete(ref);
    return waiting;
  }
}

function disconnected() {
  return new SermoError("disconnected", "The connection ended before the answer.");
}
