/** What the tests share. */

import { afterEach } from "node:test";

const open = [];

afterEach(() => {
  for (const one of open.splice(0)) one.close();
});

/** Close it when the test has ended, however it has. */
export function closing(one) {
  open.push(one);
  return one;
}

/** Wait until a claim holds; a claim may be asked often. */
export async function until(claim, what = String(claim), timeoutMs = 5_000) {
  const end = Date.now() + timeoutMs;
  for (;;) {
    const found = await claim();
    if (found) return found;
    if (Date.now() > end) throw new Error(`not within ${timeoutMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
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
