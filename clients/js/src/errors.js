/**
 * What goes wrong, with the server's stable codes (docs/codes.md), and with a few of the client's own.
 *
 * @module
 */

/** Codes after which the same request may be sent again, with the same ids: docs/codes.md, kind "Later". */
const LATER = new Set(["unavailable", "overloaded", "rate_limited", "conflict"]);

/**
 * A refusal of the server's, or why there is no answer. Act on `code`; the text is for people.
 *
 * The client's own codes: `unreachable` (no answer over HTTP), `timeout` (no answer on the socket in time), `closed` (the
 * client was closed), `hole` (the server broke its promise of gapless feeds), `handler_failed` (a listener threw).
 */
export class SermoError extends Error {
  /**
   * @param {string} code
   * @param {string} message
   * @param {{ status?: number, field?: string, retryAfterMs?: number, cause?: unknown }} [more]
   */
  constructor(code, message, more = {}) {
    super(message, { cause: more.cause });
    this.name = "SermoError";
    /** Stable. */
    this.code = code;
    /** The HTTP status, where there is one. */
    this.status = more.status;
    /** The field that is to blame. */
    this.field = more.field;
    /** The same request may be sent again after that. */
    this.retryAfterMs = more.retryAfterMs;
  }

  /** Whether the same request, with the same ids, may succeed later. */
  get isLater() {
    return LATER.has(this.code) || this.code === "unreachable" || this.code === "timeout";
  }
}

/**
 * The error of an `error` frame.
 *
 * @param {import("./frames.js").Error | import("./frames.js").ChannelJoinError} data
 * @returns {SermoError}
 */
export function fromFrame(data) {
  const field = "field" in data ? data.field : undefined;
  const retryAfterMs = "retry_after_ms" in data ? data.retry_after_ms : undefined;
  return new SermoError(data.code, data.message, { field, retryAfterMs });
}
