import assert from "node:assert/strict";
import { test } from "node:test";

import { LocalStorageOutbox, MemoryOutbox, SermoClient, SermoError, Tab } from "../src/index.js";
import { FakeServer } from "../src/testing/index.js";
import { FakeLocks, FakeStorage, closing, until } from "./support.js";

function town() {
  const server = new FakeServer();
  const ann = server.person("ann");
  const channels = ["one", "two"].map((name) => server.commands.createChannel(ann, { name }));
  return { server, ann, channels };
}

function clientOf(server, userId, options = {}) {
  return closing(new SermoClient({ ...server.optionsFor(userId), random: () => 0, ...options }));
}

const said = (server, channel) => server.model.page(channel).map((message) => message.content);
const numbers = (count) => Array.from({ length: count }, (_, n) => String(n + 1));

test("what is written offline is sent once and in order per channel when the connection is there", async () => {
  const { server, ann, channels } = town();
  const client = clientOf(server, ann);
  const handles = numbers(6).map((content, n) => client.send(channels[n % 2], content));
  assert.deepEqual(new Set(handles.map((handle) => handle.state)), new Set(["pending"]));
  await client.connect();
  await Promise.all(handles.map((handle) => handle.settled));
  assert.deepEqual(said(server, channels[0]), ["1", "3", "5"]);
  assert.deepEqual(said(server, channels[1]), ["2", "4", "6"]);
  assert.deepEqual(client.outbox, []);
});

test("a message whose answer was lost is posted once", async () => {
  const { server, ann, channels } = town();
  const client = clientOf(server, ann);
  await client.connect();
  server.faults.reset((frame) => frame.type === "message_sent", { times: 3 });
  const handles = numbers(4).map((content) => client.send(channels[0], content));
  await Promise.all(handles.map((handle) => handle.settled));
  assert.deepEqual(said(server, channels[0]), ["1", "2", "3", "4"]);
  assert.deepEqual(handles.map((handle) => handle.position), server.model.page(channels[0]).map((message) => message.position));
});

test("a refused message fails with the reason, the next one goes on, and it can be sent again or forgotten", async () => {
  const { server, ann, channels } = town();
  const store = new MemoryOutbox();
  const client = clientOf(server, ann, { outbox: store });
  await client.connect();
  server.commands.updateChannel(ann, channels[0], { archived_at: "2026-01-01T00:00:00.000000Z" });
  const [refused, other] = [client.send(channels[0], "late"), client.send(channels[1], "fine")];
  await refused.settled;
  await other.settled;
  assert.equal(refused.state, "failed");
  assert.equal(refused.reason.code, "archived");
  assert.deepEqual(client.outbox, [refused]);
  server.commands.updateChannel(ann, channels[0], { archived_at: null });
  await refused.retry();
  await refused.settled;
  assert.equal(refused.state, "accepted");
  assert.deepEqual(said(server, channels[0]), ["late"]);
  const gone = client.send(channels[0], " ");
  await gone.settled;
  await gone.discard();
  assert.deepEqual(await store.load(), []);
});

test("a message that the server has no room for is sent again after the delay, and its successor waits", async () => {
  const { server, ann, channels } = town();
  const client = clientOf(server, ann);
  await client.connect();
  const run = server.commands.run.bind(server.commands);
  let refusals = 2;
  server.commands.run = (me, type, data) => {
    if (refusals-- > 0) throw new SermoError("overloaded", "Too much is waiting.");
    return run(me, type, data);
  };
  const handles = numbers(3).map((content) => client.send(channels[0], content));
  await Promise.all(handles.map((handle) => handle.settled));
  assert.deepEqual(said(server, channels[0]), ["1", "2", "3"]);
});

test("what a reload has left is sent by the next page, also what failed is shown again", async () => {
  const { server, ann, channels } = town();
  const storage = new FakeStorage();
  const locks = new FakeLocks();
  const before = new Tab({ locks });
  const old = clientOf(server, ann, { outbox: new LocalStorageOutbox(ann, storage), tab: before });
  old.send(channels[0], "kept");
  await until(() => storage.length === 1);
  before.close(); // the page is gone
  const client = clientOf(server, ann, { outbox: new LocalStorageOutbox(ann, storage), tab: new Tab({ locks }) });
  await client.connect();
  await until(() => said(server, channels[0]).length === 1);
  assert.deepEqual(said(server, channels[0]), ["kept"]);
  await until(() => storage.length === 0);
});

test("what a closed client has left is sent by the next one of the same page", async () => {
  const { server, ann, channels } = town();
  const storage = new FakeStorage();
  const locks = new FakeLocks();
  const make = () => clientOf(server, ann, { outbox: new LocalStorageOutbox(ann, storage), tab: new Tab({ locks }) });
  const first = make();
  first.send(channels[0], "left");
  await until(() => storage.length === 1);
  first.close();
  await make().connect();
  await until(() => said(server, channels[0]).length === 1);
});

test("two tabs do not send each other's messages, and the living one takes over from the closed one", async () => {
  const { server, ann, channels } = town();
  const storage = new FakeStorage();
  const locks = new FakeLocks();
  const tabs = [new Tab({ locks }), new Tab({ locks })];
  const clients = tabs.map((tab) => clientOf(server, ann, { outbox: new LocalStorageOutbox(ann, storage), tab }));
  clients[0].send(channels[0], "of the first tab"); // which is not connected
  await until(() => storage.length === 1);
  await clients[1].connect();
  await clients[1].send(channels[0], "of the second tab").settled;
  assert.deepEqual(said(server, channels[0]), ["of the second tab"]);
  tabs[0].close();
  server.reset();
  await until(() => said(server, channels[0]).length === 2);
  assert.deepEqual(said(server, channels[0]), ["of the second tab", "of the first tab"]);
});

test("without locks a reload of the same tab finds its messages at once, and others' when they are old", async () => {
  const session = new FakeStorage();
  const first = new Tab({ locks: null, session });
  const reloaded = new Tab({ locks: null, session });
  assert.equal(await reloaded.mayAdopt(first.id, Date.now()), true);
  const other = new Tab({ locks: null, session: new FakeStorage() });
  assert.equal(await other.mayAdopt(first.id, Date.now()), false);
  assert.equal(await other.mayAdopt(first.id, Date.now() - 60_000), true);
});

test("a store that fails does not keep a message from being sent", async () => {
  const { server, ann, channels } = town();
  const full = async () => {
    throw new Error("quota exceeded");
  };
  const client = clientOf(server, ann, { outbox: { load: async () => [], put: full, remove: full } });
  const errors = [];
  client.on("error", (error) => void errors.push(error.message));
  await client.connect();
  const handle = await client.send(channels[0], "hello").settled;
  assert.equal(handle.state, "accepted");
  assert.ok(errors.includes("quota exceeded"));
});

test("an edit of a message that is on its way is sent after it", async () => {
  const { server, ann, channels } = town();
  const client = clientOf(server, ann);
  const handle = client.send(channels[0], "frist");
  const editing = client.edit(handle.messageId, "first");
  await client.connect();
  await editing;
  assert.deepEqual(said(server, channels[0]), ["first"]);
});
