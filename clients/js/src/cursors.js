/**
 * Where a client remembers up to where it has handled events: the position and its epoch, which is all that a resume needs.
 *
 * A store is anything with `load` and `save`. One store belongs to one person on one server: name it after them.
 *
 * @module
 */

/**
 * @typedef {{ position: number, epoch: string }} Cursor
 *
 * @typedef {object} CursorStore
 * @property {() => Promise<Cursor | null>} load
 * @property {(cursor: Cursor) => Promise<void>} save
 */

/**
 * As long as the page lives.
 *
 * @implements {CursorStore}
 */
export class MemoryCursors {
  /** @type {Cursor | null} */
  #cursor = null;

  async load() {
    return this.#cursor;
  }

  /** @param {Cursor} cursor */
  async save(cursor) {
    this.#cursor = cursor;
  }
}

/**
 * In `localStorage`. Synchronous and small, which is what a cursor is.
 *
 * @implements {CursorStore}
 */
export class LocalStorageCursors {
  /**
   * @param {string} name of the person, say their id
   * @param {Pick<Storage, "getItem" | "setItem">} [storage]
   */
  constructor(name, storage = localStorage) {
    this.#key = `sermo:cursor:${name}`;
    this.#storage = storage;
  }

  #key;
  #storage;

  async load() {
    return read(this.#storage.getItem(this.#key));
  }

  /** @param {Cursor} cursor */
  async save(cursor) {
    this.#storage.setItem(this.#key, JSON.stringify(cursor));
  }
}

/**
 * In IndexedDB, which workers have too.
 *
 * @implements {CursorStore}
 */
export class IndexedDbCursors {
  /**
   * @param {string} name of the person, say their id
   * @param {import("./database.js").KeyValue} keyValue from `openDatabase`
   */
  constructor(name, keyValue) {
    this.#key = `cursor:${name}`;
    this.#keyValue = keyValue;
  }

  #key;
  #keyValue;

  async load() {
    const found = await this.#keyValue.get(this.#key);
    return read(typeof found === "string" ? found : null);
  }

  /** @param {Cursor} cursor */
  async save(cursor) {
    await this.#keyValue.set(this.#key, JSON.stringify(cursor));
  }
}

/**
 * What was saved; null where it is no cursor, as after a hand or another program was there.
 *
 * @param {string | null} text
 * @returns {Cursor | null}
 */
function read(text) {
  if (text === null) return null;
  try {
    const { position, epoch } = JSON.parse(text);
    return Number.isSafeInteger(position) && position >= 0 && typeof epoch === "string" ? { position, epoch } : null;
  } catch {
    return null;
  }
}
