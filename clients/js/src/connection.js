/**
 * The connection's state machine, without I/O: what happened goes in, what is to be done comes out, so that every
 * interleaving is a unit test. `client.js` carries the effects out.
 *
 * It knows the states and when to come back (docs/codes.md), and it checks what the server promises: `id` rises, and `seq` of
 * each feed rises by exactly one. It knows no socket, no clock, no storage and no outbox.
 *
 * @module
 */

import { backoffMs } from "./backoff.js";
import { advice, finalReason, retryAfterMs } from "./closes.js";
import { SermoError, fromFrame } from "./errors.js";
import { Feeds } from "./feeds.js";

/**
 * @typedef {import("./frames.js").ServerFrame} ServerFrame
 * @typedef {import("./frames.js").EventFrame} EventFrame
 * @typedef {import("./cursors.js").Cursor} Cursor
 *
 * @typedef {"idle" | "connecting" | "syncing" | "live" | "reconnecting" | "closed"} StateName
 *
 * @typedef {"user" | "normal" | "unauthenticated" | "access_denied" | "protocol" | "hole" | "handler_failed" | "attempts"} CloseReason
 *   By `close()`; by the server, for good; no token is good; no right to the one channel; the server takes this program's frames
 *   for wrong, or sent a hole; a listener threw; as many attempts failed as were allowed.
 *
 * @typedef {object} State
 * @property {StateName} name
 * @property {CloseReason} [reason] of `closed`
 * @property {SermoError} [error] of `closed` and `reconnecting`, where one is known
 * @property {number} [code] the socket's last close code, of `closed` and `reconnecting`
 * @property {number} [attempt] of `connecting` and `reconnecting`: 1, 2, ... since it was last live
 * @property {number} [retryInMs] of `reconnecting`; absent while the machine is offline
 *
 * @typedef {"connect" | "retry" | "liveness" | "pong"} Timer
 *
 * @typedef {{ do: "authenticate", renew: boolean }
 *   | { do: "open", ticket: string | null }
 *   | { do: "send", frame: import("./frames.js").ClientFrame }
 *   | { do: "close", code: number }
 *   | { do: "set", timer: Timer, ms: number }
 *   | { do: "clear", timer: Timer }
 *   | { do: "state", state: State }
 *   | { do: "connected", data: import("./frames.js").Connected }
 *   | { do: "resumed", data: import("./frames.js").Resumed }
 *   | { do: "resync", reason: import("./frames.js").ResyncRequired["reason"] }
 *   | { do: "waiting", data: import("./frames.js").Waiting }
 *   | { do: "event", frame: EventFrame }
 *   | { do: "position", position: number }
 *   | { do: "heartbeat" }
 *   | { do: "signal", frame: import("./frames.js").UserStatusFrame | import("./frames.js").TypingSignalFrame }
 *   | { do: "answer", frame: ServerFrame & { ref: string } }
 *   | { do: "fault", error: SermoError }} Effect
 *
 * @typedef {object} Rules
 * @property {number} connectTimeoutMs from opening the socket to `connected`
 * @property {number} pongTimeoutMs
 * @property {number} attempts how many may fail in a row; Infinity for no limit
 * @property {number | null} maxBacklog rather load a snapshot than more missed events than this
 * @property {string | null} channelId follow this channel alone
 * @property {string} program name and version, for the server's log
 * @property {() => number} random
 */

/** Silence of so many heartbeats is asked about with a ping. */
const HEARTBEATS_MISSED = 2.25;
/** Of our own, when we give the socket up: 3000 to 3999 and 1000 are what a browser may send. */
const GIVEN_UP = 3000;

export class Connection {
  /** @param {Rules} rules */
  constructor(rules) {
    this.#rules = rules;
  }

  #rules;
  /** @type {Effect[]} */
  #effects = [];
  /** @type {State} */
  #state = { name: "idle" };
  /** @type {Cursor | null} */
  #cursor = null;
  #feeds = new Feeds();
  #attempt = 0;
  /** @type {{ token: string | null, ticket: string | null } | null} */
  #credentials = null;
  #hasSocket = false;
  #isConnected = false;
  #isOnline = true;
  /** A token was renewed and refused again: nothing is left to try. */
  #renewed = false;
  #silenceMs = 45_000;
  #userId = "";

  get state() {
    return this.#state;
  }

  /** What was received last, and goes on from there. @returns {Cursor | null} */
  get cursor() {
    return this.#cursor;
  }

  /** What is to be done now, in this order. */
  take() {
    const effects = this.#effects;
    this.#effects = [];
    return effects;
  }

  // What happens

