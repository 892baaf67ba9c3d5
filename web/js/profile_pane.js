/**
 * A person: names, status, presence; writing to them and blocking them.
 *
 * @module
 */

import { html } from "./html.js";
import { Icon } from "./icons.js";
import { attempt, engine, useCall, useStore } from "./model.js";
import { PaneFrame } from "./pane_frame.js";
import { writeTo } from "./people_dialogs.js";
import { Avatar, PRESENCES, Presence, nameOf } from "./people.js";
import { dialog } from "./ui.js";

/** @param {{ id: string }} props */
export function ProfilePane({ id }) {
  const person = useStore((store) => store.user(id), [id]);
  const presence = useStore((store) => store.presence(id), [id]);
  const me = useStore((store) => store.userId);
  const { rest } = engine.value;
  const blocks = useCall(() => (id === me ? Promise.resolve({ blocks: [] }) : rest.blocks()), [id]);
  const isBlocked = blocks.value?.blocks.some((block) => block.user_id === id) ?? false;
  const block = () => attempt(isBlocked ? rest.unblock(id) : rest.block(id)).then(blocks.again);
  return html`<${PaneFrame} title="Profile">
    <div class="pane-scroll profile">
      <${Avatar} userId=${id} size="large" />
      <h3>${nameOf(person)} ${person?.is_admin && html`<span class="tag">Admin</span>`}</h3>
      <p class="muted">@${person?.username ?? "…"}</p>
      ${person?.status_text && html`<p>${person.status_text}</p>`}
      ${person?.deactivated_at
        ? html`<p class="muted">This account is deactivated.</p>`
        : id !== me && html`<p class="presence-line"><${Presence} userId=${id} isSilent /> ${PRESENCES[presence]}</p>`}
      <p class="buttons">
        ${id === me
          ? html`<button
            type="button"
            class="button"
            onClick=${() => (dialog.value = { kind: "profile" })}
          ><${Icon} name="edit" size=${16} /> Name and status</button>`
          : html`<button
            type="button"
            class="button primary"
            onClick=${() => writeTo([id])}
          ><${Icon} name="send" size=${16} /> Message</button>
              <button
                type="button"
                class="button"
                disabled=${blocks.value === null}
                onClick=${block}
              >${isBlocked ? "Unblock" : "Block"}</button>`}
      </p>
      ${isBlocked && html`<p class="muted">Who is blocked cannot begin a direct conversation with you.</p>`}
    </div>
  <//>`;
}
