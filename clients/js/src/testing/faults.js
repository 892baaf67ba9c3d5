/**
 * What can go wrong between the fake server and its clients, on demand.
 *
 *     server.faults.reset((frame) => frame.type === "message_sent");   // the message is in the log, its answer is lost
 *
 * @module
 */

/**
 * @typedef {(frame: any, userId: string) => boolean} Match which of the server's frames
 * @typedef {"drop" | "duplicate" | "delay" | "reset"} Kind
 * @typedef {{ kind: Kind, match: Match, times: number, ms: number }} Fault
 */

export class Faults {
  /** @type {Fault[]} */
  #faults = [];

  /**
   * Lose a frame. Of an event the client notices: its feed has a hole.
   *
   * @param {Match} match
   * @param {{ times?: number }} [how]
   */
  drop(match, { times = 1 } = {}) {
    this.#faults.push({ kind: "drop", match, times, ms: 0 });
  }

  /**
   * Send a frame twice.
   *
   * @param {Match} match
   * @param {{ times?: number }} [how]
   */
  duplicate(match, { times = 1 } = {}) {
    this.#faults.push({ kind: "duplicate", match, times, ms: 0 });
  }

  /**
   * Hold a frame, and what comes after it, for a while.
   *
   * @param {number} ms
   * @param {Match} match
   * @param {{ times?: number }} [how]
   */
  delay(ms, match, { times = 1 } = {}) {
    this.#faults.push({ kind: "delay", match, times, ms });
  }

  /**
   * Break the connection instead of sending a frame.
   *
   * @param {Match} match
   * @param {{ times?: number }} [how]
   */
  reset(match, { times = 1 } = {}) {
    this.#faults.push({ kind: "reset", match, times, ms: 0 });
  }

  /** Nothing goes wrong any more. */
  clear() {
    this.#faults = [];
  }

  /**
   * What happens to this frame.
   *
   * @param {any} frame
   * @param {string} userId
   * @returns {Fault | null}
   */
  of(frame, userId) {
    const fault = this.#faults.find((one) => one.match(frame, userId));
    if (fault === undefined) return null;
    fault.times -= 1;
    if (fault.times <= 0) this.#faults = this.#faults.filter((one) => one !== fault);
    return fault;
  }
}
