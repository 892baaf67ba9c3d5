/**
 * The client: one connection that resumes by itself, the events in order, and commands.
 *
 *     const client = new SermoClient({ url, token: session.token });
 *     client.on("event", (frame) => console.log(frame.type, frame.data));
 *     await client.connect();
 *     await client.send(channelId, "hello").settled;
 *
 * @module
 */

import { Deliveries } from "./deliveries.js";
import { Emitter } from "./emitter.js";
import { SermoError } from "./errors.js";
import { Link } from "./link.js";
import { Marks } from "./marks.js";
import { withDefaults } from "./options.js";
import { Outbox } from "./outbox.js";
import { Requests } from "./requests.js";
import { Tab } from "./tabs.js";

/**
 * @typedef {import("./options.js").ClientOptions} ClientOptions
 * @typedef {import("./connection.js").State} State
 * @typedef {import("./cursors.js").Cursor} Cursor
 * @typedef {import("./frames.js").EventFrame} EventFrame
 * @typedef {import("./frames.js").Done} Done
 * @typedef {import("./outbox.js").SendHandle} SendHandle
 * @typedef {{ channelId: string } | { parentId: string }} Target a channel, or a thread by its root
 *
 * @typedef {object} ClientEvents
 * @property {State} state the connection's state has changed
 * @property {EventFrame} event an event of the log, in order, each once; the next one waits for a listener's promise. The cursor
 *   is saved when all listeners have succeeded; when one throws, the client closes with `handler_failed`
 * @property {import("./frames.js").UserStatusFrame | import("./frames.js").TypingSignalFrame} signal presence and typing
 * @property {import("./frames.js").Connected} connected who I am, and what the server takes
 * @property {import("./frames.js").Resumed} resumed the backlog is handled: `count` events were missed
 * @property {{ reason: "epoch" | "ahead" | "backlog", cursor: Cursor }} resync a snapshot was loaded instead of the events up to `cursor`
 * @property {number} position everything up to it was handled
 * @property {SendHandle} outbox a message on its way is new, or in another state
 * @property {unknown} error what went wrong beside the state: a hole, a failing listener or store
 */

