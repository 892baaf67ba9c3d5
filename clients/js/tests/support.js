/** What the tests share. */

import { afterEach } from "node:test";

export { until } from "./until.js";

const open = [];

afterEach(() => {
  for (const one of open.splice(0)) one.close();
});

/** Close it when the test has ended, however it has. */
export function closing(one) {
  open.push(one);
  return one;
}

/** A `localStorage` in memory. */
export class FakeStorage {
  #values = new Map();

  get length() {
    return this.#values.size;
  }

  key(place) {
    return [...this.#values.keys()][place] ?? null;
  }

  getItem(key) {
    return this.#values.get(key) ?? null;
  }

  setItem(key, value) {
    this.#values.set(key, String(value));
  }

  removeItem(key) {
    this.#values.delete(key);
  }
}

/** Web Locks in memory: exclusive ones, as several tabs of one browser share them. */
export class FakeLocks {
  #held = new Map();

  async request(name, run) {
    while (this.#held.has(name)) await this.#held.get(name);
    const running = Promise.resolve().then(() => run({ name }));
    const ended = running.then(() => undefined, () => undefined);
    this.#held.set(name, ended);
    void ended.then(() => this.#held.get(name) === ended && this.#held.delete(name));
    return running;
  }

  async query() {
    return { held: [...this.#held.keys()].map((name) => ({ name })), pending: [] };
  }
}
