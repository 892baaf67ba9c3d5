/**
 * Listeners by name.
 *
 * @module
 */

/**
 * @template {Record<string, unknown>} Events
 */
export class Emitter {
  /** @type {Map<keyof Events, Set<(value: any) => unknown>>} */
  #listeners = new Map();

  /**
   * Call this for every such event; the answer ends it.
   *
   * @template {keyof Events} Name
   * @param {Name} name
   * @param {(value: Events[Name]) => unknown} listener
   * @returns {() => void}
   */
  on(name, listener) {
    const listeners = this.#listeners.get(name) ?? new Set();
    this.#listeners.set(name, listeners);
    const own = (/** @type {Events[Name]} */ value) => listener(value); // so that one function may be added twice
    listeners.add(own);
    return () => void listeners.delete(own);
  }

  /** @param {keyof Events} name */
  isHeard(name) {
    return (this.#listeners.get(name)?.size ?? 0) > 0;
  }

  /**
   * Call all listeners in their order. One that throws does not keep the others from being called; the first error is thrown afterwards.
   *
   * @template {keyof Events} Name
   * @param {Name} name
   * @param {Events[Name]} value
   */
  emit(name, value) {
    /** @type {unknown[]} */
    const errors = [];
    for (const listener of [...(this.#listeners.get(name) ?? [])]) {
      try {
        listener(value);
      } catch (error) {
        errors.push(error);
      }
    }
    if (errors.length > 0) throw errors[0];
  }

  /**
   * Call all listeners in their order, each when the one before it has finished. Stops at the first that fails.
   *
   * @template {keyof Events} Name
   * @param {Name} name
   * @param {Events[Name]} value
   * @returns {Promise<void>}
   */
  async emitInOrder(name, value) {
    for (const listener of [...(this.#listeners.get(name) ?? [])]) await listener(value);
  }
}
