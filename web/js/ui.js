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
/** A channel or thread that was marked as unread here: nothing is marked as read there until one leaves it. */
export const keptUnread = signal(null);
/** Asks the composer for the focus. */
export const composerFocus = signal(0);

export const closeDialog = () => (dialog.value = null);

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
