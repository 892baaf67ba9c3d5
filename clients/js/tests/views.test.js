import assert from "node:assert/strict";
import { test } from "node:test";

import { Views } from "../src/store/views.js";

const turn = () => new Promise((resolve) => setTimeout(resolve, 0));

test("a selected value is the same object until it was touched", () => {
  const views = new Views();
  let count = 1;
  const select = () => views.value("a", () => ({ count }));
  const before = select();
  views.touch("b");
  assert.equal(select(), before);
  count = 2;
  views.touch("a");
  assert.notEqual(select(), before);
});

test("listeners are called once for all changes of a turn, and only when their value is another", async () => {
  const views = new Views();
  let value = 1;
  const told = [];
  const end = views.subscribe(() => value, (now) => void told.push(now));
  views.touch("a");
  await turn();
  assert.deepEqual(told, []);
  value = 2;
  views.touch("a");
  value = 3;
  views.touch("b");
  await turn();
  assert.deepEqual(told, [3]);
  end();
  value = 4;
  views.touch("a");
  await turn();
  assert.deepEqual(told, [3]);
});

test("a value that is made anew and says the same stays the same object", () => {
  const views = new Views();
  const select = () => views.value("a", () => ({ count: 1, parts: { more: 2 } }));
  const before = select();
  views.touch("a");
  assert.equal(select(), before);
});
