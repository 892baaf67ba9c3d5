/**
 * A small table of keys and values in IndexedDB, for cursors and outboxes.
 *
 * @module
 */

/**
 * @typedef {object} KeyValue
 * @property {(key: string) => Promise<unknown>} get
 * @property {(key: string, value: unknown) => Promise<void>} set
 * @property {(key: string) => Promise<void>} remove
 * @property {(prefix: string) => Promise<unknown[]>} values those of all keys that begin so, in order of the keys
 */

const TABLE = "values";

/**
 * Open the table, and make it the first time.
 *
 * @param {string} [name] of the database
 * @param {IDBFactory} [factory]
 * @returns {Promise<KeyValue>}
 */
export async function openDatabase(name = "sermo", factory = indexedDB) {
  const opening = factory.open(name, 1);
  opening.onupgradeneeded = () => opening.result.createObjectStore(TABLE);
  const database = await answer(opening);

  /** @param {IDBTransactionMode} mode */
  const table = (mode) => database.transaction(TABLE, mode).objectStore(TABLE);
  /** @param {IDBObjectStore} store */
  const committed = (store) =>
    new Promise((resolve, reject) => {
      store.transaction.oncomplete = () => resolve(undefined);
      store.transaction.onabort = store.transaction.onerror = () => reject(store.transaction.error);
    });

  return {
    get: (key) => answer(table("readonly").get(key)),
    values: (prefix) => answer(table("readonly").getAll(IDBKeyRange.bound(prefix, `${prefix}\uffff`))),
    async set(key, value) {
      const store = table("readwrite");
      store.put(value, key);
      await committed(store);
    },
    async remove(key) {
      const store = table("readwrite");
      store.delete(key);
      await committed(store);
    },
  };
}

/**
 * @template T
 * @param {IDBRequest<T>} request
 * @returns {Promise<T>}
 */
function answer(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}
