/**
 * What a `SermoClient` is made with.
 *
 * @module
 */

import { MemoryCursors } from "./cursors.js";
import { MemoryOutbox } from "./outbox_stores.js";
import { SermoRest } from "./rest.js";

/**
 * @typedef {object} ClientOptions
 * @property {string} url of the server, say `location.origin`
 * @property {import("./rest.js").TokenSource} token gives an access token, say a `Session`'s `token`
 * @property {"frame" | "ticket"} [authenticate] how the socket is told who it is; the first frame is the default
 * @property {SermoRest} [rest]
 * @property {import("./cursors.js").CursorStore} [cursors] where the last handled position is kept; in memory is the default
 * @property {import("./outbox_stores.js").OutboxStore} [outbox] where unsent messages are kept; in memory is the default
 * @property {import("./tabs.js").Tab} [tab] which of the tabs that share the outbox this is
 * @property {import("./socket.js").WebSocketClass} [WebSocket] the browser's is the default
 * @property {number} [connectTimeoutMs] from opening the socket to the server's first frame: 5,000
 * @property {number} [pongTimeoutMs] 5,000
 * @property {number} [attempts] how many may fail in a row before the client gives up; there is no limit by default
 * @property {number | null} [maxBacklog] rather load a snapshot than more missed events than this
 * @property {string | null} [channelId] follow this channel alone
 * @property {string} [program] name and version, for the server's log
 * @property {EventTarget | null} [window] tells `online` and `offline`; the browser's is the default
 * @property {(EventTarget & { visibilityState?: string }) | null} [document] tells `visibilitychange`; the browser's is the default
 * @property {() => number} [random] for the waits: 0 to 1
 */

/**
 * The options with their defaults.
 *
 * @param {ClientOptions} options
 */
export function withDefaults(options) {
  const found = options.WebSocket ?? globalThis.WebSocket;
  if (found === undefined) throw new TypeError("There is no WebSocket here: give one in `WebSocket`, say that of `ws`.");
  return {
    url: options.url,
    token: options.token,
    authenticate: options.authenticate ?? "frame",
    rest: options.rest ?? new SermoRest({ url: options.url, token: options.token }),
    cursors: options.cursors ?? new MemoryCursors(),
    outbox: options.outbox ?? new MemoryOutbox(),
    tab: options.tab ?? null,
    WebSocket: /** @type {import("./socket.js").WebSocketClass} */ (found),
    window: options.window === undefined ? (globalThis.window ?? null) : options.window,
    document: options.document === undefined ? (globalThis.document ?? null) : options.document,
    random: options.random ?? Math.random,
    rules: {
      connectTimeoutMs: options.connectTimeoutMs ?? 5_000,
      pongTimeoutMs: options.pongTimeoutMs ?? 5_000,
      attempts: options.attempts ?? Infinity,
      maxBacklog: options.maxBacklog ?? null,
      channelId: options.channelId ?? null,
      program: options.program ?? "sermo-js/0.1.0",
      random: options.random ?? Math.random,
    },
  };
}
