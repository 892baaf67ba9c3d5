/**
 * Who is signed in, and their client and store. Everything that components read of the server goes through `useStore`.
 *
 * @module
 */

import { LocalStorageOutbox, SermoClient, SermoError, createStore } from "../../client/index.js";
import { useEffect, useLayoutEffect, useRef, useState } from "../vendor/hooks.js";
import { signal } from "../vendor/signals.js";
import { KEY, openLogin } from "./login.js";
import { notify } from "./notices.js";
import { go, to } from "./route.js";

/** Missed events beyond this are not replayed: a snapshot is quicker. */
const MAX_BACKLOG = 2_000;

/** Who is signed in, or null. */
export const user = signal(null);
/** `{ client, store, rest }` while somebody is signed in, once the first snapshot is there. */
export const engine = signal(null);

export const { session, token } = openLogin(() => ended("You were signed out. Sign in to go on."));

let running = null;

/** Sign in with what an earlier visit has left, if anything. */
export function resume() {
  addEventListener("storage", ({ key, newValue }) => {
    if (key !== KEY) return;
    if (newValue === null || newValue === "null") ended();
    else if (session.user !== null) begin(); // in another tab, perhaps as somebody else
  });
  if (session.user !== null) begin();
}

/** @param {{ username: string, password: string }} who */
export async function signIn(who) {
  await session.login(who);
  begin();
}

/** @param {{ username: string, password: string, display_name?: string }} who */
export async function signUp(who) {
  await session.register(who);
  begin();
}

export async function signOut() {
  stop();
  go(to.home(), { replaces: true });
  try {
    await session.logout();
  } catch {
    // the tokens are forgotten here; those of the server end by themselves
  }
}

async function begin() {
  if (user.value?.user_id === session.user.user_id) return;
  stop();
  user.value = session.user;
  const client = new SermoClient({
    url: location.origin,
    token,
    outbox: new LocalStorageOutbox(session.user.user_id),
    maxBacklog: MAX_BACKLOG,
    program: "sermo-page",
  });
  const store = createStore({ client });
  const mine = (running = { client, store, rest: client.rest });
  client.on("error", (error) => console.warn("sermo:", error));
  try {
    await store.start();
    if (running === mine) engine.value = mine;
  } catch (error) {
    if (running !== mine) return;
    if (error instanceof SermoError && error.status === 401) ended("You were signed out. Sign in to go on.");
    else notify(`The server could not be asked: ${error.message}`, { kind: "bad", stays: true });
  }
}

function stop() {
  running?.store.stop();
  running = null;
  engine.value = null;
  user.value = null;
}

/** @param {string} [why] */
function ended(why) {
  if (user.value === null) return;
  stop();
  if (why) notify(why);
}

/**
 * What the selector says of the store; the component is drawn anew when that is another value. The selector must answer the same object
 * for the same state, as the store's own do; `inputs` are what it closes over.
 *
 * @template T
 * @param {(store: any) => T} select
 * @param {unknown[]} [inputs]
 * @returns {T}
 */
export function useStore(select, inputs = []) {
  const { store } = engine.value;
  const [, draw] = useState(0);
  const value = select(store);
  const shown = useRef(value);
  shown.current = value;
  useLayoutEffect(() => {
    const end = store.subscribe(select, () => draw((n) => n + 1));
    if (!Object.is(select(store), shown.current)) draw((n) => n + 1); // it changed before this listened
    return end;
  }, [store, ...inputs]);
  return value;
}

/**
 * What a call answers: `{ value, error, isLoading, again }`. An answer that was overtaken by a newer call is dropped.
 *
 * @template T
 * @param {() => Promise<T>} call
 * @param {unknown[]} inputs
 */
export function useCall(call, inputs) {
  const [state, set] = useState({ value: null, error: null, isLoading: true });
  const [times, setTimes] = useState(0);
  useEffect(() => {
    let isCurrent = true;
    set((before) => ({ ...before, error: null, isLoading: true }));
    call().then(
      (value) => isCurrent && set({ value, error: null, isLoading: false }),
      (error) => isCurrent && set({ value: null, error, isLoading: false }),
    );
    return () => (isCurrent = false);
  }, [...inputs, times]);
  return { ...state, again: () => setTimes((n) => n + 1) };
}

/**
 * Do something that the server may refuse; the refusal is shown.
 *
 * @param {Promise<unknown>} work
 * @returns {Promise<boolean>} whether it was done
 */
export async function attempt(work) {
  try {
    await work;
    return true;
  } catch (error) {
    notify(error instanceof SermoError ? error.message : String(error), { kind: "bad" });
    return false;
  }
}
