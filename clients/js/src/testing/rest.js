/**
 * The fake server's REST: a `fetch` that answers from its log, for the calls of the client, the store and most of a page.
 *
 * @module
 */

import { SermoError } from "../errors.js";
import { shown } from "./model.js";

/**
 * @typedef {import("./server.js").FakeServer} FakeServer
 * @typedef {{ me: string, body: any, query: URLSearchParams, ids: string[] }} Call
 */

/** @type {Record<string, number>} */
const STATUS = { not_found: 404, forbidden: 403, not_a_member: 403, unauthenticated: 401, token_expired: 401 };

/** @type {[string, RegExp, (server: FakeServer, call: Call) => any][]} */
const ROUTES = [
  ["POST", /^\/ws-ticket$/, (server, { me }) => ({ ticket: server.ticket(me) })],
  ["GET", /^\/me$/, (server, { me }) => server.model.users.get(me)],
  ["PATCH", /^\/me$/, (server, { me, body }) => ({ ...written(server.commands.updateUser(me, body)), ...server.model.users.get(me) })],
  ["GET", /^\/users$/, (server) => ({ users: [...server.model.users.values()], next_cursor: null })],
  ["GET", /^\/users\/([^/]+)$/, (server, { ids }) => found(server.model.users.get(ids[0] ?? ""))],
  ["GET", /^\/me\/channels$/, myChannels],
  ["GET", /^\/me\/unread$/, unread],
  ["GET", /^\/me\/threads$/, (server, { me }) => ({ threads: server.model.threads(me), next_cursor: null, position: server.model.position })],
  ["GET", /^\/channels$/, channels],
  ["POST", /^\/channels$/, (server, { me, body }) => channel(server, server.commands.createChannel(me, body))],
  ["GET", /^\/channels\/([^/]+)$/, (server, { ids }) => channel(server, ids[0] ?? "")],
  ["POST", /^\/channels\/([^/]+)\/join$/, (server, { me, ids }) => written(server.commands.join(me, ids[0] ?? ""))],
  ["POST", /^\/channels\/([^/]+)\/leave$/, (server, { me, ids }) => written(server.commands.leave(me, ids[0] ?? ""))],
  ["PUT", /^\/channels\/([^/]+)\/level$/, (server, { me, ids, body }) => written(server.commands.setLevel(me, ids[0] ?? "", body.level))],
  ["GET", /^\/channels\/([^/]+)\/messages$/, (server, { ids, query }) => page(server, server.model.page(ids[0] ?? ""), query)],
  ["GET", /^\/messages\/([^/]+)\/replies$/, (server, { ids, query }) => page(server, server.model.replies(ids[0] ?? ""), query)],
  ["GET", /^\/messages\/([^/]+)$/, (server, { ids }) => shown(found(server.model.messages.get(ids[0] ?? "")))],
  ["PUT", /^\/messages\/([^/]+)\/pin$/, (server, { me, ids }) => written(server.commands.pin(me, ids[0] ?? "", true))],
  ["DELETE", /^\/messages\/([^/]+)\/pin$/, (server, { me, ids }) => written(server.commands.pin(me, ids[0] ?? "", false))],
  ["PUT", /^\/threads\/([^/]+)\/follow$/, (server, { me, ids }) => written(server.commands.follow(me, ids[0] ?? "", true))],
  ["DELETE", /^\/threads\/([^/]+)\/follow$/, (server, { me, ids }) => written(server.commands.follow(me, ids[0] ?? "", false))],
];

/**
 * @param {FakeServer} server
 * @param {string} address
 * @param {RequestInit} [init]
 * @returns {Promise<Response>}
 */
