/**
 * Where an outbox keeps what is not sent yet, so that a reload finds it again.
 *
 * A store is anything with `load`, `put` and `remove`. One store belongs to one person on one server: name it after them. All tabs
 * share it, and each entry names the tab that sends it.
 *
 * @module
 */

/**
 * @typedef {object} Entry a message that is to be sent
 * @property {string} message_id
 * @property {string} channel_id
 * @property {string} content
 * @property {string} [parent_id]
 * @property {boolean} [also_to_channel]
 * @property {string[]} [attachment_ids]
 * @property {number} written_at ms since 1970
 * @property {string} owner the tab that sends it
 * @property {{ code: string, message: string }} [failed] why it was refused
 *
 * @typedef {object} OutboxStore
 * @property {() => Promise<Entry[]>} load all of the person's, oldest first
 * @property {(entry: Entry) => Promise<void>} put
 * @property {(messageId: string) => Promise<void>} remove
 */

/**
 * As long as the page lives.
 *
 * @implements {OutboxStore}
 */
export class MemoryOutbox {
  /** @type {Map<string, Entry>} */
  #entries = new Map();

  async load() {
    return [...this.#entries.values()];
  }

  /** @param {Entry} entry */
  async put(entry) {
    this.#entries.set(entry.message_id, entry);
  }

  /** @param {string} messageId */
  async remove(messageId) {
    this.#entries.delete(messageId);
  }
}

/**
 * In `localStorage`, a key for each message.
 *
 * @implements {OutboxStore}
 */
export class LocalStorageOutbox {
  /**
   * @param {string} name of the person, say their id
   * @param {Pick<Storage, "getItem" | "setItem" | "removeItem" | "key" | "length">} [storage]
   */
  constructor(name, storage = localStorage) {
    this.#prefix = `sermo:outbox:${name}:`;
    this.#storage = storage;
  }

  #prefix;
  #storage;

  async load() {
    const texts = [];
    for (let place = 0; place < this.#storage.length; place += 1) {
      const key = this.#storage.key(place);
      if (key?.startsWith(this.#prefix)) texts.push(this.#storage.getItem(key));
    }
    return sorted(texts);
  }

  /** @param {Entry} entry */
  async put(entry) {
    this.#storage.setItem(this.#prefix + entry.message_id, JSON.stringify(entry));
  }

  /** @param {string} messageId */
  async remove(messageId) {
    this.#storage.removeItem(this.#prefix + messageId);
  }
}

/**
 * In IndexedDB, which workers have too.
 *
 * @implements {OutboxStore}
 */
export class IndexedDbOutbox {
  /**
   * @param {string} name of the person, say their id
   * @param {import("./database.js").KeyValue} keyValue from `openDatabase`
   */
  constructor(name, keyValue) {
    this.#prefix = `outbox:${name}:`;
    this.#keyValue = keyValue;
  }

  #prefix;
  #keyValue;

  async load() {
    return sorted(await this.#keyValue.values(this.#prefix));
  }

  /** @param {Entry} entry */
  async put(entry) {
    await this.#keyValue.set(this.#prefix + entry.message_id, JSON.stringify(entry));
  }

  /** @param {string} messageId */
  async remove(messageId) {
    await this.#keyValue.remove(this.#prefix + messageId);
  }
}

/**
 * What can be read, oldest first: the ids rise with time.
 *
 * @param {unknown[]} texts
 * @returns {Entry[]}
 */
function sorted(texts) {
  const entries = texts.flatMap((text) => {
    try {
      const entry = JSON.parse(String(text));
      return typeof entry?.message_id === "string" ? [/** @type {Entry} */ (entry)] : [];
    } catch {
      return [];
    }
  });
  return entries.sort((one, other) => (one.message_id < other.message_id ? -1 : 1));
}
