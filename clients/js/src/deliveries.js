/**
 * What was received and waits for its listeners: one at a time, in order, and the cursor saved after them.
 *
 * Saved when nothing waits, and at least every 100 events; so what was handled may come again after a crash, and never is what was not
 * handled passed over.
 *
 * @module
 */

/**
 * @typedef {import("./cursors.js").Cursor} Cursor
 * @typedef {Extract<import("./link.js").News, { do: "event" | "position" | "resumed" | "resync" }>} News
 * @typedef {News & { cursor: Cursor | null }} Delivery `cursor`: what is handled when this one is
 *
 * @typedef {object} Outlet
 * @property {(delivery: Delivery) => Promise<unknown>} handle
 * @property {(cursor: Cursor) => Promise<void>} save
 * @property {(error: unknown, cursor: Cursor | null) => void} failed `handle` failed; the cursor of what was handled before
 * @property {(error: unknown) => void} fault `save` failed
 */

const SAVE_EVERY = 100;

export class Deliveries {
  /** @param {Outlet} outlet */
  constructor(outlet) {
    this.#outlet = outlet;
  }

  #outlet;
  /** @type {Delivery[]} */
  #waiting = [];
  #isRunning = false;
  /** @type {Cursor | null} */
  #handled = null;
  #unsaved = 0;

  /**
   * Begin after this, and forget what waits.
   *
   * @param {Cursor | null} cursor
   */
  async begin(cursor) {
    this.#waiting = [];
    this.#handled = cursor;
    this.#unsaved = 0;
    if (cursor !== null) await this.#save(cursor);
  }

  /** @param {Delivery} delivery */
  push(delivery) {
    this.#waiting.push(delivery);
    if (!this.#isRunning) void this.#run();
  }

  async #run() {
    this.#isRunning = true;
    for (let next = 0; next < this.#waiting.length; ) {
      const waiting = this.#waiting;
      const delivery = /** @type {Delivery} */ (waiting[next]);
      try {
        await this.#outlet.handle(delivery);
      } catch (error) {
        this.#waiting = [];
        this.#isRunning = false;
        this.#outlet.failed(error, this.#handled);
        return;
      }
      if (waiting !== this.#waiting) {
        next = 0; // begun anew meanwhile
        continue;
      }
      next += 1;
      if (delivery.do === "event" || delivery.do === "position") {
        this.#handled = delivery.cursor;
        this.#unsaved += 1;
      }
      const isLast = next === waiting.length;
      if (isLast) {
        this.#waiting = [];
        next = 0;
      }
      if (this.#handled !== null && this.#unsaved > 0 && (isLast || this.#unsaved >= SAVE_EVERY)) {
        this.#unsaved = 0;
        await this.#save(this.#handled);
      }
    }
    this.#isRunning = false;
  }

  /** @param {Cursor} cursor */
  async #save(cursor) {
    try {
      await this.#outlet.save(cursor);
    } catch (error) {
      this.#outlet.fault(error);
    }
  }
}
