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
  /** What was made before, which is kept where the new one says the same. @type {Map<string, unknown>} */
  #before = new Map();
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
    if (!this.#made.has(key)) {
      const before = this.#before.get(key);
      const made = make();
      this.#made.set(key, says(before, made) ? before : made);
      this.#before.delete(key);
    }
    return /** @type {T} */ (this.#made.get(key));
  }

  /** @param {string[]} keys */
  touch(...keys) {
    for (const key of keys) {
      if (this.#made.has(key)) this.#before.set(key, this.#made.get(key));
      this.#made.delete(key);
    }
    this.#tellSoon();
  }

  /** Everything has changed. */
  touchAll() {
    this.touch(...this.#made.keys());
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
          console.error(error); // the others are told all the same
        }
      }
    });
  }
}

/**
 * Whether two values say the same: objects by their fields, lists by their elements, and what these hold by identity, since it was selected
 * itself.
 *
 * @param {unknown} before
 * @param {unknown} now
 * @param {number} [depth]
 * @returns {boolean}
 */
function says(before, now, depth = 2) {
  if (Object.is(before, now)) return true;
  if (depth === 0 || typeof before !== "object" || typeof now !== "object" || before === null || now === null) return false;
  if (Array.isArray(before) !== Array.isArray(now)) return false;
  if (Array.isArray(before) && Array.isArray(now)) {
    return before.length === now.length && before.every((one, place) => Object.is(one, now[place]));
  }
  const fields = Object.entries(now);
  return Object.keys(before).length === fields.length && fields.every(([key, one]) => says(/** @type {any} */ (before)[key], one, depth - 1));
}
