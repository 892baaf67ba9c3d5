/**
 * What a close code asks of the client (docs/codes.md): the range alone says it.
 *
 * @module
 */

/**
 * @typedef {"stop" | "renew" | "wait" | "now"} Advice
 *   Stop for good; get a new token first; come back after a while; come back at once.
 */

const MENDED_BY_A_TOKEN = new Set([4002, 4003]);
/** The program itself is wrong, or the connection was ended on purpose: the same again would end the same. */
const FINAL = new Set([1000, 1002, 1003, 1007, 1008, 1009, 1010]);

/**
 * @param {number} code
 * @returns {Advice}
 */
export function advice(code) {
  if (MENDED_BY_A_TOKEN.has(code)) return "renew";
  if (code >= 4200 && code < 4300) return "now";
  if (FINAL.has(code) || (code >= 4000 && code < 4100)) return "stop";
  return "wait";
}

/**
 * Why a final close ended the client.
 *
 * @param {number} code
 * @returns {"normal" | "access_denied" | "protocol"}
 */
export function finalReason(code) {
  if (code === 1000) return "normal";
  return code === 4001 || code === 1008 ? "access_denied" : "protocol";
}

/**
 * The delay that the server asks for in a close reason.
 *
 * @param {string} text
 * @returns {number | undefined} milliseconds
 */
export function retryAfterMs(text) {
  try {
    const wait = JSON.parse(text).retry_after_ms;
    return typeof wait === "number" && wait >= 0 ? wait : undefined;
  } catch {
    return undefined;
  }
}
