/**
 * A store on a real server, led by another program: a JSON object a line in, one a line out. `tests/clients/js/test_real_server.py` leads it.
 */

import assert from "node:assert/strict";
import { createInterface } from "node:readline";

import WebSocket from "ws";

import { SermoClient, createStore } from "../src/index.js";
import { plain, stateOf } from "./compare.js";
import { until } from "./until.js";

const [, , url, token] = process.argv;
const sockets = new Set();

class Cuttable extends WebSocket {
  constructor(...args) {
    super(...args);
    sockets.add(this);
  }
}

async function started() {
  const client = new SermoClient({ url, token: async () => token, WebSocket: Cuttable, random: () => 0, maxBacklog: 40 });
  client.on("error", (error) => say({ error: String(error) }));
  const store = createStore({ client, recountMs: 5 });
  await store.start();
  await until(() => store.connection().name === "live", "live");
  return store;
}

const say = (what) => process.stdout.write(`${JSON.stringify(what)}\n`);
const store = await started();

const steps = {
  cut: () => sockets.forEach((socket) => socket.terminate()),
  open: (channel) => store.open(channel),
  jump: ([channel, seq]) => store.jumpTo(channel, seq),
  older: (channel) => store.loadOlder(channel),
  thread: (root) => store.openThread(root),
  check,
};

/** When everything up to a position is applied, the store is as a new one. */
async function check({ position, channels }) {
  await until(() => store.connection().name === "live" && store.position >= position, `position ${position}, not ${store.position}`, 20_000);
  await store.settled();
  const fresh = await started();
  await fresh.settled();
  assert.deepEqual(stateOf(store), stateOf(fresh));
  for (const channel of channels) {
    const { messages, isLoaded, hasMoreAfter, hasMoreBefore } = store.timeline(channel);
    if (!isLoaded) continue;
    const all = await wholePage(fresh, channel);
    const first = messages.length === 0 ? 0 : all.findIndex((one) => one.message_id === messages[0].message_id);
    assert.deepEqual(messages.map(plain), all.slice(first, first + messages.length).map(plain));
    assert.equal(hasMoreBefore, first > 0);
    if (!hasMoreAfter) assert.equal(first + messages.length, all.length);
  }
  fresh.stop();
}

async function wholePage(fresh, channel) {
  await fresh.open(channel);
  while (fresh.timeline(channel).hasMoreBefore) await fresh.loadOlder(channel);
  return fresh.timeline(channel).messages;
}

for await (const line of createInterface({ input: process.stdin })) {
  const [[name, argument]] = Object.entries(JSON.parse(line));
  try {
    await steps[name](argument);
    say({ ok: name });
  } catch (error) {
    say({ failed: name, why: String(error.message ?? error) });
  }
}
store.stop();
