/**
 * Creating a channel, changing its name and topic, and inviting by link.
 *
 * @module
 */

import { useState } from "../vendor/hooks.js";
import { Dialog } from "./dialog.js";
import { fullTime } from "./format.js";
import { html } from "./html.js";
import { attempt, engine } from "./model.js";
import { notify } from "./notices.js";
import { go, to } from "./route.js";
import { closeDialog } from "./ui.js";

/** Submit a form of a dialog: what the server refuses is shown in it, and it stays. */
export function useSubmit(work) {
  const [problem, setProblem] = useState(null);
  const [isBusy, setBusy] = useState(false);
  const submit = async (event) => {
    const fields = Object.fromEntries(new FormData(event.target));
    setBusy(true);
    setProblem(null);
    try {
      await work(fields);
    } catch (error) {
      setProblem(error.message);
      setBusy(false);
    }
  };
  return { submit, isBusy, problem: html`<p class="form-problem" role="alert">${problem}</p>` };
}

/** Wait until the store knows a channel that I am now in, and go there. @param {string} channelId */
export async function enter(channelId) {
  const { store } = engine.peek();
  if (store.channel(channelId) === null) {
    await new Promise((resolve) => {
      const waiting = setTimeout(done, 3_000);
      const end = store.subscribe((s) => s.channel(channelId), done);
      function done() {
        clearTimeout(waiting);
        end();
        resolve();
      }
    });
  }
  go(to.channel(channelId));
}

export function CreateChannel() {
  const { submit, isBusy, problem } = useSubmit(async ({ name, topic, kind }) => {
    const made = await engine.peek().rest.createChannel({ name: name.trim(), kind, ...(topic.trim() ? { topic: topic.trim() } : {}) });
    closeDialog();
    await enter(made.channel_id);
  });
  return html`<${Dialog} title="Create a channel" onSubmit=${submit}>
    <label class="field"><span>Name</span><input name="name" required maxlength="80" autofocus autocomplete="off" /></label>
    <label class="field"><span>Topic <small>(optional)</small></span><input name="topic" maxlength="250" autocomplete="off" /></label>
    <fieldset class="choices">
      <legend class="hidden">Who may see it</legend>
      <label><input
        type="radio"
        name="kind"
        value="public"
        checked
      /> <span><b>Public</b><small>Everybody may find it, read it and join.</small></span></label>
      <label><input type="radio" name="kind" value="private" /> <span><b>Private</b><small>Only those see it who were added or invited.</small></span></label>
    </fieldset>
    ${problem}
    <div class="dialog-buttons">
      <button type="button" class="button" onClick=${closeDialog}>Cancel</button>
      <button class="button primary" disabled=${isBusy}>Create</button>
    </div>
  <//>`;
}

/** @param {{ channel: any }} props */
export function EditChannel({ channel }) {
  const { submit, isBusy, problem } = useSubmit(async ({ name, topic }) => {
    const changes = { ...(name.trim() !== channel.name ? { name: name.trim() } : {}), ...(topic.trim() !== channel.topic ? { topic: topic.trim() } : {}) };
    if (Object.keys(changes).length > 0) await engine.peek().rest.updateChannel(channel.channel_id, changes);
    closeDialog();
  });
  return html`<${Dialog} title="Name and topic" onSubmit=${submit}>
    <label class="field"><span>Name</span><input
      name="name"
      required
      maxlength="80"
      value=${channel.name}
      autofocus
      autocomplete="off"
    /></label>
    <label class="field"><span>Topic</span><input name="topic" maxlength="250" value=${channel.topic} autocomplete="off" /></label>
    ${problem}
    <div class="dialog-buttons">
      <button type="button" class="button" onClick=${closeDialog}>Cancel</button>
      <button class="button primary" disabled=${isBusy}>Save</button>
    </div>
  <//>`;
}

/** @param {{ channel: any }} props */
export function Invite({ channel }) {
  const [made, setMade] = useState(null);
  const { submit, isBusy, problem } = useSubmit(async ({ days, uses }) => {
    const invitation = await engine.peek().rest.invite(channel.channel_id, { expires_in_s: Number(days) * 86_400, ...(uses ? { max_uses: Number(uses) } : {}) });
    setMade({ ...invitation, link: `${location.origin}${location.pathname}#/join/${invitation.code}` });
  });
  const copy = () => attempt(navigator.clipboard.writeText(made.link).then(() => notify("The link is copied.")));
  return html`<${Dialog} title=${`Invite to #${channel.name}`} onSubmit=${submit}>
    ${made === null
      ? html`<p>Whoever has the link may join, until it is used up or over.</p>
          <label class="field"><span>Good for</span><select name="days"><option value="1">1 day</option><option value="7" selected>7 days</option><option value="30">30 days</option></select></label>
          <label class="field"><span>How many may join by it <small>(optional)</small></span><input name="uses" type="number" min="1" max="1000" /></label>
          ${problem}
          <div class="dialog-buttons"><button class="button primary" disabled=${isBusy}>Make a link</button></div>`
      : html`<label class="field"><span>The link</span><input
        readonly
        value=${made.link}
        onFocus=${(event) => event.currentTarget.select()}
        autofocus
      /></label>
          <p class="muted">Good until ${fullTime(made.expires_at)}.</p>
          <div class="dialog-buttons"><button type="button" class="button primary" onClick=${copy}>Copy</button></div>`}
  <//>`;
}
