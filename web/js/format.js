/**
 * Times, sizes and counts, in the reader's language and zone.
 *
 * @module
 */

const TIME = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const DAY = new Intl.DateTimeFormat(undefined, { weekday: "long", day: "numeric", month: "long" });
const DAY_OF_YEAR = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "long", year: "numeric" });
const SHORT_DAY = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });
const FULL = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "medium" });
const RELATIVE = new Intl.RelativeTimeFormat(undefined, { numeric: "auto" });
const DAY_MS = 86_400_000;

/** @param {string} at */
export const time = (at) => TIME.format(new Date(at));

/** Without what stands beside the digits: for a narrow place beside a full time. @param {string} at */
export const bareTime = (at) =>
  TIME.formatToParts(new Date(at))
    .filter(({ type, value }) => type !== "dayPeriod" && value.trim() !== "")
    .map(({ value }) => value)
    .join("");

/** @param {string} at */
export const fullTime = (at) => FULL.format(new Date(at));

/** Days from then to now, by the calendar. @param {Date} then */
function daysAgo(then) {
  const midnight = (date) => new Date(date.getFullYear(), date.getMonth(), date.getDate()).getTime();
  return Math.round((midnight(new Date()) - midnight(then)) / DAY_MS);
}

/** A key that is the same for times of one day. @param {string} at */
export function dayKey(at) {
  const date = new Date(at);
  return date.getFullYear() * 10_000 + date.getMonth() * 100 + date.getDate();
}

/** The name of a day: "today", "Monday, 3 May", "3 May 2021". @param {string} at */
export function day(at) {
  const then = new Date(at);
  const ago = daysAgo(then);
  if (ago === 0 || ago === 1) return capital(RELATIVE.format(-ago, "day"));
  return ago > 0 && ago < 180 ? DAY.format(then) : DAY_OF_YEAR.format(then);
}

/** As short as it can be understood: "14:05", "yesterday", "3 May". @param {string} at */
export function shortTime(at) {
  const then = new Date(at);
  const ago = daysAgo(then);
  if (ago === 0) return TIME.format(then);
  if (ago === 1) return RELATIVE.format(-1, "day");
  return then.getFullYear() === new Date().getFullYear() ? SHORT_DAY.format(then) : DAY_OF_YEAR.format(then);
}

/** "3 May 2021, 14:05". @param {string} at */
export const dayAndTime = (at) => `${day(at)}, ${time(at)}`;

/** @param {number} bytes */
export function size(bytes) {
  if (bytes < 1_000) return `${bytes} bytes`;
  if (bytes < 1_000_000) return `${Math.round(bytes / 1_000)} kB`;
  return `${(bytes / 1_000_000).toFixed(1)} MB`;
}

/** @param {number} count @param {boolean} [isCapped] there are more */
export const counted = (count, isCapped = false) => (isCapped ? `${count}+` : String(count));

/** @param {number} count @param {string} one @param {string} [many] */
export const plural = (count, one, many = `${one}s`) => `${count} ${count === 1 ? one : many}`;

/** @param {string} text */
const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1);
