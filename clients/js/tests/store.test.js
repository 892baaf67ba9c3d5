import assert from "node:assert/strict";
import { test } from "node:test";

import { SermoClient, createStore, newId } from "../src/index.js";
import { FakeServer } from "../src/testing/index.js";
import { closing, until } from "./support.js";

/** A server with Ann and Ben in a channel, and what they say and do there. */
function town() {
  const server = new FakeServer();
  const [ann, ben] = [server.person("ann"), server.person("ben")];
  const channel = server.commands.createChannel(ann, { name: "general" });
  server.do(ben, "join_channel", { channel_id: channel });
  const say = (who, content, more = {}) => server.do(who, "message", { channel_id: channel, message_id: newId(), content, ...more });
  return { server, ann, ben, channel, say };
}

async function storeOf(server, userId, options = {}) {
  const client = new SermoClient({ ...server.optionsFor(userId), random: () => 0, ...options });
  const store = createStore({ client });
  closing({ close: () => store.stop() });
  await store.start();
  await until(() => store.connection().name === "live");
  return { client, store };
}

const contents = (timeline) => timeline.messages.map((message) => message.content);

test("the snapshot and what comes after it are one", async () => {
  const { server, ann, ben, channel, say } = town();
  say(ann, "before");
  const { store } = await storeOf(server, ben);
  assert.deepEqual(store.channels().map((one) => [one.name, one.unread_count]), [["general", 1]]);
  await store.open(channel);
  say(ann, "after");
  await until(() => contents(store.timeline(channel)).length === 2);
  assert.deepEqual(contents(store.timeline(channel)), ["before", "after"]);
  assert.equal(store.channel(channel).unread_count, 2);
  assert.equal(store.channel(channel).last_message.content, "after");
});

test("a message is shown while it is on its way, once when it is there, and taken for failed when it is refused", async () => {
  const { server, ann, channel } = town();
  const { store } = await storeOf(server, ann);
  await store.open(channel);
  const handle = store.send(channel, "hello");
  const [shown] = store.timeline(channel).messages;
  assert.deepEqual([shown.content, shown.seq, shown.sending.state], ["hello", null, "pending"]);
  assert.equal(store.outbox().length, 1);
  const seen = [];
  store.subscribe((s) => s.timeline(channel), (timeline) => void seen.push(timeline.messages.length));
  await handle.settled;
  await until(() => store.timeline(channel).messages[0].seq !== null);
  assert.deepEqual(new Set(seen), new Set([1]), "never twice, never gone");
  assert.equal(store.outbox().length, 0);
  const refused = store.send(channel, "x".repeat(5_000));
  await refused.settled;
  await until(() => store.timeline(channel).messages[1]?.sending?.state === "failed");
  assert.equal(store.outbox()[0].state, "failed");
  await refused.discard();
  assert.equal(store.timeline(channel).messages.length, 1);
  assert.equal(store.outbox().length, 0);
});

test("a change is shown at once, and taken back when it is refused", async () => {
  const { server, ann, ben, channel, say } = town();
  const { message_id } = say(ann, "mine");
  const { store } = await storeOf(server, ben);
  await store.open(channel);
  const editing = store.edit(message_id, "yours");
  assert.deepEqual([store.message(message_id).content, store.message(message_id).isChanging], ["yours", true]);
  await assert.rejects(editing, { code: "forbidden" });
  assert.deepEqual([store.message(message_id).content, store.message(message_id).isChanging], ["mine", false]);
  const reacting = store.react(message_id, "👍");
  assert.deepEqual(store.message(message_id).reactions, [{ emoji: "👍", count: 1, user_ids: [ben] }]);
  await reacting;
  await until(() => !store.message(message_id).isChanging);
  assert.deepEqual(store.message(message_id).reactions, [{ emoji: "👍", count: 1, user_ids: [ben] }]);
});

test("windows load older and newer pages, jump, and know where more is", async () => {
  const { server, ann, channel, say } = town();
  for (let n = 1; n <= 130; n += 1) say(ann, String(n));
  const { store } = await storeOf(server, ann);
  await store.open(channel);
  const shown = () => contents(store.timeline(channel));
  assert.deepEqual([shown()[0], shown().at(-1), store.timeline(channel).hasMoreAfter], ["81", "130", false]);
  await store.loadOlder(channel);
  await store.loadOlder(channel);
  assert.deepEqual([shown()[0], shown().length, store.timeline(channel).hasMoreBefore], ["1", 130, false]);
  const middle = store.timeline(channel).messages[64].seq;
  await store.jumpTo(channel, middle);
  assert.equal(store.timeline(channel).hasMoreAfter, true);
  say(ann, "131");
  await until(() => store.channel(channel).last_message.content === "131");
  assert.ok(!shown().includes("131"), "there is a gap before it");
  const handle = store.send(channel, "132");
  assert.ok(!shown().includes("132"));
  await handle.settled;
  while (store.timeline(channel).hasMoreAfter) await store.loadNewer(channel);
  assert.deepEqual(shown().slice(-3), ["130", "131", "132"]);
  assert.deepEqual([...new Set(shown())], shown());
});