  /**
   * Begin. Nothing where it has begun already.
   *
   * @param {Cursor | null} cursor go on after this; null begins live
   */
  connect(cursor) {
    if (this.#state.name !== "idle" && this.#state.name !== "closed") return;
    this.#cursor = cursor;
    this.#feeds.clear();
    this.#attempt = 0;
    this.#renewed = false;
    this.#try();
  }

  /** @param {{ token: string | null, ticket: string | null }} credentials */
  authenticated(credentials) {
    if (this.#hasSocket || !this.#isTrying()) return;
    this.#credentials = credentials;
    this.#hasSocket = true;
    this.#do({ do: "open", ticket: credentials.ticket });
  }

  /**
   * There is no token to be had.
   *
   * @param {SermoError} error
   */
  unauthenticated(error) {
    if (this.#hasSocket || !this.#isTrying()) return;
    this.#do({ do: "clear", timer: "connect" });
    if (error.isLater) this.#retry(undefined, { error });
    else this.#end("unauthenticated", { error, code: this.#state.code });
  }

  /** The socket is open. */
  opened() {
    if (this.#hasSocket) this.#sendConnect();
  }

  /**
   * The socket has ended, or could not be opened.
   *
   * @param {number} code
   * @param {string} reason
   */
  closed(code, reason) {
    if (!this.#hasSocket) return;
    this.#lost();
    switch (advice(code)) {
      case "stop":
        return this.#end(finalReason(code), { code });
      case "renew":
        if (this.#renewed) return this.#end("unauthenticated", { code });
        this.#renewed = true;
        return this.#try({ code });
      case "now":
        if (this.#attempt === 0) return this.#try({ code });
        return this.#retry(undefined, { code });
      case "wait":
        return this.#retry(retryAfterMs(reason), { code });
    }
  }

  /**
   * A frame has come.
   *
   * @param {any} frame
   */
  received(frame) {
    if (!this.#hasSocket) return;
    if (this.#isConnected) this.#do({ do: "set", timer: "liveness", ms: this.#silenceMs });
    this.#do({ do: "clear", timer: "pong" });
    if (frame?.type === "batch") for (const one of frame.data.frames) this.#one(one);
    else if (typeof frame?.type === "string") this.#one(frame);
  }

  /**
   * A timer has run out.
   *
   * @param {Timer} timer
   */
  fired(timer) {
    switch (timer) {
      case "retry":
        if (this.#state.name === "reconnecting") this.#try();
        return;
      case "connect":
        if (this.#hasSocket && this.#isConnected) return;
        return this.#giveUp("The server did not answer in time.");
      case "liveness":
        return this.visible();
      case "pong":
        return this.#giveUp("The server did not answer a ping.");
    }
  }

  /** The network is back. */
  online() {
    this.#isOnline = true;
    if (this.#state.name === "reconnecting") this.#try();
    else this.visible();
  }

  /** The network is gone: no attempts until it is back. An open socket may live on. */
  offline() {
    this.#isOnline = false;
    if (this.#state.name === "reconnecting") {
      this.#do({ do: "clear", timer: "retry" });
      this.#become({ ...this.#state, retryInMs: undefined });
    }
  }

  /** The page is looked at again, or nothing was heard for long: is the connection alive? */
  visible() {
    if (this.#state.name === "reconnecting" && this.#isOnline) this.#try();
    if (!this.#isConnected) return;
    this.#do({ do: "send", frame: { type: "ping", data: {} } });
    this.#do({ do: "set", timer: "pong", ms: this.#rules.pongTimeoutMs });
  }

  /**
   * The snapshot that `resync` asked for is loaded: go on from it.
   *
   * @param {Cursor} cursor
   */
  resynced(cursor) {
    if (!this.#isConnected) return;
    this.#cursor = cursor;
    this.#feeds.clear();
    this.#sendConnect();
  }

  /** The snapshot could not be loaded. @param {SermoError} error */
  resyncFailed(error) {
    if (this.#isConnected) this.#giveUp(error.message, error);
  }

  /** An answer is long overdue: the connection is not what it seems. */
  stalled() {
    if (this.#isConnected) this.#giveUp("The server did not answer a command.");
  }

  /**
   * End for good.
   *
   * @param {CloseReason} reason
   * @param {SermoError} [error]
   */
  close(reason, error) {
    if (this.#state.name === "closed") return;
    this.#drop(reason === "user" ? 1000 : GIVEN_UP);
    this.#end(reason, error === undefined ? {} : { error });
  }

  /**
   * What was received after this could not be handled: it has to come again.
   *
   * @param {Cursor | null} cursor
   */
  rewind(cursor) {
    this.#cursor = cursor;
    this.#feeds.clear();
  }

  // What it means

  /** @param {ServerFrame} frame */
  #one(frame) {
    if ("feed" in frame && "id" in frame) return this.#event(frame);
    if ("ref" in frame && typeof frame.ref === "string") {
      return this.#do({ do: "answer", frame: /** @type {ServerFrame & { ref: string }} */ (frame) });
    }
    switch (frame.type) {
      case "connected":
        return this.#connected(frame.data);
      case "resumed":
        this.#move(frame.data.through);
        this.#do({ do: "resumed", data: frame.data });
        return this.#live();
      case "resync_required":
        return this.#do({ do: "resync", reason: frame.data.reason });
      case "waiting":
        return this.#do({ do: "waiting", data: frame.data });
      case "heartbeat":
        this.#do({ do: "heartbeat" });
        return this.#move(frame.id);
      case "error":
        return this.#do({ do: "fault", error: fromFrame(frame.data) });
      case "user_status":
      case "typing":
        return this.#do({ do: "signal", frame });
      default:
        // An unknown type, which may come with a newer server. Its `id`, where it has one, counts.
        if ("id" in frame && Number.isSafeInteger(frame.id)) this.#move(/** @type {number} */ (frame.id));
    }
  }

  /** @param {import("./frames.js").Connected} data */
  #connected(data) {
    if (this.#isConnected) return; // the answer to a renewed token, or to the `connect` of a resync
    this.#isConnected = true;
    this.#userId = data.user_id;
    this.#silenceMs = data.heartbeat_interval_s * 1_000 * HEARTBEATS_MISSED;
    this.#do({ do: "clear", timer: "connect" }, { do: "set", timer: "liveness", ms: this.#silenceMs });
    this.#do({ do: "connected", data });
    if (this.#cursor !== null) return this.#become({ name: "syncing" });
    this.#cursor = { position: data.head_id, epoch: data.epoch };
    this.#do({ do: "position", position: data.head_id });
    this.#live();
  }

  #live() {
    this.#attempt = 0;
    this.#renewed = false;
    this.#become({ name: "live" });
  }

  /** @param {EventFrame} frame */
  #event(frame) {
    if (this.#cursor === null || frame.id <= this.#cursor.position) return; // sent twice: dropped
    const expected = this.#feeds.take(frame, this.#userId);
    if (expected !== null) {
      const said = `Feed ${frame.feed}: seq ${expected} was due, ${frame.seq} came with id ${frame.id}.`;
      const error = new SermoError("hole", said);
      this.#do({ do: "fault", error });
      return this.close("hole", error);
    }
    this.#cursor = { position: frame.id, epoch: this.#cursor.epoch };
    this.#do({ do: "event", frame });
  }

  /** @param {number} position */
  #move(position) {
    if (this.#cursor === null || position <= this.#cursor.position) return;
    this.#cursor = { position, epoch: this.#cursor.epoch };
    this.#do({ do: "position", position });
  }

  #sendConnect() {
    const { maxBacklog, channelId, program } = this.#rules;
    /** @type {import("./frames.js").Connect} */
    const data = { client: program };
    if (!this.#isConnected && this.#credentials?.token) data.token = this.#credentials.token;
    if (this.#cursor !== null) {
      data.last_event_id = this.#cursor.position;
      data.epoch = this.#cursor.epoch;
      if (maxBacklog !== null && !this.#isConnected) data.max_backlog = maxBacklog; // a snapshot is new enough
    }
    if (channelId !== null) data.channel_id = channelId;
    this.#do({ do: "send", frame: { type: "connect", data } });
  }

  // States

  #isTrying() {
    return this.#state.name === "connecting";
  }

  /** @param {{ code?: number }} [why] */
  #try({ code } = {}) {
    if (!this.#isOnline) return this.#become({ name: "reconnecting", attempt: this.#attempt + 1, code });
    this.#attempt += 1;
    this.#do({ do: "clear", timer: "retry" });
    this.#become(code === undefined ? { name: "connecting", attempt: this.#attempt } : { name: "connecting", attempt: this.#attempt, code });
    this.#do({ do: "set", timer: "connect", ms: this.#rules.connectTimeoutMs });
    this.#do({ do: "authenticate", renew: this.#renewed });
  }

  /**
   * @param {number | undefined} afterMs what the server asks for
   * @param {{ code?: number, error?: SermoError }} why
   */
  #retry(afterMs, why) {
    if (this.#attempt >= this.#rules.attempts) return this.#end("attempts", why);
    const retryInMs = afterMs ?? backoffMs(Math.max(1, this.#attempt), this.#rules.random);
    const attempt = this.#attempt + 1;
    if (!this.#isOnline) return this.#become({ name: "reconnecting", attempt, ...why });
    this.#become({ name: "reconnecting", attempt, retryInMs, ...why });
    this.#do({ do: "set", timer: "retry", ms: retryInMs });
  }

  /**
   * @param {string} said
   * @param {SermoError} [error]
   */
  #giveUp(said, error = new SermoError("timeout", said)) {
    if (this.#state.name === "closed" || this.#state.name === "reconnecting") return;
    this.#drop(GIVEN_UP);
    this.#retry(undefined, { error });
  }

  /** @param {number} code */
  #drop(code) {
    if (this.#hasSocket) this.#do({ do: "close", code });
    this.#lost();
  }

  #lost() {
    this.#hasSocket = false;
    this.#isConnected = false;
    this.#credentials = null;
    for (const timer of /** @type {const} */ (["connect", "liveness", "pong"])) this.#do({ do: "clear", timer });
  }

  /**
   * @param {CloseReason} reason
   * @param {{ code?: number, error?: SermoError }} why
   */
  #end(reason, why) {
    this.#do({ do: "clear", timer: "retry" });
    this.#become({ name: "closed", reason, ...why });
  }

  /** @param {State} state */
  #become(state) {
    this.#state = state;
    this.#do({ do: "state", state });
  }

  /** @param {Effect[]} effects */
  #do(...effects) {
    this.#effects.push(...effects);
  }
}
