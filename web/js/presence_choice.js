/**
 * How I am shown to others. Kept for the browser, so that a reload does not bring a busy person back.
 *
 * @module
 */

import { signal } from "../vendor/signals.js";
import { html } from "./html.js";
import { engine } from "./model.js";

const CHOICES = [
  ["online", "Online"],
  ["away", "Away"],
  ["busy", "Busy"],
  ["offline", "Invisible"],
];
const KEY = "sermo:presence";
/** As I chose it. */
export const chosen = signal("online");

/** Say it again, as it was chosen before. */
export function restorePresence() {
  const kept = localStorage.getItem(KEY) ?? "online";
  if (kept !== "online") choose(kept);
}

function choose(status) {
  chosen.value = status;
  localStorage.setItem(KEY, status);
  engine.peek().client.setStatus(status);
}

export function PresenceChoice() {
  return html`<div class="menu-group" role="group" aria-label="Presence">
    ${CHOICES.map(
      ([status, name]) => html`<button
        key=${status}
        type="button"
        role="menuitemradio"
        aria-checked=${chosen.value === status}
        onClick=${() => choose(status)}
      ><span class="presence ${status}"></span> ${name}</button>`,
    )}
  </div>`;
}
