/**
 * The state machine with its I/O: the socket, the timers, the token, and the browser's `online`, `offline` and `visibilitychange`.
 *
 * @module
 */

import { Connection } from "./connection.js";
import { SermoError } from "./errors.js";
import { Socket, socketUrl } from "./socket.js";

/**
 * @typedef {ReturnType<typeof import("./options.js").withDefaults>} Settings
 * @typedef {import("./connection.js").Effect} Effect
 *
 * @typedef {Exclude<Effect, { do: "authenticate" | "open" | "send" | "close" | "set" | "clear" }>} News what the client is told
 */

export class Link {
  /**
   * @param {Settings} settings
   * @param {(news: News) => void} tell
   */
  constructor(settings, tell) {
    this.#settings = settings;
    this.#tell = tell;
    this.#connection = new Connection(settings.rules);
  }

  #settings;
  #tell;
  #connection;
  /** @type {Socket | null} */
  #socket = null;
  /** @type {Map<string, ReturnType<typeof setTimeout>>} */
  #timers = new Map();
  #token = "";
  #attemptCount = 0;
  #isRunning = false;
  #listens = false;

  get state() {
    return this.#connection.state;
  }

  get cursor() {
    return this.#connection.cursor;
  }

  /**
   * Let something happen to the connection, and do what follows from it.
   *
   * @param {(connection: Connection) => void} happening
   */
  happen(happening) {
    happening(this.#connection);
    if (this.#isRunning) return; // called by one of the effects: they go on below
    this.#isRunning = true;
    try {
      for (let effects = this.#connection.take(); effects.length > 0; effects = this.#connection.take()) {
        for (const effect of effects) this.#carryOut(effect);
      }
    } finally {
      this.#isRunning = false;
    }
  }

  /** Hear the browser. */
  listen() {
    if (this.#listens) return;
    this.#listens = true;
    const { window, document } = this.#settings;
    window?.addEventListener("online", this.#online);
    window?.addEventListener("offline", this.#offline);
    document?.addEventListener("visibilitychange", this.#visible);
  }

  /** Hear the browser no more. */
  deafen() {
    this.#listens = false;
    const { window, document } = this.#settings;
    window?.removeEventListener("online", this.#online);
    window?.removeEventListener("offline", this.#offline);
    document?.removeEventListener("visibilitychange", this.#visible);
  }

  /**
   * Send a frame, where there is a socket.
   *
   * @param {unknown} frame
   */
  send(frame) {
    this.#socket?.send(frame);
  }

  /** Give the living connection a new token, where there is one: without, it ends when the old one runs out. */
  async renew() {
    const socket = this.#socket;
    try {
      const token = await this.#settings.token({ renew: false });
      if (token === this.#token || socket !== this.#socket) return;
      this.#token = token;
      socket?.send({ type: "connect", data: { token } });
    } catch {
      // the connection goes on until the server ends it, and that is when it matters
    }
  }

  #online = () => this.happen((connection) => connection.online());
  #offline = () => this.happen((connection) => connection.offline());
  #visible = () => {
    if (this.#settings.document?.visibilityState !== "hidden") this.happen((connection) => connection.visible());
  };

  /** @param {Effect} effect */
  #carryOut(effect) {
    switch (effect.do) {
      case "authenticate":
        return void this.#authenticate(effect.renew);
      case "open":
        return this.#open(effect.ticket);
      case "send":
        return this.send(effect.frame);
      case "close":
        this.#socket?.drop(effect.code);
        this.#socket = null;
        return;
      case "set":
        clearTimeout(this.#timers.get(effect.timer));
        this.#timers.set(
          effect.timer,
          setTimeout(() => this.happen((connection) => connection.fired(effect.timer)), effect.ms),
        );
        return;
      case "clear":
        return clearTimeout(this.#timers.get(effect.timer));
      default:
        return this.#tell(effect);
    }
  }

  /** @param {boolean} renew */
  async #authenticate(renew) {
    const { authenticate, token, rest } = this.#settings;
    const attempt = ++this.#attemptCount;
    try {
      const found = await token({ renew });
      const ticket = authenticate === "ticket" ? (await rest.wsTicket()).ticket : null;
      if (attempt !== this.#attemptCount) return; // too late: another attempt has begun
      this.#token = found;
      this.happen((connection) => connection.authenticated({ token: ticket === null ? found : null, ticket }));
    } catch (cause) {
      if (attempt !== this.#attemptCount) return;
      const error = cause instanceof SermoError ? cause : new SermoError("unauthenticated", "There is no token.", { cause });
      this.happen((connection) => connection.unauthenticated(error));
    }
  }

  /** @param {string | null} ticket */
  #open(ticket) {
    this.#socket?.drop(1000);
    this.#socket = new Socket(this.#settings.WebSocket, socketUrl(this.#settings.url, ticket), {
      opened: () => this.happen((connection) => connection.opened()),
      received: (frame) => this.happen((connection) => connection.received(frame)),
      closed: (code, reason) => {
        this.#socket = null;
        this.happen((connection) => connection.closed(code, reason));
      },
    });
  }
}
