/**
 * Short notices that go away by themselves.
 *
 * @module
 */

import { signal } from "../vendor/signals.js";
import { html } from "./html.js";
import { Icon } from "./icons.js";

const SHOWN_MS = 6_000;

const notices = signal([]);
let last = 0;

/**
 * @param {string} text
 * @param {{ kind?: "plain" | "bad", stays?: boolean }} [options]
 */
export function notify(text, { kind = "plain", stays = false } = {}) {
  const id = (last += 1);
  notices.value = [...notices.value.filter((notice) => notice.text !== text), { id, text, kind }].slice(-4);
  if (!stays) setTimeout(() => forget(id), SHOWN_MS);
}

function forget(id) {
  notices.value = notices.value.filter((notice) => notice.id !== id);
}

export function Notices() {
  return html`<div class="notices" role="status" aria-live="polite">
    ${notices.value.map(
      ({ id, text, kind }) =>
        html`<div key=${id} class="notice ${kind}">
          <span>${text}</span>
          <button type="button" class="icon-button" aria-label="Close this notice" onClick=${() => forget(id)}>
            <${Icon} name="close" />
          </button>
        </div>`,
    )}
  </div>`;
}
