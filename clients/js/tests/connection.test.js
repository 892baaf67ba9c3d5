import assert from "node:assert/strict";
import { test } from "node:test";

import { backoffMs } from "../src/backoff.js";
import { advice } from "../src/closes.js";
import { Connection } from "../src/connection.js";
import { SermoError } from "../src/errors.js";

const ME = "me";
const CONNECTED = { user_id: ME, epoch: "e1", head_id: 10, heartbeat_interval_s: 20 };
const RULES = { connectTimeoutMs: 5_000, pongTimeoutMs: 5_000, attempts: Infinity, maxBacklog: null, channelId: null, program: "test", random: () => 1 };

/** A machine, and what it wants. */
function machine(rules = {}) {
  const connection = new Connection({ ...RULES, ...rules });
  const take = (kind) => connection.take().filter((effect) => kind === undefined || effect.do === kind);
  return { connection, take };
}

/** Connected, and live. */
function live(rules, cursor = null) {
  const made = machine(rules);
  open(made.connection, cursor);
  if (cursor !== null) made.connection.received({ type: "resumed", data: { count: 0, through: cursor.position } });
  made.take();
  assert.equal(made.connection.state.name, "live");
  return made;
}

function open(connection, cursor = null) {
  if (cursor !== undefined) connection.connect(cursor);
  connection.authenticated({ token: "t", ticket: null });
  connection.opened();
  connection.received({ type: "connected", data: CONNECTED });
}

function event(id, seq, more = {}) {
  return { type: "new_message", id, feed: "channel:c", seq, at: "", channel_id: "c", data: {}, ...more };
}

test("a connection without a cursor is live from the head on", () => {
  const { connection, take } = machine();
  connection.connect(null);
  assert.deepEqual(take().map((effect) => effect.do), ["clear", "state", "set", "authenticate"]);
  connection.authenticated({ token: "t", ticket: null });
  connection.opened();
  assert.deepEqual(take("send")[0].frame, { type: "connect", data: { client: "test", token: "t" } });
  connection.received({ type: "connected", data: CONNECTED });
  assert.equal(connection.state.name, "live");
  assert.deepEqual(connection.cursor, { position: 10, epoch: "e1" });
});

test("a connection with a cursor is syncing until the backlog is complete", () => {
  const { connection, take } = machine({ maxBacklog: 7 });
  open(connection, { position: 4, epoch: "e1" });
  const [frame] = take("send").map((effect) => effect.frame);
  assert.deepEqual(frame.data, { client: "test", token: "t", last_event_id: 4, epoch: "e1", max_backlog: 7 });
  assert.equal(connection.state.name, "syncing");
  connection.received({ type: "batch", data: { frames: [event(5, 1), event(8, 2)] } });
  assert.deepEqual(take("event").map((effect) => effect.frame.id), [5, 8]);
  connection.received({ type: "resumed", data: { count: 2, through: 9 } });
  assert.equal(connection.state.name, "live");
  assert.equal(connection.cursor.position, 9);
});

test("connecting again while it is connecting is nothing", () => {
  const { connection, take } = machine();
  connection.connect(null);
  take();
  connection.connect(null);
  assert.deepEqual(take(), []);
});

test("an event that comes twice is dropped", () => {
  const { connection, take } = live();
  connection.received(event(11, 1));
  connection.received(event(11, 1));
  connection.received(event(12, 2));
  assert.deepEqual(take("event").map((effect) => effect.frame.id), [11, 12]);
});

test("a hole in a feed ends the client with an error", () => {
  const { connection, take } = live();
  connection.received(event(11, 1));
  connection.received(event(12, 3));
  const effects = take();
  assert.equal(effects.filter((effect) => effect.do === "event").length, 1);
  assert.equal(effects.find((effect) => effect.do === "fault").error.code, "hole");
  assert.equal(connection.state.name, "closed");
  assert.equal(connection.state.reason, "hole");
});

test("my own join begins a channel's feed anew, and a public channel's deletion ends it but not the workspace's", () => {
  const { connection } = live();
  const joined = (id, seq) => event(id, seq, { type: "member_joined", data: { user_id: ME } });
  connection.received(joined(11, 4));
  connection.received(event(12, 5, { type: "member_left", data: { user_id: ME } }));
  connection.received(joined(13, 9));
  connection.received(event(14, 2, { type: "channel_deleted", feed: "workspace" }));
  connection.received(event(15, 3, { type: "user_updated", feed: "workspace" }));
  assert.equal(connection.state.name, "live");
  connection.received(event(16, 5, { type: "user_updated", feed: "workspace" }));
  assert.equal(connection.state.reason, "hole");
});

test("an unknown type passes and moves the cursor", () => {
  const { connection, take } = live();
  connection.received(event(11, 1, { type: "of_tomorrow" }));
  connection.received({ type: "of_the_day_after", id: 12 });
  connection.received({ type: "without_an_id", data: {} });
  assert.deepEqual(take("event").map((effect) => effect.frame.type), ["of_tomorrow"]);
  assert.equal(connection.cursor.position, 12);
});

test("a heartbeat moves the cursor of a quiet client", () => {
  const { connection, take } = live();
  connection.received({ type: "heartbeat", id: 15 });
  connection.received({ type: "heartbeat", id: 12 });
  assert.deepEqual(take("position"), [{ do: "position", position: 15 }]);
});

test("a server that does not answer the connect in time is left, and tried again", () => {
  const { connection, take } = machine();
  connection.connect(null);
  connection.authenticated({ token: "t", ticket: null });
  connection.opened();
  take();
  connection.fired("connect");
  assert.deepEqual(take("close").map((effect) => effect.code), [3000]);
  assert.equal(connection.state.name, "reconnecting");
  connection.fired("retry");
  assert.equal(connection.state.name, "connecting");
  assert.equal(connection.state.attempt, 2);
});

