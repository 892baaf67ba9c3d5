/**
 * The rows of a timeline: each message with what is drawn above it - the line of a new day, the line before the first unread one - and
 * whether it goes on what the message before it began.
 *
 * @module
 */

import { dayKey } from "./format.js";

const TOGETHER_MS = 5 * 60_000;

/**
 * @typedef {object} Row
 * @property {string} key
 * @property {any} message
 * @property {boolean} beginsDay
 * @property {boolean} isFirstNew
 * @property {boolean} goesOn the same author, shortly after
 */

/** Rows that stay the same object while nothing of them has changed, so that they are not drawn anew. */
export class Rows {
  /** What each row was made of, by its key. @type {Map<string, { row: Row, before: any, isNew: boolean }>} */
  #known = new Map();
  #messages = null;
  #newAfter = null;
  #rows = [];

  /**
   * @param {any[]} messages
   * @param {{ newAfter: number | null, userId: string, hasMoreBefore: boolean }} how `newAfter`: the last seq that was read
   * @returns {Row[]} the same array while nothing has changed
   */
  of(messages, { newAfter, userId, hasMoreBefore }) {
    if (messages === this.#messages && newAfter === this.#newAfter) return this.#rows;
    const isSameLine = newAfter === this.#newAfter;
    this.#messages = messages;
    this.#newAfter = newAfter;
    const known = new Map();
    let before = null;
    let hasNew = false;
    this.#rows = messages.map((message) => {
      let made = this.#known.get(message.message_id);
      // of a long list nearly every row stands where it stood, between the same ones: only the others are worked out
      const stands = isSameLine && before !== null && made?.row.message === message && made.before === before;
      if (!stands || made.row.isFirstNew !== (made.isNew && !hasNew)) {
        const beginsDay = before === null ? !hasMoreBefore : dayKey(before.created_at) !== dayKey(message.created_at);
        const isNew = newAfter !== null && message.seq !== null && message.seq > newAfter && message.author_id !== userId;
        const isFirstNew = isNew && !hasNew;
        const row = { key: message.message_id, message, beginsDay, isFirstNew, goesOn: !beginsDay && !isFirstNew && goesOn(before, message) };
        made = { row: made !== undefined && isSame(made.row, row) ? made.row : row, before, isNew };
      }
      known.set(made.row.key, made);
      hasNew ||= made.isNew;
      before = message;
      return made.row;
    });
    this.#known = known;
    return this.#rows;
  }
}

function isSame(one, other) {
  return (
    one.message === other.message &&
    one.beginsDay === other.beginsDay &&
    one.isFirstNew === other.isFirstNew &&
    one.goesOn === other.goesOn
  );
}

function goesOn(before, message) {
  return (
    before !== null &&
    before.author_id === message.author_id &&
    !before.deleted_at &&
    !message.deleted_at &&
    !(message.parent_id && message.also_to_channel) &&
    new Date(message.created_at).getTime() - new Date(before.created_at).getTime() < TOGETHER_MS
  );
}

/** A row's height before it was drawn, from how much it says. @param {Row} row */
export function estimate({ message, beginsDay, isFirstNew, goesOn: isNext }) {
  const lines = message.content.split("\n").reduce((sum, line) => sum + 1 + Math.floor(line.length / 90), 0);
  const extras = (message.reactions?.length ? 34 : 0) + (message.reply_count ? 34 : 0) + (message.attachments?.length ? 150 : 0);
  return lines * 22 + (isNext ? 6 : 34) + (beginsDay ? 44 : 0) + (isFirstNew ? 30 : 0) + extras;
}
