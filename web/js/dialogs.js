/**
 * The dialog that is open, if any.
 *
 * @module
 */

import { CreateChannel, EditChannel, Invite } from "./channel_dialogs.js";
import { Dialog } from "./dialog.js";
import { html } from "./html.js";
import { KEYS } from "./keys.js";
import { CopyText, History, Picture, Report } from "./message_dialogs.js";
import { EditProfile, StartDirect } from "./people_dialogs.js";
import { Switcher } from "./switcher.js";
import { closeDialog, dialog } from "./ui.js";

const KINDS = {
  channel: EditChannel,
  confirm: Confirm,
  copy: CopyText,
  create: CreateChannel,
  direct: StartDirect,
  help: Help,
  history: History,
  invite: Invite,
  picture: Picture,
  profile: EditProfile,
  report: Report,
  switcher: Switcher,
};

export function Dialogs() {
  if (dialog.value === null) return null;
  const { kind, ...props } = dialog.value;
  return html`<${KINDS[kind]} key=${kind} ...${props} />`;
}

function Confirm({ title, text, action, resolve }) {
  const end = (answer) => (closeDialog(), resolve(answer));
  return html`<${Dialog} title=${title} onClose=${() => end(false)} onSubmit=${() => end(true)}>
    <p>${text}</p>
    <div class="dialog-buttons">
      <button type="button" class="button" onClick=${() => end(false)}>Cancel</button>
      <button class="button danger" autofocus>${action}</button>
    </div>
  <//>`;
}

function Help() {
  return html`<${Dialog} title="Keys">
    <dl class="keys">
      ${KEYS.map(([keys, meaning]) => html`<div key=${keys}><dt>${keys.split(" ").map((key) => (key === "/" ? " or " : html`<kbd>${key}</kbd>`))}</dt><dd>${meaning}</dd></div>`)}
    </dl>
  <//>`;
}
