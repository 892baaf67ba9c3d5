import assert from "node:assert/strict";
import { test } from "node:test";

import { MemoryCursors, SermoClient } from "../src/index.js";
import { FakeServer } from "../src/testing/index.js";
import { closing, until } from "./support.js";

const SOON = { random: () => 0, connectTimeoutMs: 500, pongTimeoutMs: 200 };

/** A server with Ann and Ben in a channel. */
function town() {
  const server = new FakeServer();
  const [ann, ben] = [server.person("ann"), server.person("ben")];
  const channel = server.commands.createChannel(ann, { name: "general" });
  server.do(ben, "join_channel", { channel_id: channel });
  return { server, ann, ben, channel };
}

/** A client that notes what comes. */
function clientOf(server, userId, options = {}) {
  const client = closing(new SermoClient({ ...server.optionsFor(userId), ...SOON, ...options }));
  const seen = { events: [], states: [], errors: [], resumed: [], resyncs: [] };
  client.on("event", (frame) => void seen.events.push(frame));
  client.on("state", ({ name }) => void seen.states.push(name));
  client.on("error", (error) => void seen.errors.push(error));
  client.on("resumed", (data) => void seen.resumed.push(data));
  client.on("resync", (what) => void seen.resyncs.push(what));
  return { client, seen };
}

let count = 0;
function say(server, userId, channel, content = `message ${++count}`) {
  const message_id = `01900000-0000-7000-8000-${String(++count).padStart(12, "0")}`;
  return server.do(userId, "message", { channel_id: channel, message_id, content });
}

const contents = (seen) => seen.events.filter((one) => one.type.startsWith("new_")).map((one) => one.data.content);

test("a client is told what happens, and its own messages too", async () => {
  const { server, ann, ben, channel } = town();
  const { client, seen } = clientOf(server, ann);
  await client.connect();
  say(server, ben, channel, "hello");
  const handle = await client.send(channel, "and to you").settled;
  assert.equal(handle.state, "accepted");
  assert.equal(handle.position, server.log.head);
  await until(() => contents(seen).length === 2);
  assert.deepEqual(contents(seen), ["hello", "and to you"]);
  assert.deepEqual(seen.states, ["connecting", "live"]);
  client.close();
  assert.equal(client.state.reason, "user");
});

test("many calls of connect at once are one connection", async () => {
  const { server, ann } = town();
  const { client } = clientOf(server, ann);
  await Promise.all([client.connect(), client.connect(), client.connect()]);
  await client.connect();
  assert.equal(server.connections.size, 1);
});

test("what was missed while the connection was cut comes, once and in order", async () => {
  const { server, ann, ben, channel } = town();
  const { client, seen } = clientOf(server, ann);
  await client.connect();
  say(server, ben, channel, "1");
  await until(() => contents(seen).length === 1);
  server.stop();
  for (const content of ["2", "3", "4", "5"]) say(server, ben, channel, content);
  await until(() => client.state.name === "reconnecting");
  server.start();
  await until(() => client.state.name === "live");
  say(server, ben, channel, "6");
  await until(() => contents(seen).length === 6);
  assert.deepEqual(contents(seen), ["1", "2", "3", "4", "5", "6"]);
  assert.deepEqual(seen.resumed.map((data) => data.count), [4]);
});

test("a client that comes back with its cursor store goes on where it was", async () => {
  const { server, ann, ben, channel } = town();
  const cursors = new MemoryCursors();
  const first = clientOf(server, ann, { cursors });
  await first.client.connect();
  say(server, ben, channel, "seen");
  await until(() => contents(first.seen).length === 1);
  await until(async () => (await cursors.load()).position === server.log.head);
  first.client.close();
  say(server, ben, channel, "missed");
  const second = clientOf(server, ann, { cursors });
  await second.client.connect();
  await until(() => contents(second.seen).length === 1);
  assert.deepEqual(contents(second.seen), ["missed"]);
});

test("the cursor moves only when the listener has succeeded, and what it failed on comes again", async () => {
  const { server, ann, ben, channel } = town();
  const cursors = new MemoryCursors();
  const { client, seen } = clientOf(server, ann, { cursors });
  let fails = true;
  client.on("event", async ({ data }) => {
    if (fails && data.content === "2") throw new Error("not now");
  });
  await client.connect();
  for (const content of ["1", "2", "3"]) say(server, ben, channel, content);
  await until(() => client.state.name === "closed");
  assert.equal(client.state.reason, "handler_failed");
  assert.equal(seen.errors[0].code, "handler_failed");
  assert.equal((await cursors.load()).position, server.log.head - 2);
  fails = false;
  await client.connect();
  await until(() => contents(seen).includes("3"));
  assert.deepEqual(contents(seen), ["1", "2", "2", "3"]);
});

