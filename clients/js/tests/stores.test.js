import assert from "node:assert/strict";
import { test } from "node:test";

import { IndexedDbCursors, IndexedDbOutbox, LocalStorageCursors, LocalStorageOutbox, MemoryCursors, MemoryOutbox, newId } from "../src/index.js";
import { FakeStorage } from "./support.js";

/** What `openDatabase` answers, in memory; the real one is tried in a browser by tests/clients/js/test_browser.py. */
function keyValue() {
  const values = new Map();
  return {
    get: async (key) => values.get(key),
    set: async (key, value) => void values.set(key, value),
    remove: async (key) => void values.delete(key),
    values: async (prefix) => [...values].filter(([key]) => key.startsWith(prefix)).map(([, value]) => value),
  };
}

const storage = new FakeStorage();
const database = keyValue();
const cursors = {
  memory: () => new MemoryCursors(),
  localStorage: (name) => new LocalStorageCursors(name, storage),
  IndexedDB: (name) => new IndexedDbCursors(name, database),
};
const outboxes = {
  memory: () => new MemoryOutbox(),
  localStorage: (name) => new LocalStorageOutbox(name, storage),
  IndexedDB: (name) => new IndexedDbOutbox(name, database),
};

for (const [kind, make] of Object.entries(cursors)) {
  test(`a cursor in ${kind} is what was saved last, and each person's own`, async () => {
    const store = make("ann");
    assert.equal(await store.load(), null);
    await store.save({ position: 1, epoch: "e" });
    await store.save({ position: 2, epoch: "f" });
    assert.deepEqual(await store.load(), { position: 2, epoch: "f" });
    assert.equal(await make("ben").load(), null);
  });
}

for (const [kind, make] of Object.entries(outboxes)) {
  test(`an outbox in ${kind} keeps its entries in order, each until it is removed`, async () => {
    const store = make("ann");
    const entries = [1, 2, 3].map((n) => ({ message_id: newId(), channel_id: "c", content: String(n), written_at: n, owner: "t" }));
    for (const entry of entries) await store.put(entry);
    assert.deepEqual(await store.load(), entries);
    await store.remove(entries[0].message_id);
    await store.put({ ...entries[1], owner: "u" });
    assert.deepEqual((await store.load()).map((entry) => [entry.content, entry.owner]), [["2", "u"], ["3", "t"]]);
    assert.deepEqual(await make("ben").load(), []);
  });
}

test("what is not a cursor or an entry is passed over", async () => {
  storage.setItem("sermo:cursor:eve", "{");
  storage.setItem("sermo:outbox:eve:1", "nonsense");
  assert.equal(await new LocalStorageCursors("eve", storage).load(), null);
  assert.deepEqual(await new LocalStorageOutbox("eve", storage).load(), []);
});

test("new ids are of version 7 and rise", () => {
  const ids = Array.from({ length: 10_000 }, newId);
  for (const id of ids) assert.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  assert.deepEqual([...ids].sort(), ids);
  assert.equal(new Set(ids).size, ids.length);
  assert.ok(Math.abs(parseInt(ids[0].slice(0, 8) + ids[0].slice(9, 13), 16) - Date.now()) < 10_000);
});
