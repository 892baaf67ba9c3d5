/**
 * Selected values that stay the same object until something in them has changed, and listeners that are told when it has.
 *
 * Each value is made under a key. `touch` says that what is under the key has changed; the value is made anew when somebody asks.
 * Listeners are called once for all changes of the same turn, in a microtask.
 *
 * @module
 */

export class Views {
  /** @type {Map<string, unknown>} */
  #made = new Map();
  /** @type {Set<() => void>} */
  #listeners = new Set();
  #isTelling = false;

  /**
   * The value under the key.
   *
   * @template T
   * @param {string} key
   * @param {() => T} make
   * @returns {T}
   */
  value(key, make) {
    if (!this.#made.has(key)) this.#made.set(key, make());
    return /** @type {T} */ (this.#made.get(key));
  }

  /** @param {string[]} keys */
  touch(...keys) {
    for (const key of keys) this.#made.delete(key);
    this.#tellSoon();
  }

  /** Everything has changed. */
  touchAll() {
    this.#made.clear();
    this.#tellSoon();
  }

  /**
   * Call the listener with the selected value whenever it is another one than before.
   *
   * @template T
   * @param {() => T} select
   * @param {(value: T) => void} listener
   * @returns {() => void} ends it
   */
  subscribe(select, listener) {
    let last = select();
    const tell = () => {
      const value = select();
      if (Object.is(value, last)) return;
      last = value;
      listener(value);
    };
    this.#listeners.add(tell);
    return () => void this.#listeners.delete(tell);
  }

  #tellSoon() {
    if (this.#isTelling) return;
    this.#isTelling = true;
    queueMicrotask(() => {
      this.#isTelling = false;
      for (const tell of [...this.#listeners]) {
        try {
          if (this.#listeners.has(tell)) tell();
        } catch (error) {
          reportError(error); // as the browser does with any listener's
        }
      }
    });
  }
}