test("the next event waits until the listener's promise is fulfilled", async () => {
  const { server, ann, ben, channel } = town();
  const { client } = clientOf(server, ann);
  const order = [];
  client.on("event", async ({ data }) => {
    order.push(`begin ${data.content}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
    order.push(`end ${data.content}`);
  });
  await client.connect();
  for (const content of ["1", "2"]) say(server, ben, channel, content);
  await until(() => order.length === 4);
  assert.deepEqual(order, ["begin 1", "end 1", "begin 2", "end 2"]);
});

test("a frame that comes twice is told once", async () => {
  const { server, ann, ben, channel } = town();
  const { client, seen } = clientOf(server, ann);
  await client.connect();
  server.faults.duplicate((frame) => frame.type === "new_message", { times: 3 });
  for (const content of ["1", "2", "3"]) say(server, ben, channel, content);
  await until(() => contents(seen).length === 3);
  assert.deepEqual(contents(seen), ["1", "2", "3"]);
});

test("a frame that is lost ends the client with `hole`, and connecting again mends it", async () => {
  const { server, ann, ben, channel } = town();
  const { client, seen } = clientOf(server, ann);
  await client.connect();
  say(server, ben, channel, "1");
  server.faults.drop((frame) => frame.type === "new_message");
  say(server, ben, channel, "2");
  say(server, ben, channel, "3");
  await until(() => client.state.name === "closed");
  assert.equal(client.state.reason, "hole");
  assert.equal(seen.errors[0].code, "hole");
  await client.connect();
  await until(() => contents(seen).length === 3);
  assert.deepEqual(contents(seen), ["1", "2", "3"]);
});

test("another epoch loads the snapshot and goes on from it", async () => {
  const { server, ann, ben, channel } = town();
  const { client, seen } = clientOf(server, ann);
  await client.connect();
  server.changeEpoch();
  say(server, ben, channel, "in the snapshot");
  await until(() => seen.resyncs.length === 1);
  await until(() => client.state.name === "live");
  assert.equal(seen.resyncs[0].reason, "epoch");
  assert.equal(seen.resyncs[0].cursor.position, server.log.head);
  say(server, ben, channel, "after it");
  await until(() => contents(seen).length > 0);
  assert.deepEqual(contents(seen), ["after it"]);
});

test("a snapshot that cannot be loaded is tried again with the next connection", async () => {
  const { server, ann } = town();
  const { client, seen } = clientOf(server, ann);
  await client.connect();
  let fails = true;
  client.snapshotWith(async () => {
    if (fails) throw new Error("not now");
    return { position: server.log.head, epoch: server.epoch };
  });
  server.changeEpoch();
  await until(() => seen.states.filter((name) => name === "reconnecting").length >= 2);
  fails = false;
  await until(() => client.state.name === "live");
  assert.equal(seen.resyncs.length, 1);
});

test("an expired token is renewed, and the client goes on", async () => {
  const { server, ann } = town();
  const { client, seen } = clientOf(server, ann);
  await client.connect();
  server.expireTokens();
  server.close(4003);
  await until(() => seen.states.filter((name) => name === "live").length === 2);
});

test("a living connection is given the source's new token with the next heartbeat", async () => {
  const { server, ann } = town();
  let token = server.token(ann);
  const { client } = clientOf(server, ann, { token: async () => token });
  await client.connect();
  const [connection] = server.connections;
  const texts = [];
  const receive = connection.receive.bind(connection);
  connection.receive = (text) => receive(texts.push(JSON.parse(text)) && text);
  token = server.token(ann);
  server.commands.register("somebody");
  server.beat();
  server.changed();
  server.beat();
  await until(() => texts.some(({ type, data }) => type === "connect" && data.token === token && Object.keys(data).length === 1));
  assert.equal(client.state.name, "live");
});

test("with tickets no token goes over the socket", async () => {
  const { server, ann } = town();
  const { client } = clientOf(server, ann, { authenticate: "ticket" });
  await client.connect();
  assert.equal(client.userId, ann);
});

test("a refused command is an error with its code, and the connection goes on", async () => {
  const { server, ann, ben, channel } = town();
  const { client } = clientOf(server, ann);
  await client.connect();
  const { message_id } = say(server, ben, channel, "mine");
  await assert.rejects(client.edit(message_id, "yours"), { code: "forbidden" });
  await client.react(message_id, "👍");
  assert.equal(client.state.name, "live");
});

test("a command whose answer was lost is sent again on the next connection", async () => {
  const { server, ann, ben, channel } = town();
  const { client } = clientOf(server, ann);
  await client.connect();
  const { message_id } = say(server, ben, channel);
  server.faults.reset((frame) => frame.type === "done");
  const done = await client.react(message_id, "👍");
  assert.equal(done.seq, null, "it was there already");
});

test("commands that wait when the client is closed fail", async () => {
  const { server, ann, channel } = town();
  const { client } = clientOf(server, ann);
  server.faults.drop((frame) => frame.type === "connected");
  const joining = client.join(channel);
  client.connect().catch(() => undefined);
  await until(() => client.state.name === "connecting");
  client.close();
  await assert.rejects(joining, { code: "closed" });
});

test("a person who scrolls sends one mark at a time, and then the furthest", async () => {
  const { server, ann, ben, channel } = town();
  for (let n = 0; n < 5; n += 1) say(server, ben, channel);
  const { client } = clientOf(server, ann);
  await client.connect();
  const before = server.log.head;
  const first = server.model.page(channel)[0].seq;
  await Promise.all([0, 1, 2, 3, 4].map((step) => client.markRead({ channelId: channel }, first + step)));
  assert.deepEqual(server.log.entries.slice(before).map((entry) => entry.more.read_seq), [first, first + 4]);
});

test("a mark as unread wins over marks that wait", async () => {
  const { server, ann, ben, channel } = town();
  for (let n = 0; n < 3; n += 1) say(server, ben, channel);
  const { client } = clientOf(server, ann);
  await client.connect();
  const seqs = server.model.page(channel).map((message) => message.seq);
  void client.markRead({ channelId: channel }, seqs[0]);
  void client.markRead({ channelId: channel }, seqs[2]);
  await client.markUnread({ channelId: channel }, seqs[1]);
  assert.equal(server.model.myChannel(channel, ann).read_seq, seqs[1] - 1);
});

test("a page that goes online comes back at once, and makes no attempt before", async () => {
  const { server, ann } = town();
  const window = new EventTarget();
  const { client, seen } = clientOf(server, ann, { window, random: () => 1 });
  await client.connect();
  window.dispatchEvent(new Event("offline"));
  server.reset();
  await until(() => client.state.name === "reconnecting");
  const attempts = seen.states.filter((name) => name === "connecting").length;
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.equal(seen.states.filter((name) => name === "connecting").length, attempts);
  window.dispatchEvent(new Event("online"));
  await until(() => client.state.name === "live");
});

test("a page that is looked at again leaves a dead connection soon", async () => {
  const { server, ann } = town();
  const document = Object.assign(new EventTarget(), { visibilityState: "visible" });
  const { client, seen } = clientOf(server, ann, { document, pongTimeoutMs: 20 });
  await client.connect();
  const [dead] = server.connections;
  dead.receive = () => undefined; // it hears nothing any more
  document.dispatchEvent(new Event("visibilitychange"));
  await until(() => seen.states.filter((name) => name === "live").length === 2);
  assert.equal(server.connections.has(dead), false);
});

test("a client without a server gives up after as many attempts as it was given", async () => {
  const { server, ann } = town();
  server.stop();
  const { client } = clientOf(server, ann, { attempts: 1 });
  await assert.rejects(client.connect(), { code: "attempts" });
  assert.equal(client.state.name, "closed");
});

test("typing is sent at most every 4 s, and reaches the others", async () => {
  const { server, ann, ben, channel } = town();
  const [a, b] = [clientOf(server, ann), clientOf(server, ben)];
  const signals = [];
  b.client.on("signal", (frame) => void signals.push(frame));
  await Promise.all([a.client.connect(), b.client.connect()]);
  for (let n = 0; n < 5; n += 1) a.client.typing(channel);
  a.client.setStatus("busy");
  await until(() => signals.some((frame) => frame.type === "user_status"));
  assert.equal(signals.filter((frame) => frame.type === "typing").length, 1);
});
