/**
 * Which of a person's tabs sends what: tabs share the outbox's storage and nothing else.
 *
 * A tab holds a Web Lock for as long as it lives, so what a closed or reloaded tab has left can be told from what another one is
 * sending. Browsers have no such locks on plain http; there a tab is known by `sessionStorage`, which outlives a reload, and what others
 * wrote is taken over when it is old. Should two tabs send the same message, it is still posted once: the id is the key.
 *
 * @module
 */

import { newId } from "./ids.js";

/** Without locks, what another tab wrote so long ago was given up by it. */
const ABANDONED_MS = 30_000;

export class Tab {
  /**
   * @param {object} [options]
   * @param {Pick<LockManager, "request" | "query"> | null} [options.locks]
   * @param {Pick<Storage, "getItem" | "setItem"> | null} [options.session]
   */
  constructor({ locks = defaultLocks(), session = defaultSession() } = {}) {
    this.#locks = locks;
    const known = locks === null ? session?.getItem("sermo:tab") : null;
    this.id = known ?? newId();
    if (locks === null) session?.setItem("sermo:tab", this.id);
    this.open();
  }

  #locks;
  /** The own lock is held. @type {Promise<unknown>} */
  #held = Promise.resolve();
  /** @type {(value?: unknown) => void} */
  #release = () => undefined;
  #isOpen = false;

  /** The tab sends its own from now on, and nobody else does. */
  open() {
    const locks = this.#locks;
    if (this.#isOpen || locks === null) return;
    this.#isOpen = true;
    this.#held = new Promise((resolve) => void locks.request(this.#name(this.id), () => this.#whileOpen(resolve)));
  }

  /**
   * Run this while no other tab does so.
   *
   * @template T
   * @param {() => Promise<T>} work
   * @returns {Promise<T>}
   */
  async alone(work) {
    await this.#held;
    return this.#locks === null ? work() : this.#locks.request("sermo:outbox", work);
  }

  /**
   * Whether what that tab wrote is left to this one.
   *
   * @param {string} owner
   * @param {number} writtenAt
   * @returns {Promise<boolean>}
   */
  async mayAdopt(owner, writtenAt) {
    if (owner === this.id) return true;
    if (this.#locks === null) return Date.now() - writtenAt >= ABANDONED_MS;
    const { held = [] } = await this.#locks.query();
    return !held.some((lock) => lock.name === this.#name(owner));
  }

  /** The tab's client was closed: others may take over. */
  close() {
    this.#isOpen = false;
    this.#release();
  }

  /** @param {string} id */
  #name(id) {
    return `sermo:tab:${id}`;
  }

  /** @param {(value?: unknown) => void} held */
  #whileOpen(held) {
    held();
    return new Promise((resolve) => (this.#release = resolve));
  }
}

function defaultLocks() {
  return globalThis.navigator?.locks ?? null;
}

function defaultSession() {
  try {
    return globalThis.sessionStorage ?? null;
  } catch {
    return null; // forbidden by the browser's settings
  }
}
