/**
 * `@sermo/client`: a Sermo server's socket, REST, and a store over both.
 *
 * @module
 */

export { SermoClient } from "./client.js";
export { IndexedDbCursors, LocalStorageCursors, MemoryCursors } from "./cursors.js";
export { openDatabase } from "./database.js";
export { SermoError } from "./errors.js";
export { newId } from "./ids.js";
export { SendHandle } from "./outbox.js";
export { IndexedDbOutbox, LocalStorageOutbox, MemoryOutbox } from "./outbox_stores.js";
export { SermoRest } from "./rest.js";
export { LocalStorageTokens, MemoryTokens, Session } from "./session.js";
export { Store, createStore } from "./store/index.js";
export { Tab } from "./tabs.js";