test("a channel opens at the first unread message", async () => {
  const { server, ann, ben, channel, say } = town();
  for (let n = 1; n <= 130; n += 1) say(ann, String(n));
  const read = server.model.page(channel)[39].seq;
  server.do(ben, "mark_read", { channel_id: channel, seq: read });
  const { store } = await storeOf(server, ben);
  await store.open(channel, { at: "unread" });
  assert.ok(contents(store.timeline(channel)).includes("41"));
  assert.equal(store.channel(channel).unread_count, 90);
});

test("threads are counted where they are followed", async () => {
  const { server, ann, ben, channel, say } = town();
  const { message_id: root } = say(ann, "root");
  const { store } = await storeOf(server, ben);
  say(ann, "not followed", { parent_id: root });
  say(ben, "now it is", { parent_id: root });
  await until(() => store.thread(root).isFollowed);
  await store.settled();
  say(ann, "one", { parent_id: root });
  say(ann, "two, @ben", { parent_id: root, also_to_channel: true });
  await until(() => store.unread().threads.unread_count === 2);
  assert.deepEqual(store.unread().threads, { thread_count: 1, unread_count: 2, unread_capped: false });
  assert.deepEqual([store.channel(channel).unread_count, store.channel(channel).mention_count], [2, 1]);
  await store.openThread(root);
  assert.deepEqual(contents(store.thread(root)), ["not followed", "now it is", "one", "two, @ben"]);
  assert.equal(store.thread(root).root.reply_count, 4);
  const last = store.thread(root).messages.at(-1);
  await store.markRead({ parentId: root }, last.seq);
  await until(() => store.unread().threads.unread_count === 0);
  await store.settled();
  assert.equal(store.channel(channel).mention_count, 0);
});

test("the badge obeys the levels", async () => {
  const { server, ann, ben, channel, say } = town();
  const { store } = await storeOf(server, ben);
  say(ann, "one");
  say(ann, "two, @ben");
  await until(() => store.unread().badge === 2);
  server.commands.setLevel(ben, channel, "mentions");
  server.changed();
  await until(() => store.unread().badge === 1);
  server.commands.setLevel(ben, channel, "muted");
  server.changed();
  await until(() => store.unread().badge === 0);
  assert.equal(store.unread().unread_count, 2);
});

test("a deletion of what was never seen is asked about, and counts are right again", async () => {
  const { server, ann, ben, channel, say } = town();
  const old = say(ann, "old, @ben");
  const { store } = await storeOf(server, ben);
  assert.equal(store.channel(channel).mention_count, 1);
  server.do(ann, "delete_message", { message_id: old.message_id });
  await until(() => store.channel(channel).unread_count === 0);
  assert.equal(store.channel(channel).mention_count, 0);
});

test("a mark on another device moves the badge here", async () => {
  const { server, ann, ben, channel, say } = town();
  const { store } = await storeOf(server, ben);
  const { seq } = say(ann, "one");
  await until(() => store.unread().unread_count === 1);
  server.do(ben, "mark_read", { channel_id: channel, seq });
  await until(() => store.unread().unread_count === 0);
  assert.equal(store.channel(channel).read_seq, seq);
});

test("joining shows a channel, leaving hides it", async () => {
  const { server, ann, ben } = town();
  const other = server.commands.createChannel(ann, { name: "another" });
  const { client, store } = await storeOf(server, ben);
  await client.join(other);
  await until(() => store.channel(other) !== null);
  assert.deepEqual(store.channels().map((one) => one.name), ["another", "general"]);
  assert.equal(store.channel(other).member_count, 2);
  await store.open(other);
  await client.leave(other);
  await until(() => store.channel(other) === null);
  assert.equal(store.timeline(other).isLoaded, false);
});

test("people are known by name, presence comes and goes, typing ends with the message", async () => {
  const { server, ann, ben, channel } = town();
  const [a, b] = [await storeOf(server, ann), await storeOf(server, ben)];
  assert.equal(b.store.user(ann).display_name, "ann");
  server.commands.updateUser(ann, { display_name: "Ann" });
  server.changed();
  await until(() => b.store.user(ann).display_name === "Ann");
  a.client.setStatus("busy");
  await until(() => b.store.presence(ann) === "busy");
  a.client.typing(channel);
  await until(() => b.store.typing(channel).includes(ann));
  a.store.send(channel, "done");
  await until(() => b.store.typing(channel).length === 0);
});

test("after a resync the store is as new, also the windows that were open", async () => {
  const { server, ann, ben, channel, say } = town();
  const { message_id } = say(ann, "will change");
  const { store } = await storeOf(server, ben, { maxBacklog: 3 });
  await store.open(channel);
  server.stop();
  server.do(ann, "edit_message", { message_id, content: "has changed" });
  for (let n = 0; n < 5; n += 1) say(ann, `missed ${n}`);
  server.start();
  await until(() => contents(store.timeline(channel)).length === 6);
  assert.equal(contents(store.timeline(channel))[0], "has changed");
  assert.equal(store.channel(channel).unread_count, 6);
});

test("a server that is not there at the start is tried again", async () => {
  const { server, ann } = town();
  server.stop();
  const client = new SermoClient({ ...server.optionsFor(ann), random: () => 0 });
  const store = createStore({ client });
  closing({ close: () => store.stop() });
  const starting = store.start();
  setTimeout(() => server.start(), 20);
  await starting;
  await until(() => store.connection().name === "live");
});
