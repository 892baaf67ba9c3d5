/**
 * What of the page is open at the moment, beside what the address says.
 *
 * @module
 */

import { signal } from "../vendor/signals.js";

/** The dialog that is open: `{ kind, ... }`. */
export const dialog = signal(null);
/** The message that is being edited, and where: `channel:ID` or `thread:ID`. */
export const editing = signal(null);
/** The message whose actions are shown, one at a time: `channel:ID` or `thread:ID`. */
export const active = signal(null);
/** A channel or thread that was marked as unread here: nothing is marked as read there until one leaves it. */
export const keptUnread = signal(null);
/** Asks the composer of a place for the focus. @type {import("../vendor/signals.js").Signal<{ place: "channel" | "thread" } | null>} */
export const composerFocus = signal(null);

export const closeDialog = () => (dialog.value = null);

/** Nothing of it outlives the person who is signed in. */
export function closeAll() {
  dialog.value = null;
  editing.value = null;
  active.value = null;
  keptUnread.value = null;
}

/**
 * Ask before something that cannot be taken back.
 *
 * @param {{ title: string, text: string, action: string }} question
 * @returns {Promise<boolean>}
 */
export function confirmed(question) {
  return new Promise((resolve) => {
    dialog.value = { kind: "confirm", ...question, resolve };
  });
}