export async function answer(server, address, init = {}) {
  await new Promise((resolve) => setTimeout(resolve, 0));
  if (!server.isUp) throw new TypeError("fetch failed");
  const url = new URL(address);
  const path = url.pathname.replace(/^\/v1/, "");
  const method = init.method ?? "GET";
  const me = server.userOf(new Headers(init.headers).get("Authorization")?.replace(/^Bearer /, ""));
  if (me === null) return problem(new SermoError("unauthenticated", "There is no token."));
  for (const [verb, pattern, run] of ROUTES) {
    const match = pattern.exec(path);
    if (verb !== method || match === null) continue;
    const body = typeof init.body === "string" ? JSON.parse(init.body) : undefined;
    try {
      const said = run(server, { me, body, query: url.searchParams, ids: match.slice(1).map(decodeURIComponent) });
      server.changed();
      return Response.json(said);
    } catch (error) {
      if (error instanceof SermoError) return problem(error);
      throw error;
    }
  }
  return problem(new SermoError("not_found", `The fake server has no ${method} ${path}.`));
}

/** @param {SermoError} error */
function problem({ code, message }) {
  return Response.json({ code, detail: message }, { status: STATUS[code] ?? 409 });
}

/** @param {{ id: number }} done */
function written({ id }) {
  return { position: id };
}

/**
 * @template T
 * @param {T | undefined} value
 * @returns {T}
 */
function found(value) {
  if (value === undefined) throw new SermoError("not_found", "There is none.");
  return value;
}

/**
 * @param {FakeServer} server
 * @param {string} channelId
 */
function channel(server, channelId) {
  found(server.model.channels.get(channelId));
  return { ...server.model.channel(channelId), position: server.log.head };
}

/**
 * @param {FakeServer} server
 * @param {Call} call
 */
function channels({ model }, { me }) {
  const shownTo = [...model.channels.values()].filter((one) => one.kind === "public" || model.isMember(one.channel_id, me));
  return { channels: shownTo.map((one) => model.channel(one.channel_id)), next_cursor: null };
}

/**
 * @param {FakeServer} server
 * @param {Call} call
 */
function myChannels({ model, epoch }, { me }) {
  return { channels: model.channelsOf(me).map((id) => model.myChannel(id, me)), position: model.position, epoch };
}

/**
 * @param {FakeServer} server
 * @param {Call} call
 */
function unread({ model }, { me }) {
  const mine = model.channelsOf(me).map((id) => model.myChannel(id, me));
  const threads = model.threads(me).filter((thread) => thread.unread_count > 0);
  const replies = threads.reduce((sum, thread) => sum + thread.unread_count, 0);
  return {
    unread_count: mine.reduce((sum, one) => sum + one.unread_count, 0),
    mention_count: mine.reduce((sum, one) => sum + one.mention_count, 0),
    channels: mine,
    threads: { thread_count: threads.length, unread_count: Math.min(replies, 100), unread_capped: replies > 100 },
    position: model.position,
  };
}

/**
 * @param {FakeServer} server
 * @param {import("./model.js").Message[]} messages
 * @param {URLSearchParams} query
 */
function page({ model }, messages, query) {
  const limit = Number(query.get("limit") ?? 50);
  const [from, to] = bounds(messages, query, limit);
  return {
    messages: messages.slice(from, to).map(shown),
    has_more_before: from > 0,
    has_more_after: to < messages.length,
    position: model.position,
  };
}

/**
 * @param {import("./model.js").Message[]} messages
 * @param {URLSearchParams} query
 * @param {number} limit
 * @returns {[number, number]}
 */
function bounds(messages, query, limit) {
  /** @param {string} name */
  const place = (name) => messages.filter((one) => one.seq < Number(query.get(name))).length;
  if (query.has("before")) return [Math.max(0, place("before") - limit), place("before")];
  if (query.has("after")) {
    const first = messages.filter((one) => one.seq <= Number(query.get("after"))).length;
    return [first, Math.min(messages.length, first + limit)];
  }
  if (query.has("around")) {
    const first = Math.max(0, place("around") - Math.floor(limit / 2));
    return [first, Math.min(messages.length, first + limit)];
  }
  return [Math.max(0, messages.length - limit), messages.length];
}
