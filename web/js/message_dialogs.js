/**
 * What opens for a message: its versions, reporting it, a picture of it, and text to be copied by hand.
 *
 * @module
 */

import { download } from "./attachments.js";
import { useSubmit } from "./channel_dialogs.js";
import { Dialog } from "./dialog.js";
import { dayAndTime } from "./format.js";
import { html } from "./html.js";
import { attempt, engine, useCall } from "./model.js";
import { notify } from "./notices.js";
import { Name } from "./people.js";
import { closeDialog } from "./ui.js";

/** @param {{ message: any }} props */
export function History({ message }) {
  const { value, error, isLoading } = useCall(() => engine.peek().rest.history(message.message_id, { limit: 100 }), [message.message_id]);
  return html`<${Dialog} title="History of edits" class="wide">
    ${isLoading && html`<p class="muted" role="status">Loading …</p>`}
    ${error && html`<p class="form-problem" role="alert">${error.message}</p>`}
    <ol class="versions">
      ${value?.versions.map(({ content, at, by }, place) => html`<li key=${place}><p class="muted">${dayAndTime(at)} · <${Name} userId=${by} /></p><p class="version">${content}</p></li>`)}
    </ol>
  <//>`;
}

/** @param {{ message: any }} props */
export function Report({ message }) {
  const { submit, isBusy, problem } = useSubmit(async ({ reason }) => {
    await engine.peek().rest.report(message.message_id, reason.trim());
    closeDialog();
    notify("The admins were told.");
  });
  return html`<${Dialog} title="Report this message" onSubmit=${submit}>
    <p>The server's admins see the message and what you write. Nobody else is told.</p>
    <label class="field"><span>What is wrong with it?</span><textarea
      name="reason"
      rows="4"
      required
      maxlength="1000"
      autofocus
    ></textarea></label>
    ${problem}
    <div class="dialog-buttons">
      <button type="button" class="button" onClick=${closeDialog}>Cancel</button>
      <button class="button danger" disabled=${isBusy}>Report</button>
    </div>
  <//>`;
}

/** @param {{ attachment: any, address: string }} props */
export function Picture({ attachment, address }) {
  return html`<${Dialog} title=${attachment.name} class="picture-dialog">
    <img src=${address} alt=${attachment.name} />
    <div class="dialog-buttons"><button type="button" class="button" onClick=${() => attempt(download(attachment))}>Download</button></div>
  <//>`;
}

/** @param {{ text: string }} props */
export function CopyText({ text }) {
  return html`<${Dialog} title="Copy this">
    <textarea
      readonly
      rows="3"
      aria-label="Text to copy"
      autofocus
      value=${text}
      onFocus=${(event) => event.currentTarget.select()}
    ></textarea>
  <//>`;
}