export class SermoClient {
  /** @param {ClientOptions} options */
  constructor(options) {
    const settings = withDefaults(options);
    this.rest = settings.rest;
    this.#tab = settings.tab ?? new Tab();
    this.#cursors = settings.cursors;
    this.#link = new Link(settings, (news) => this.#told(news));
    this.#requests = new Requests(
      (frame) => this.#link.send(frame),
      () => this.#link.happen((connection) => connection.stalled()),
    );
    this.#outbox = new Outbox({
      store: settings.outbox,
      tab: this.#tab,
      transmit: (type, data) => this.#requests.ask(type, data, { once: true }),
      changed: (handle) => this.#emit("outbox", handle),
      fault: (error) => this.#emit("error", error),
      random: settings.random,
    });
    this.#deliveries = new Deliveries({
      save: (cursor) => settings.cursors.save(cursor),
      handle: (delivery) => this.#handle(delivery),
      failed: (error, cursor) => this.#failed(error, cursor),
      fault: (error) => this.#emit("error", error),
    });
    this.#marks = new Marks((type, data) => this.#requests.ask(type, data));
  }

  /** @type {import("./rest.js").SermoRest} */
  rest;
  #tab;
  #cursors;
  #link;
  #requests;
  #outbox;
  #deliveries;
  #marks;
  /** @type {Emitter<ClientEvents>} */
  #emitter = new Emitter();
  /** @type {Promise<void> | null} */
  #connecting = null;
  /** @type {import("./frames.js").StatusUpdate["status"]} */
  #status = "online";
  /** @type {Map<string, number>} */
  #typedAt = new Map();
  /** @type {(reason: "epoch" | "ahead" | "backlog") => Promise<Cursor>} */
  #snapshot = async () => {
    const { position, epoch } = await this.rest.myChannels();
    return { position, epoch };
  };

  /** What the connection is doing. @returns {State} */
  get state() {
    return this.#link.state;
  }

  /** Who I am, once the server has said it. @type {string | null} */
  userId = null;

  /** Messages that are pending or failed, oldest first. @returns {SendHandle[]} */
  get outbox() {
    return this.#outbox.handles;
  }

  /**
   * Listen; the answer ends it.
   *
   * @template {keyof ClientEvents} Name
   * @param {Name} name
   * @param {(value: ClientEvents[Name]) => unknown} listener
   * @returns {() => void}
   */
  on(name, listener) {
    return this.#emitter.on(name, listener);
  }

  /**
   * Connect, and stay connected until `close`. Resolves when it is live for the first time, and rejects when it was closed for good before.
   * Several calls at once are one.
   *
   * @param {{ from?: Cursor | null }} [options] `from`: go on after this, say a snapshot's position; else after what the cursor store
   *   has; null begins live
   * @returns {Promise<void>}
   */
  connect({ from } = {}) {
    if (this.state.name !== "idle" && this.state.name !== "closed" && this.#connecting === null) return Promise.resolve();
    this.#connecting ??= this.#connect(from).finally(() => (this.#connecting = null));
    return this.#connecting;
  }

  /** End the connection. What was not sent stays in the outbox's store, for the next client or another tab. */
  close() {
    this.#tab.close();
    this.#link.happen((connection) => connection.close("user"));
  }

  /**
   * How a snapshot is loaded when the server asks for it: by default nothing but its position. What it loads is true at the cursor
   * that it answers.
   *
   * @param {(reason: "epoch" | "ahead" | "backlog") => Promise<Cursor>} load
   */
  snapshotWith(load) {
    this.#snapshot = load;
  }

  // Commands

  /**
   * Send a message. It is kept until the server has it: offline, over cuts, and with a durable outbox over reloads.
   *
   * @param {string} channelId
   * @param {string} content
   * @param {import("./outbox.js").SendOptions} [options]
   * @returns {SendHandle}
   */
  send(channelId, content, options = {}) {
    return this.#outbox.add(channelId, content, options);
  }

  /**
   * @param {string} messageId
   * @param {string} content
   * @returns {Promise<Done>}
   */
  async edit(messageId, content) {
    await this.#outbox.get(messageId)?.settled;
    return this.#requests.ask("edit_message", { message_id: messageId, content });
  }

  /**
   * Delete a message.
   *
   * @param {string} messageId
   * @returns {Promise<Done>}
   */
  async remove(messageId) {
    await this.#outbox.get(messageId)?.settled;
    return this.#requests.ask("delete_message", { message_id: messageId });
  }

  /**
   * @param {string} messageId
   * @param {string} emoji
   * @returns {Promise<Done>}
   */
  async react(messageId, emoji) {
    await this.#outbox.get(messageId)?.settled;
    return this.#requests.ask("add_reaction", { message_id: messageId, emoji });
  }

  /**
   * @param {string} messageId
   * @param {string} emoji
   * @returns {Promise<Done>}
   */
  unreact(messageId, emoji) {
    return this.#requests.ask("remove_reaction", { message_id: messageId, emoji });
  }

  /**
   * @param {string} channelId
   * @returns {Promise<import("./frames.js").ChannelJoined>}
   */
  join(channelId) {
    return this.#requests.ask("join_channel", { channel_id: channelId });
  }

  /**
   * @param {string} channelId
   * @returns {Promise<import("./frames.js").ChannelLeft>}
   */
  leave(channelId) {
    return this.#requests.ask("leave_channel", { channel_id: channelId });
  }

  /**
   * The person has read up to this. Call it whenever they read on: few of these become frames, and fewer events.
   *
   * @param {Target} target
   * @param {number} seq
   * @returns {Promise<Done | void>}
   */
  markRead(target, seq) {
    return this.#marks.read(target, seq);
  }

  /**
   * This message and what follows is unread again.
   *
   * @param {Target} target
   * @param {number} seq
   * @returns {Promise<Done>}
   */
  markUnread(target, seq) {
    return this.#marks.unread(target, seq);
  }

  /**
   * The person types. Call it for every key: it is sent every 4 s at most.
   *
   * @param {string} channelId
   * @param {string} [parentId] the thread's root, where it is written there
   */
  typing(channelId, parentId) {
    const key = parentId ?? channelId;
    const now = Date.now();
    if (this.state.name !== "live" || now - (this.#typedAt.get(key) ?? 0) < 4_000) return;
    this.#typedAt.set(key, now);
    const data = parentId === undefined ? { channel_id: channelId } : { channel_id: channelId, parent_id: parentId };
    this.#link.send({ type: "typing", data });
  }

  /**
   * My presence on this connection, and on those that follow it.
   *
   * @param {import("./frames.js").StatusUpdate["status"]} status
   */
  setStatus(status) {
    this.#status = status;
    if (this.state.name === "live") this.#link.send({ type: "status_update", data: { status } });
  }

  /**
   * Give the living connection a new token. Done by itself with every heartbeat, where the source gives another one than before.
   *
   * @param {string} token of the same person
   * @returns {Promise<import("./frames.js").Connected>}
   */
  renewToken(token) {
    return this.#requests.ask("connect", { token });
  }

  /**
   * Any frame, for what has no name here.
   *
   * @param {string} type
   * @param {Record<string, unknown>} [data]
   * @returns {Promise<any>} the answer's `data`
   */
  request(type, data = {}) {
    return this.#requests.ask(type, data);
  }

  // How it works

  /** @param {Cursor | null | undefined} from */
  async #connect(from) {
    const cursor = from === undefined ? await this.#cursors.load() : from;
    await this.#deliveries.begin(cursor);
    this.#tab.open();
    const first = this.#firstLive();
    this.#link.listen();
    this.#link.happen((connection) => connection.connect(cursor));
    return first;
  }

  /** @returns {Promise<void>} */
  #firstLive() {
    return new Promise((resolve, reject) => {
      const end = this.on("state", ({ name, reason, error }) => {
        if (name !== "live" && name !== "closed") return;
        end();
        if (name === "live") resolve();
        else reject(error ?? new SermoError(reason === "user" ? "closed" : (reason ?? "closed"), `Closed: ${reason}.`));
      });
    });
  }

  /** @param {import("./link.js").News} news */
  #told(news) {
    switch (news.do) {
      case "state":
        return this.#changed(news.state);
      case "connected":
        this.userId = news.data.user_id;
        return this.#emit("connected", news.data);
      case "signal":
        return this.#emit("signal", news.frame);
      case "answer":
        return this.#requests.answered(news.frame);
      case "fault":
        return this.#emit("error", news.error);
      case "heartbeat":
        return void this.#link.renew();
      case "position":
      case "event":
      case "resumed":
      case "resync":
        return this.#deliveries.push({ ...news, cursor: this.#link.cursor });
      case "waiting":
        return;
    }
  }

  /** @param {State} state */
  #changed(state) {
    if (state.name === "live") {
      if (this.#status !== "online") this.#link.send({ type: "status_update", data: { status: this.#status } });
      this.#requests.live();
      void this.#outbox.open();
    } else {
      this.#outbox.close();
      if (state.name === "closed") this.#closed();
      else this.#requests.lost();
    }
    this.#emit("state", state);
  }

  #closed() {
    this.#link.deafen();
    this.#requests.closed();
  }

  /** @param {import("./deliveries.js").Delivery} delivery */
  async #handle(delivery) {
    switch (delivery.do) {
      case "event":
        return this.#emitter.emitInOrder("event", delivery.frame);
      case "position":
        return this.#emit("position", delivery.position);
      case "resumed":
        return this.#emit("resumed", delivery.data);
      case "resync":
        return this.#resync(delivery.reason);
    }
  }

  /** @param {"epoch" | "ahead" | "backlog"} reason */
  async #resync(reason) {
    try {
      const cursor = await this.#snapshot(reason);
      await this.#deliveries.begin(cursor);
      this.#emit("resync", { reason, cursor });
      this.#link.happen((connection) => connection.resynced(cursor));
    } catch (cause) {
      const error = cause instanceof SermoError ? cause : new SermoError("resync_failed", String(cause), { cause });
      this.#link.happen((connection) => connection.resyncFailed(error));
    }
  }

  /**
   * @param {unknown} cause
   * @param {Cursor | null} cursor
   */
  #failed(cause, cursor) {
    const error = new SermoError("handler_failed", `A listener failed: ${cause}`, { cause });
    this.#link.happen((connection) => {
      connection.rewind(cursor);
      connection.close("handler_failed", error);
    });
    this.#emit("error", error);
  }

  /**
   * @template {keyof ClientEvents} Name
   * @param {Name} name
   * @param {ClientEvents[Name]} value
   */
  #emit(name, value) {
    if (name === "error" && !this.#emitter.isHeard("error")) return console.error(value);
    try {
      this.#emitter.emit(name, value);
    } catch (error) {
      if (name === "error") return console.error(error);
      this.#emit("error", error);
    }
  }
}
