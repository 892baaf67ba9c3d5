/**
 * What a channel is called. A direct channel has no name of its own: it is called after its people, who never change.
 *
 * @module
 */

import { useEffect, useState } from "../vendor/hooks.js";
import { html } from "./html.js";
import { Icon } from "./icons.js";
import { engine, useStore } from "./model.js";
import { nameOf } from "./people.js";

const LISTED = 9;
/** The members of direct channels, once asked for. @type {Map<string, Promise<string[]>>} */
const members = new Map();
/** Channels that I am not in, once asked for. @type {Map<string, Promise<any>>} */
const elsewhere = new Map();
let owner = null;

/** What was asked for in another person's name is forgotten. */
function forgetOthers() {
  const { store } = engine.peek();
  if (owner === store) return;
  members.clear();
  elsewhere.clear();
  owner = store;
}

/** The others in a direct channel. @returns {Promise<string[]>} */
function others(channelId) {
  const { rest, store } = engine.peek();
  forgetOthers();
  const known = members.get(channelId);
  if (known !== undefined) return known;
  const asked = rest.members(channelId, { limit: LISTED }).then(({ members: found }) => found.map((member) => member.user_id).filter((id) => id !== store.userId));
  members.set(channelId, asked);
  asked.catch(() => members.delete(channelId));
  return asked;
}

/** The others in a direct channel, null until they are known. @param {{ channel_id: string, kind: string } | null} channel */
export function useOthers(channel) {
  const [found, set] = useState(null);
  const id = channel?.kind === "direct" ? channel.channel_id : null;
  useEffect(() => {
    set(null);
    if (id !== null) others(id).then(set, () => set([]));
  }, [id]);
  return found;
}

/** A channel, mine or another one that I may see; null until it is known. @param {string | null} channelId */
export function useChannel(channelId) {
  const mine = useStore((store) => (channelId === null ? null : store.channel(channelId)), [channelId]);
  const [other, setOther] = useState(null);
  const isMine = mine !== null;
  useEffect(() => {
    if (channelId === null || isMine) return;
    forgetOthers();
    const asked = elsewhere.get(channelId) ?? engine.peek().rest.channel(channelId).catch(() => null);
    elsewhere.set(channelId, asked);
    void asked.then(setOther);
  }, [channelId, isMine]);
  return mine ?? (other?.channel_id === channelId ? other : null);
}

/** The name of a channel. @param {any} channel */
export function useChannelName(channel) {
  const people = useOthers(channel);
  const names = useStore(
    (store) => (people === null ? "…" : people.map((id) => nameOf(store.user(id))).join(", ") || nameOf(store.user(store.userId))),
    [people],
  );
  if (channel === null) return "…";
  return channel.kind === "direct" ? names : channel.name;
}

/** @param {{ channel: any, size?: number }} props */
export function KindIcon({ channel, size = 16 }) {
  return html`<${Icon} name=${channel.kind === "private" ? "lock" : channel.kind === "direct" ? "person" : "hash"} size=${size} />`;
}
