/** The store's state after any sequence of events, cuts and resumes is that of a fresh snapshot. */

import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { SermoClient, createStore } from "../src/index.js";
import { FakeServer } from "../src/testing/index.js";
import { action, carryOut, mishap } from "./actions.js";
import { plain, stateOf } from "./compare.js";
import { until } from "./support.js";

const RUNS = Number(process.env.SERMO_PROPERTY_RUNS ?? 40);

test("state after any sequence of events, cuts and resumes equals a fresh snapshot", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(action, { maxLength: 12 }), fc.array(fc.oneof({ weight: 3, arbitrary: action }, mishap), { maxLength: 40 }), run),
    { numRuns: RUNS, interruptAfterTimeLimit: 30_000 },
  );
});

async function run(history, steps) {
  const server = new FakeServer();
  const people = ["me", "other", "third"].map((name) => server.person(name));
  const channels = ["one", "two"].map((name) => server.commands.createChannel(people[1], { name }));
  for (const channel of channels) for (const person of [people[0], people[2]]) server.commands.join(person, channel);
  const town = { people, channels };
  for (const one of history) carryOut(server, town, one);
  const store = await started(server, people[0]);
  const opened = [store];
  try {
    const loads = [];
    for (const one of steps) {
      if (MISHAPS[one.do] === undefined) carryOut(server, town, one);
      else loads.push(Promise.resolve(MISHAPS[one.do]({ server, store, channels }, one)).catch(() => undefined));
      if (one.do === "wait") await new Promise((resolve) => setTimeout(resolve, 3));
    }
    await Promise.all(loads);
    await settled(server, store);
    const fresh = await started(server, people[0]);
    opened.push(fresh);
    await settled(server, fresh);
    compare(store, fresh, server, town);
  } finally {
    for (const one of opened) one.stop();
  }
}

const MISHAPS = {
  wait: () => undefined,
  cut: ({ server }) => server.reset(),
  epoch: ({ server }) => server.changeEpoch(),
  duplicate: ({ server }) => server.faults.duplicate((frame) => "feed" in frame),
  open: ({ store, channels }, { where }) => store.open(channels[where]),
  jump: ({ store, channels }, { where, which }) => store.jumpTo(channels[where], which),
  older: ({ store, channels }, { where }) => store.loadOlder(channels[where]),
  newer: ({ store, channels }, { where }) => store.loadNewer(channels[where]),
  thread: ({ server, store }, { which }) => {
    const roots = [...server.model.messages.values()].filter((message) => message.parent_id === null);
    if (roots.length > 0) return store.openThread(roots[which % roots.length].message_id);
  },
};

async function started(server, userId) {
  const client = new SermoClient({ ...server.optionsFor(userId), random: () => 0 });
  const store = createStore({ client, recountMs: 1 });
  await store.start();
  return store;
}

/** Everything of the log is applied, and nothing is being loaded. */
async function settled(server, store) {
  server.faults.clear();
  await until(() => store.connection().name === "live", "live");
  server.beat();
  await until(() => store.position === server.log.head, `position ${store.position} of ${server.log.head}`);
  await store.settled();
}

function compare(store, fresh, server, { channels }) {
  assert.deepEqual(stateOf(store), stateOf(fresh));
  const { model } = server;
  for (const channel of channels) window(store.timeline(channel), model.page(channel));
  for (const root of model.messages.values()) {
    if (root.parent_id !== null) continue;
    const { messages, isLoaded, ...rest } = store.thread(root.message_id);
    if (!isLoaded) continue;
    window({ messages, isLoaded, ...rest }, model.replies(root.message_id));
    assert.deepEqual(plain(rest.root), plain(root));
  }
}

/** What is loaded is what is there, without a hole. */
function window({ messages, isLoaded, hasMoreBefore, hasMoreAfter }, all) {
  if (!isLoaded) return;
  const first = messages.length === 0 ? 0 : all.findIndex((one) => one.message_id === messages[0].message_id);
  assert.deepEqual(messages.map(plain), all.slice(first, first + messages.length).map(plain));
  assert.equal(hasMoreBefore, first > 0);
  if (!hasMoreAfter) assert.equal(first + messages.length, all.length);
}
