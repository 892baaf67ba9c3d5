/**
 * How long to wait before the next attempt: full jitter, so that clients that lost the same server do not come back at once.
 *
 * @module
 */

/** No wait is shorter than this, and the first is at most this much longer. */
export const BASE_MS = 500;
/** No wait is longer. */
export const CAP_MS = 20_000;

/**
 * The wait before the attempt after `failures` failed ones: evenly spread between 0.5 s and 0.5 s doubled with every failure, at most 20 s.
 *
 * @param {number} failures 1 or more
 * @param {() => number} random 0 to 1
 * @returns {number} milliseconds
 */
export function backoffMs(failures, random) {
  const ceiling = Math.min(CAP_MS, BASE_MS * 2 ** Math.min(failures, 16));
  return Math.round(BASE_MS + random() * (ceiling - BASE_MS));
}
