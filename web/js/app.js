/**
 * The whole page: signing in, waiting for the first snapshot, or the chat.
 *
 * @module
 */

import { html } from "./html.js";
import { Logo } from "./icons.js";
import { engine, user } from "./model.js";
import { Notices } from "./notices.js";
import { Shell } from "./shell.js";
import { SignIn } from "./sign_in.js";

export function App() {
  return html`<${Now} /><${Notices} />`;
}

function Now() {
  if (user.value === null) return html`<${SignIn} />`;
  if (engine.value === null) return html`<${Waiting} />`;
  return html`<${Shell} key=${user.value.user_id} />`;
}

function Waiting() {
  return html`<main class="waiting">
    <${Logo} />
    <p role="status">Connecting …</p>
  </main>`;
}
