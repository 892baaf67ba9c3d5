/**
 * Who is in a channel; who governs it adds and removes people here.
 *
 * @module
 */

import { useEffect, useState } from "../vendor/hooks.js";
import { html } from "./html.js";
import { Icon } from "./icons.js";
import { attempt, engine, user, useStore } from "./model.js";
import { PaneFrame } from "./pane_frame.js";
import { PagesEnd, PeopleSearch, usePages } from "./people_search.js";
import { Avatar, nameOf } from "./people.js";
import { route, to } from "./route.js";
import { confirmed } from "./ui.js";

const CHANGES = new Set(["member_joined", "member_left", "member_updated"]);

export function MembersPane() {
  const { rest, client } = engine.value;
  const { channelId } = route.value;
  const channel = useStore((store) => (channelId === null ? null : store.channel(channelId)), [channelId]);
  const [changes, setChanges] = useState(0);
  const [isAdding, setAdding] = useState(false);
  useEffect(() => client.on("event", ({ type, channel_id }) => void (CHANGES.has(type) && channel_id === channelId && setChanges((n) => n + 1))), [client, channelId]);
  const pages = usePages(async (_, cursor) => {
    const page = await rest.members(channelId, { limit: 100, cursor });
    return { items: page.members, cursor: page.next_cursor };
  }, `${channelId}:${changes}`);
  const governs = channel !== null && channel.kind !== "direct" && (channel.role !== "member" || user.value?.is_admin);
  const add = governs && html`<button
    type="button"
    class="button small"
    aria-expanded=${isAdding}
    onClick=${() => setAdding(!isAdding)}
  ><${Icon} name="plus" size=${15} /> Add</button>`;
  const there = new Set(pages.items.map((member) => member.user_id));
  return html`<${PaneFrame}
    title="Members"
    note=${channel === null ? null : `${channel.member_count} in ${channel.kind === "direct" ? "this conversation" : `#${channel.name}`}`}
    action=${add}
  >
    <div class="pane-scroll">
      ${isAdding &&
      html`<section class="adding" aria-label="Add people">
        <${PeopleSearch} isFocused>
          ${(person) => html`<div class="person-row">
            <${Avatar} userId=${person.user_id} hasPresence /><span class="file-text"><b>${nameOf(person)}</b><small>@${person.username}</small></span>
            ${there.has(person.user_id)
              ? html`<span class="muted">is in it</span>`
              : html`<button
                type="button"
                class="button small"
                aria-label=${`Add ${nameOf(person)}`}
                onClick=${() => attempt(rest.putMember(channelId, person.user_id))}
              >Add</button>`}
          </div>`}
        <//>
      </section>`}
      <ul class="list cards">
        ${pages.items.map((member) => html`<${Member} key=${member.user_id} member=${member} channel=${channel} governs=${governs} />`)}
      </ul>
      <${PagesEnd} pages=${pages} empty="Nobody is here." />
    </div>
  <//>`;
}

function Member({ member, channel, governs }) {
  const { user_id: id, role } = member;
  const person = useStore((store) => store.user(id), [id]);
  const me = useStore((store) => store.userId);
  const remove = async () => {
    const question = { title: `Remove ${nameOf(person)}?`, text: `They leave #${channel.name}.`, action: "Remove" };
    if (await confirmed(question)) await attempt(engine.peek().rest.removeMember(channel.channel_id, id));
  };
  return html`<li class="card-row">
    <${Avatar} userId=${id} hasPresence />
    <a class="card-text" href=${to.pane("user", id)}><b>${nameOf(person)}</b><span class="muted">${person?.status_text || (person === null ? "" : `@${person.username}`)}</span></a>
    ${role !== "member" && html`<span class="tag">${role === "owner" ? "Owner" : "Admin"}</span>`}
    ${governs && id !== me && role !== "owner" && html`<button
      type="button"
      class="icon-button"
      aria-label=${`Remove ${nameOf(person)}`}
      title="Remove"
      onClick=${remove}
    ><${Icon} name="close" size=${15} /></button>`}
  </li>`;
}