test("waits grow with full jitter from 0.5 s to 20 s", () => {
  assert.equal(backoffMs(1, () => 0), 500);
  assert.equal(backoffMs(1, () => 1), 1_000);
  assert.equal(backoffMs(3, () => 1), 4_000);
  assert.equal(backoffMs(99, () => 1), 20_000);
  assert.equal(backoffMs(99, () => 0), 500);
});

test("after as many failed attempts as are allowed the client ends", () => {
  const { connection } = machine({ attempts: 2 });
  connection.connect(null);
  for (const last of [false, true]) {
    connection.authenticated({ token: "t", ticket: null });
    connection.closed(1006, "");
    assert.equal(connection.state.name, last ? "closed" : "reconnecting");
    connection.fired("retry");
  }
  assert.equal(connection.state.reason, "attempts");
  assert.equal(connection.state.code, 1006);
});

test("the range of a close code says what to do", () => {
  const expected = { 1000: "stop", 1001: "wait", 1003: "stop", 1006: "wait", 1009: "stop", 1011: "wait", 1012: "wait" };
  for (const [code, what] of Object.entries(expected)) assert.equal(advice(Number(code)), what, code);
  for (const code of [4001, 4010, 4099]) assert.equal(advice(code), "stop");
  for (const code of [4002, 4003]) assert.equal(advice(code), "renew");
  for (const code of [4101, 4102, 4199]) assert.equal(advice(code), "wait");
  for (const code of [4201, 4299]) assert.equal(advice(code), "now");
});

test("the delay in a close reason is obeyed", () => {
  const { connection, take } = live();
  connection.closed(1001, '{"code": "going_away", "retry_after_ms": 1234}');
  assert.equal(connection.state.retryInMs, 1234);
  assert.deepEqual(take("set"), [{ do: "set", timer: "retry", ms: 1234 }]);
});

test("a close of the range 42xx comes back at once, but not in a circle", () => {
  const { connection } = live();
  connection.closed(4201, "");
  assert.equal(connection.state.name, "connecting");
  connection.authenticated({ token: "t", ticket: null });
  connection.closed(4201, "");
  assert.equal(connection.state.name, "reconnecting");
});

test("an expired token is renewed once, and then nothing is left to try", () => {
  const { connection, take } = live();
  connection.closed(4003, "");
  assert.deepEqual(take("authenticate"), [{ do: "authenticate", renew: true }]);
  connection.authenticated({ token: "t2", ticket: null });
  connection.closed(4002, "");
  assert.equal(connection.state.name, "closed");
  assert.equal(connection.state.reason, "unauthenticated");
});

test("a token that cannot be had for now is asked for again, and one that is refused ends the client", () => {
  const { connection } = machine();
  connection.connect(null);
  connection.unauthenticated(new SermoError("unreachable", ""));
  assert.equal(connection.state.name, "reconnecting");
  connection.fired("retry");
  connection.unauthenticated(new SermoError("unauthenticated", ""));
  assert.equal(connection.state.reason, "unauthenticated");
});

test("no attempt is made while the machine is offline, and one at once when it is back", () => {
  const { connection, take } = live();
  connection.offline();
  connection.closed(1006, "");
  assert.equal(connection.state.name, "reconnecting");
  assert.equal(connection.state.retryInMs, undefined);
  assert.deepEqual(take("set"), []);
  connection.online();
  assert.equal(connection.state.name, "connecting");
});

test("a wait that goes on when the machine goes offline is given up", () => {
  const { connection, take } = live();
  connection.closed(1006, "");
  take();
  connection.offline();
  assert.deepEqual(take("clear"), [{ do: "clear", timer: "retry" }]);
  connection.fired("retry"); // it was on its way
  assert.equal(connection.state.name, "reconnecting");
});

test("a page that is looked at again asks whether the connection lives", () => {
  const { connection, take } = live();
  connection.visible();
  assert.deepEqual(take().map((effect) => effect.do), ["send", "set"]);
  connection.received({ type: "pong" });
  assert.deepEqual(take("clear"), [{ do: "clear", timer: "pong" }]);
  connection.visible();
  connection.fired("pong");
  assert.equal(connection.state.name, "reconnecting");
});

test("long silence is asked about", () => {
  const { connection, take } = machine();
  open(connection);
  assert.ok(take("set").some((effect) => effect.timer === "liveness" && effect.ms === 45_000));
  connection.fired("liveness");
  assert.deepEqual(take("send"), [{ do: "send", frame: { type: "ping", data: {} } }]);
});

test("a resync goes on from the snapshot on the same connection", () => {
  const { connection, take } = machine();
  open(connection, { position: 4, epoch: "e0" });
  connection.received({ type: "resync_required", data: { reason: "epoch" } });
  assert.deepEqual(take("resync"), [{ do: "resync", reason: "epoch" }]);
  connection.resynced({ position: 20, epoch: "e1" });
  assert.deepEqual(take("send")[0].frame, { type: "connect", data: { client: "test", last_event_id: 20, epoch: "e1" } });
  connection.received({ type: "resumed", data: { count: 0, through: 20 } });
  assert.equal(connection.state.name, "live");
});

test("closing ends the socket and every attempt", () => {
  const { connection, take } = live();
  connection.close("user");
  assert.deepEqual(take("close"), [{ do: "close", code: 1000 }]);
  assert.deepEqual(connection.state, { name: "closed", reason: "user" });
  connection.fired("retry");
  connection.online();
  assert.equal(connection.state.name, "closed");
});
