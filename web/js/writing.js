/**
 * What the composer and the editor share: the limit, the height that grows, drafts.
 *
 * @module
 */

export const CONTENT_MAX = 4_096;
const GROWS_TO_PX = 320;

/** In characters as the server counts them. @param {string} text */
export const lengthOf = (text) => (text.length <= CONTENT_MAX ? text.length : [...text].length);

/** As high as its text. @param {HTMLTextAreaElement} field */
export function grow(field) {
  field.style.height = "auto";
  field.style.height = `${Math.min(field.scrollHeight + 2, GROWS_TO_PX)}px`;
}

const key = (userId, place) => `sermo:draft:${userId}:${place}`;

/** @param {string} userId @param {string} place a channel or a thread's root */
export function loadDraft(userId, place) {
  try {
    return localStorage.getItem(key(userId, place)) ?? "";
  } catch {
    return "";
  }
}

/** @param {string} userId @param {string} place @param {string} text */
export function saveDraft(userId, place, text) {
  try {
    if (text === "") localStorage.removeItem(key(userId, place));
    else localStorage.setItem(key(userId, place), text);
  } catch {
    // storage is full or forbidden: the draft lives as long as the page
  }
}
