import { html } from "./html.js";
export function Pane() { return html`<aside class="pane"></aside>`; }
