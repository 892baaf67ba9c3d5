/**
 * My name and status, and beginning a direct conversation.
 *
 * @module
 */

import { useState } from "../vendor/hooks.js";
import { enter, useSubmit } from "./channel_dialogs.js";
import { Dialog } from "./dialog.js";
import { html } from "./html.js";
import { Icon } from "./icons.js";
import { attempt, engine, useStore } from "./model.js";
import { Avatar, nameOf } from "./people.js";
import { PeopleSearch } from "./people_search.js";
import { closeDialog } from "./ui.js";

const OTHERS_MAX = 8;

export function EditProfile() {
  const { store, rest } = engine.peek();
  const me = store.user(store.userId);
  const { submit, isBusy, problem } = useSubmit(async ({ display_name, status_text }) => {
    await rest.updateMe({ display_name: display_name.trim() || me.username, status_text: status_text.trim() });
    closeDialog();
  });
  return html`<${Dialog} title="Name and status" onSubmit=${submit}>
    <label class="field"><span>Display name</span><input name="display_name" maxlength="80" value=${me.display_name} autofocus /></label>
    <label class="field"><span>Status</span><input
      name="status_text"
      maxlength="100"
      value=${me.status_text ?? ""}
      placeholder="What are you doing?"
    /></label>
    ${problem}
    <div class="dialog-buttons">
      <button type="button" class="button" onClick=${closeDialog}>Cancel</button>
      <button class="button primary" disabled=${isBusy}>Save</button>
    </div>
  <//>`;
}

/** The channel of these people and me. @param {string[]} userIds */
export async function writeTo(userIds) {
  const { rest } = engine.peek();
  await attempt(rest.openDirect(userIds).then(({ channel_id }) => enter(channel_id)));
}

export function StartDirect() {
  const [chosen, setChosen] = useState([]);
  const users = useStore((store) => store.users());
  const toggle = (id) => setChosen(chosen.includes(id) ? chosen.filter((one) => one !== id) : [...chosen, id].slice(0, OTHERS_MAX));
  const begin = () => (closeDialog(), writeTo(chosen));
  return html`<${Dialog} title="Write to …" onSubmit=${() => chosen.length > 0 && begin()}>
    ${chosen.length > 0 &&
    html`<ul class="chips" aria-label="Chosen">
      ${chosen.map((id) => html`<li key=${id}>${nameOf(users.get(id) ?? null)} <button
        type="button"
        aria-label=${`Remove ${nameOf(users.get(id) ?? null)}`}
        onClick=${() => toggle(id)}
      ><${Icon} name="close" size=${13} /></button></li>`)}
    </ul>`}
    <${PeopleSearch} isFocused>
      ${(person) =>
        html`<button
          type="button"
          class="person-row"
          aria-pressed=${chosen.includes(person.user_id)}
          onClick=${() => toggle(person.user_id)}
        >
          <${Avatar} userId=${person.user_id} hasPresence />
          <span class="file-text"><b>${nameOf(person)}</b><small>@${person.username}</small></span>
          ${chosen.includes(person.user_id) && html`<${Icon} name="check" />`}
        </button>`}
    <//>
    <div class="dialog-buttons"><button class="button primary" disabled=${chosen.length === 0}>Start</button></div>
  <//>`;
}
