/**
 * The fake server's end of a connection: `connect`, the backlog, live events, commands.
 *
 * @module
 */

import { SermoError } from "../errors.js";

/**
 * @typedef {import("./log.js").Entry} Entry
 * @typedef {import("./server.js").FakeServer} FakeServer
 * @typedef {import("./socket.js").FakeWebSocket} FakeWebSocket
 */

const LIMITS = { frame_max_bytes: 65_536, content_max_characters: 4_096, commands_waiting_max: 64, frames_per_s: 50, user_connections: 20 };

export class FakeConnection {
  /**
   * @param {FakeServer} server
   * @param {FakeWebSocket} socket
   */
  constructor(server, socket) {
    this.#server = server;
    this.#socket = socket;
  }

  #server;
  #socket;
  /** @type {string | null} */
  userId = null;
  /** What was sent of the log; null: nothing is followed. @type {number | null} */
  #sentThrough = null;
  /** Frames behind a delayed one. @type {Promise<void> | null} */
  #held = null;
  isOpen = true;
  #isConnected = false;

  /** @param {string} text */
  receive(text) {
    if (!this.isOpen) return;
    const { type, ref, data = {} } = JSON.parse(text);
    if (type === "connect") return this.#connect(ref, data);
    if (this.userId === null) return this.close(4002, "the first frame is connect");
    if (type === "ping") return this.send({ type: "pong", ...(ref === undefined ? {} : { ref }) });
    if (type === "typing") return this.#server.signal(this, { type, data: { user_id: this.userId, ...data } });
    if (type === "status_update") return this.#server.signal(this, { type: "user_status", data: { user_id: this.userId, ...data } });
    this.#run(ref, type, data);
  }

  /** Send what of the log was not sent. */
  follow() {
    if (this.#sentThrough === null || this.userId === null) return;
    for (const entry of this.#server.log.entries.slice(this.#sentThrough)) {
      this.#sentThrough = entry.id;
      if (this.#server.log.follows(entry, this.userId)) this.send(this.#server.frame(entry, this.userId));
    }
  }

  /** Say that everything up to here was sent. */
  heartbeat() {
    if (this.#sentThrough !== null) this.send({ type: "heartbeat", id: this.#sentThrough });
  }

  /** @param {any} frame */
  send(frame) {
    if (!this.isOpen) return;
    if (this.#held !== null) {
      this.#held = this.#held.then(() => this.#put(frame));
      return;
    }
    const fault = this.#server.faults.of(frame, this.userId ?? "");
    switch (fault?.kind) {
      case "drop":
        return;
      case "reset":
        return this.reset();
      case "delay":
        this.#held = new Promise((resolve) => setTimeout(resolve, fault.ms)).then(() => this.#put(frame));
        return;
      case "duplicate":
        this.#put(frame);
    }
    this.#put(frame);
  }

  /**
   * @param {number} code
   * @param {string} [reason]
   */
  close(code, reason = "") {
    this.gone();
    setTimeout(() => this.#socket.end(code, reason), 0);
  }

  /** Break it, without a close frame. */
  reset() {
    this.gone();
    this.#socket.end(1006, "");
  }

  gone() {
    this.isOpen = false;
    this.#server.connections.delete(this);
  }

  /** @param {any} frame */
  #put(frame) {
    if (this.isOpen) this.#socket.deliver(frame);
  }

  /**
   * @param {string | undefined} ref
   * @param {any} data
   */
  #connect(ref, { token, last_event_id, epoch, max_backlog }) {
    const wasConnected = this.#isConnected;
    if (token !== undefined || this.userId === null) {
      const userId = this.#server.userOf(token);
      if (userId === null) return this.close(this.#server.hasExpired(token) ? 4003 : 4002);
      this.userId = userId;
    }
    const { log } = this.#server;
    this.#isConnected = true;
    if (!wasConnected || last_event_id === undefined) this.#connected(ref);
    if (wasConnected && last_event_id === undefined) return;
    if (last_event_id === undefined) {
      this.#sentThrough = log.head;
      return;
    }
    const reason = this.#resyncReason(last_event_id, epoch, max_backlog);
    if (reason !== null) return this.send({ type: "resync_required", data: { reason } });
    this.#sentThrough = last_event_id;
    const count = this.#missed(last_event_id).length;
    const through = log.head;
    this.#catchUp();
    this.send({ type: "resumed", data: { count, through } });
  }

  /** @param {string | undefined} ref */
  #connected(ref) {
    const { epoch, log, heartbeatIntervalS } = this.#server;
    const who = { user_id: this.userId, session_id: this.userId, epoch, head_id: log.head };
    const data = { ...who, heartbeat_interval_s: heartbeatIntervalS, limits: LIMITS };
    this.send({ type: "connected", ...(ref === undefined ? {} : { ref }), data });
  }

  /** The backlog, in batches as the server sends it. */
  #catchUp() {
    const userId = this.userId ?? "";
    const missed = this.#missed(this.#sentThrough ?? 0);
    this.#sentThrough = this.#server.log.head;
    const frames = missed.map((entry) => this.#server.frame(entry, userId));
    for (let from = 0; from < frames.length; from += 3) {
      const part = frames.slice(from, from + 3);
      this.send(part.length > 1 ? { type: "batch", data: { frames: part } } : part[0]);
    }
  }

  /**
   * @param {number} position
   * @returns {Entry[]}
   */
  #missed(position) {
    const { log } = this.#server;
    return log.entries.slice(position).filter((entry) => log.follows(entry, this.userId ?? ""));
  }

  /**
   * @param {number} position
   * @param {string} epoch
   * @param {number | undefined} maxBacklog
   */
  #resyncReason(position, epoch, maxBacklog) {
    if (epoch !== this.#server.epoch) return "epoch";
    if (position > this.#server.log.head) return "ahead";
    return maxBacklog !== undefined && this.#missed(position).length > maxBacklog ? "backlog" : null;
  }

  /**
   * @param {string | undefined} ref
   * @param {string} type
   * @param {any} data
   */
  #run(ref, type, data) {
    const back = ref === undefined ? {} : { ref };
    try {
      const answer = this.#server.commands.run(this.userId ?? "", type, data);
      this.#server.changed(); // the sender's own event frame comes first, as on the server
      this.send({ type: ANSWERS[type], ...back, data: answer });
    } catch (error) {
      if (!(error instanceof SermoError)) throw error;
      const { code, message, field } = error;
      this.send({ type: "error", ...back, data: { code, message, ...(field === undefined ? {} : { field }) } });
    }
  }
}

/** @type {Record<string, string>} */
const ANSWERS = {
  message: "message_sent",
  edit_message: "done",
  delete_message: "done",
  add_reaction: "done",
  remove_reaction: "done",
  mark_read: "done",
  mark_unread: "done",
  join_channel: "channel_joined",
  leave_channel: "channel_left",
};
