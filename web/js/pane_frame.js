/**
 * The frame of what is open beside the main part.
 *
 * @module
 */

import { html } from "./html.js";
import { Icon } from "./icons.js";
import { closePane } from "./route.js";

/** @param {{ title: string, note?: any, action?: any, children: any }} props */
export function PaneFrame({ title, note = null, action = null, children }) {
  return html`<aside class="pane" aria-label=${title}>
    <header class="head">
      <button type="button" class="icon-button only-narrow" aria-label="Back" onClick=${closePane}><${Icon} name="back" /></button>
      <div class="head-text"><h2>${title}</h2>${note !== null && html`<p class="topic">${note}</p>`}</div>
      ${action}
      <button
        type="button"
        class="icon-button"
        aria-label="Close this pane"
        title="Close (Esc)"
        onClick=${closePane}
      ><${Icon} name="close" /></button>
    </header>
    ${children}
  </aside>`;
}
