/**
 * Loads from REST beside a stream of events: what is answered is true at a position of its own, so the events that came meanwhile and lie
 * after it are given along, to be applied to it.
 *
 * @module
 */

import { SermoError } from "../errors.js";

/** @typedef {import("../frames.js").EventFrame} EventFrame */

/** The server waits up to 2 s for its views; then it answers with what it has. */
const AGAIN_MS = 1_000;
const TRIES = 10;

export class Loading {
  /** @type {EventFrame[]} */
  #frames = [];
  #running = 0;
  #generation = 0;
  #position = 0;
  /** @type {(() => void)[]} */
  #idle = [];

  /** Up to where events were applied. */
  get position() {
    return this.#position;
  }

  /** Whether nothing is being loaded. */
  get isIdle() {
    return this.#running === 0;
  }

  /**
   * An event was applied.
   *
   * @param {EventFrame} frame
   */
  applied(frame) {
    this.#position = frame.id;
    if (this.#running > 0) this.#frames.push(frame);
  }

  /** @param {number} position everything up to it was applied, if there was anything */
  moved(position) {
    this.#position = Math.max(this.#position, position);
  }

  /** @param {number} position begin from here: what is being loaded is of no use any more */
  restart(position) {
    this.#generation += 1;
    this.#frames = [];
    this.#position = position;
  }

  /**
   * Load something, and take it with the events after it.
   *
   * @template {{ position: number }} T
   * @param {(minPosition: number) => Promise<T>} load
   * @param {(answer: T, later: EventFrame[]) => void} take
   * @returns {Promise<boolean>} false where it was of no use any more
   */
  async load(load, take) {
    const generation = this.#generation;
    const end = this.begin();
    try {
      for (let tries = 0; tries < TRIES; tries += 1) {
        const since = this.#position;
        const answer = await load(since);
        if (generation !== this.#generation) return false;
        if (answer.position >= since) {
          take(
            answer,
            this.#frames.filter((frame) => frame.id > answer.position),
          );
          return true;
        }
        await new Promise((resolve) => setTimeout(resolve, AGAIN_MS)); // the server's views are behind its log
      }
      throw new SermoError("unavailable", "The server's views are behind.");
    } finally {
      end();
    }
  }

  /** Something begins that loads. @returns {() => void} it has ended */
  begin() {
    this.#running += 1;
    return () => {
      this.#running -= 1;
      if (this.#running > 0) return;
      this.#frames = [];
      for (const tell of this.#idle.splice(0)) tell();
    };
  }

  /** Resolves when nothing is being loaded. @returns {Promise<void>} */
  idle() {
    return this.#running === 0 ? Promise.resolve() : new Promise((resolve) => this.#idle.push(resolve));
  }
}
