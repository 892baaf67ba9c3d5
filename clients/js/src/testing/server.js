/**
 * A Sermo server in memory, for the tests of those who use the client: real rules of feeds, resumes and counts, and faults on demand.
 *
 *     const server = new FakeServer();
 *     const ann = server.person("ann");
 *     const client = new SermoClient({ ...server.optionsFor(ann) });
 *
 * @module
 */

import { Commands } from "./commands.js";
import { FakeConnection } from "./connection.js";
import { Faults } from "./faults.js";
import { Log } from "./log.js";
import { answer } from "./rest.js";
import { FakeWebSocket } from "./socket.js";
import { SermoRest } from "../rest.js";

/** @typedef {import("./log.js").Entry} Entry */

export class FakeServer {
  url = "http://fake.invalid";
  epoch = "e1";
  heartbeatIntervalS = 20;
  /** Whether it can be reached. */
  isUp = true;
  log = new Log();
  faults = new Faults();
  commands = new Commands(this.log);
  /** @type {Set<FakeConnection>} */
  connections = new Set();
  /** @type {Map<string, string>} */
  #tokens = new Map();
  /** @type {Set<string>} */
  #expired = new Set();
  /** @type {Map<string, string>} */
  #tickets = new Map();
  #count = 0;

  /** What the log says now. */
  get model() {
    return this.commands.model;
  }

  /**
   * Somebody new; their id.
   *
   * @param {string} username
   */
  person(username) {
    const userId = this.commands.register(username);
    this.changed();
    return userId;
  }

  /**
   * What a `SermoClient` is made with, to be this person.
   *
   * @param {string} userId
   */
  optionsFor(userId) {
    let held = this.token(userId);
    const token = async (/** @type {{ renew: boolean }} */ { renew }) => (renew ? (held = this.token(userId)) : held);
    const rest = new SermoRest({ url: this.url, token, fetch: this.fetch });
    return { url: this.url, token, rest, WebSocket: this.WebSocket, window: null, document: null };
  }

  /**
   * Do something in somebody's name: a socket's command by its type.
   *
   * @param {string} userId
   * @param {string} type
   * @param {Record<string, unknown>} data
   * @returns {any} the answer's data
   */
  do(userId, type, data) {
    const done = this.commands.run(userId, type, data);
    this.changed();
    return done;
  }

  /** A class like the browser's `WebSocket`, whose sockets end here. @type {import("../socket.js").WebSocketClass} */
  get WebSocket() {
    const accept = (/** @type {FakeWebSocket} */ socket) => this.#accept(socket);
    return /** @type {any} */ (
      class extends FakeWebSocket {
        /** @param {string} url */
        constructor(url) {
          super(accept, url);
        }
      }
    );
  }

  /** A `fetch` that is answered here. @type {typeof fetch} */
  fetch = (address, init) => answer(this, String(address), init);

  /** Break every connection, without a close frame. */
  reset() {
    for (const connection of [...this.connections]) connection.reset();
  }

  /**
   * End every connection.
   *
   * @param {number} code
   * @param {string} [reason]
   */
  close(code, reason) {
    for (const connection of [...this.connections]) connection.close(code, reason);
  }

  /** Nobody can connect or call, and every connection breaks. */
  stop() {
    this.isUp = false;
    this.reset();
  }

  /** It can be reached again. */
  start() {
    this.isUp = true;
  }

  /** Another history: a restored backup, say. Positions from before mean nothing any more. */
  changeEpoch() {
    this.epoch = `e${Number(this.epoch.slice(1)) + 1}`;
    this.reset();
  }

  /** Send heartbeats, now. */
  beat() {
    for (const connection of this.connections) connection.heartbeat();
  }

  /** @param {string} userId */
  token(userId) {
    const token = `token-${++this.#count}`;
    this.#tokens.set(token, userId);
    return token;
  }

  /** Every token so far has expired; living connections go on. */
  expireTokens() {
    for (const token of this.#tokens.keys()) this.#expired.add(token);
  }

  /** @param {string} userId */
  ticket(userId) {
    const ticket = `ticket-${++this.#count}`;
    this.#tickets.set(ticket, userId);
    return ticket;
  }

  /** @param {string | undefined} token @returns {string | null} */
  userOf(token) {
    return token === undefined || this.#expired.has(token) ? null : (this.#tokens.get(token) ?? null);
  }

  /** @param {string | undefined} token */
  hasExpired(token) {
    return token !== undefined && this.#expired.has(token);
  }

  /** The log has grown, perhaps. */
  changed() {
    for (const connection of this.connections) connection.follow();
  }

  /**
   * Send a signal to the others.
   *
   * @param {FakeConnection} from
   * @param {any} frame
   */
  signal(from, frame) {
    for (const connection of this.connections) if (connection !== from && connection.userId !== null) connection.send(frame);
  }

  /**
   * The frame of an event, for this person, as of now.
   *
   * @param {Entry} entry
   * @param {string} userId
   */
  frame({ id, feed, seq, at, type, channel_id, data, more }, userId) {
    const frame = { type, id, feed, seq, at, ...(channel_id === null ? {} : { channel_id }), data };
    if (type === "unread_count_updated") {
      const { unread_count, mention_count } = this.model.counts(channel_id ?? "", userId);
      const counts = { unread_count: Math.min(unread_count, 1_000), unread_capped: unread_count > 1_000, mention_count };
      return { ...frame, data: { read_seq: more["read_seq"], ...counts, as_of: this.log.head } };
    }
    if ("content" in data && this.model.messages.get(data.message_id)?.deleted_at) {
      return { ...frame, data: { ...data, content: "", mentions: [], mentions_channel: false, redacted: true } };
    }
    return frame;
  }

  /** @param {FakeWebSocket} socket */
  #accept(socket) {
    if (!this.isUp) return null;
    const connection = new FakeConnection(this, socket);
    this.connections.add(connection);
    const ticket = new URL(socket.url).searchParams.get("ticket");
    if (ticket !== null) connection.userId = this.#tickets.get(ticket) ?? null;
    return connection;
  }
}
