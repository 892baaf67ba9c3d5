import assert from "node:assert/strict";
import { test } from "node:test";

import { LocalStorageTokens, Session } from "../src/index.js";
import { FakeStorage } from "./support.js";

/** A server's `auth` calls: each refresh token works once. */
function accounts(expiresIn = 900) {
  let count = 0;
  const calls = [];
  const good = new Set();
  const tokens = () => {
    count += 1;
    good.add(`refresh-${count}`);
    return { user: { user_id: "u", username: "ann" }, access_token: `access-${count}`, refresh_token: `refresh-${count}`, expires_in: expiresIn };
  };
  const fetch = async (address, init) => {
    const name = String(address).split("/").at(-1);
    const body = JSON.parse(init.body);
    calls.push(name);
    await new Promise((resolve) => setTimeout(resolve, 1));
    if (name === "refresh" && !good.delete(body.refresh_token)) return Response.json({ code: "unauthenticated" }, { status: 401 });
    return Response.json(name === "logout" ? {} : tokens());
  };
  return { fetch, calls };
}

const url = "http://fake.invalid";
const login = { username: "ann", password: "correct horse" };

test("a token that is good for a while is given as it is", async () => {
  const { fetch, calls } = accounts();
  const session = new Session({ url, fetch });
  assert.equal((await session.login(login)).username, "ann");
  assert.equal(await session.token({ renew: false }), "access-1");
  assert.deepEqual(calls, ["login"]);
});

test("a token that runs out soon is renewed, once for all who ask", async () => {
  const { fetch, calls } = accounts(10);
  const session = new Session({ url, fetch });
  await session.login(login);
  const found = await Promise.all([1, 2, 3].map(() => session.token({ renew: false })));
  assert.deepEqual(new Set(found), new Set(["access-2"]));
  assert.deepEqual(calls, ["login", "refresh"]);
});

test("what another tab has renewed is taken from the storage, and a reload finds who is logged in", async () => {
  const { fetch, calls } = accounts();
  const storage = new FakeStorage();
  const tabs = [1, 2].map(() => new Session({ url, fetch, tokens: new LocalStorageTokens("t", storage) }));
  await tabs[0].login(login);
  assert.equal(tabs[1].user.username, "ann");
  await tabs[0].token({ renew: true });
  assert.equal(await tabs[1].token({ renew: false }), "access-2");
  assert.deepEqual(calls, ["login", "refresh"]);
});

test("a login that has ended is told, and nobody is logged in", async () => {
  const { fetch } = accounts();
  const storage = new FakeStorage();
  let ended = 0;
  const make = () => new Session({ url, fetch, tokens: new LocalStorageTokens("t", storage), onEnd: () => void (ended += 1) });
  const session = make();
  await session.login(login);
  const stale = storage.getItem("t");
  await session.token({ renew: true });
  storage.setItem("t", stale);
  await assert.rejects(make().token({ renew: true }), { code: "unauthenticated" });
  assert.equal(ended, 1);
  assert.equal(session.user, null);
  await assert.rejects(session.token({ renew: false }), { code: "unauthenticated" });
});

test("a logout ends the login here and there", async () => {
  const { fetch, calls } = accounts();
  const session = new Session({ url, fetch });
  await session.login(login);
  await session.logout();
  assert.equal(session.user, null);
  assert.deepEqual(calls, ["login", "logout"]);
});
