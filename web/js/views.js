/**
 * What fills the main part beside channels: my threads, all channels, all people.
 *
 * @module
 */

import { useState } from "../vendor/hooks.js";
import { enter } from "./channel_dialogs.js";
import { KindIcon, useChannelName } from "./channel_names.js";
import { counted, plural, shortTime } from "./format.js";
import { html } from "./html.js";
import { Icon } from "./icons.js";
import { plain } from "./markdown.js";
import { attempt, engine, useCall, useStore } from "./model.js";
import { PagesEnd, PeopleSearch, usePages } from "./people_search.js";
import { Avatar, Name, nameOf } from "./people.js";
import { route, to } from "./route.js";
import { dialog } from "./ui.js";

const PAGE = 50;
const VIEWS = { threads: ThreadsView, browse: BrowseView, people: PeopleView, join: JoinView };

/** @param {{ view: keyof typeof VIEWS }} props */
export function MainView({ view }) {
  return html`<${VIEWS[view]} />`;
}

function Frame({ title, action, children }) {
  return html`<section class="view" aria-label=${title}>
    <header class="head">
      <a class="icon-button only-narrow" href=${to.home()} aria-label="Back to the channels"><${Icon} name="back" /></a>
      <div class="head-text"><h1>${title}</h1></div>
      ${action}
    </header>
    <div class="view-scroll" tabindex="-1"><div class="view-body">${children}</div></div>
  </section>`;
}

function ThreadsView() {
  const threads = useStore((store) => store.threads());
  return html`<${Frame} title="Threads">
    <p class="muted">Threads that you began, answered or follow, and those in which you were mentioned.</p>
    <ul class="list cards">
      ${threads.map((thread) => html`<${ThreadItem} key=${thread.root_id} thread=${thread} />`)}
    </ul>
    ${threads.length === 0 && html`<p class="empty">You follow no thread yet. Reply to a message to begin one.</p>`}
  <//>`;
}

function ThreadItem({ thread }) {
  const { root, root_id, channel_id, unread_count, unread_capped, mention_count } = thread;
  const channel = useStore((store) => store.channel(channel_id), [channel_id]);
  const name = useChannelName(channel);
  return html`<li>
    <a class="card-row ${unread_count > 0 ? "unread" : ""}" href=${to.pane("thread", root_id)}>
      ${root !== null && html`<${Avatar} userId=${root.author_id} />`}
      <span class="card-text">
        <span class="card-line"><b>${root !== null && html`<${Name} userId=${root.author_id} />`}</b><span class="muted">in ${channel?.kind === "direct" ? "" : "#"}${name}</span></span>
        <span class="excerpt">${root === null ? "…" : root.deleted_at ? "This message was deleted." : plain(root.content) || "A file"}</span>
        <span class="muted">${plural(root?.reply_count ?? 0, "reply", "replies")}${root?.last_reply_at ? `, last ${shortTime(root.last_reply_at)}` : ""}</span>
      </span>
      ${unread_count > 0 && html`<span class="badge ${mention_count > 0 ? "for-me" : ""}">${mention_count > 0 ? "@" : ""}${counted(unread_count, unread_capped)}</span>`}
    </a>
  </li>`;
}

function BrowseView() {
  const { rest } = engine.value;
  const [query, setQuery] = useState("");
  const pages = usePages(async (text, cursor) => {
    const page = await rest.channels({ ...(text === "" ? {} : { query: text }), limit: PAGE, cursor });
    return { items: page.channels, cursor: page.next_cursor };
  }, query.trim());
  const create = html`<button
    type="button"
    class="button primary small"
    onClick=${() => (dialog.value = { kind: "create" })}
  ><${Icon} name="plus" size=${16} /> Create</button>`;
  return html`<${Frame} title="Channels" action=${create}>
    <input
      type="search"
      aria-label="Find channels"
      placeholder="Find channels"
      value=${query}
      onInput=${(event) => setQuery(event.currentTarget.value)}
    />
    <ul class="list cards">
      ${pages.items.filter((channel) => channel.kind !== "direct").map((channel) => html`<${ChannelItem}
        key=${channel.channel_id}
        channel=${channel}
      />`)}
    </ul>
    <${PagesEnd} pages=${pages} empty="No channel is called that." />
  <//>`;
}

function ChannelItem({ channel }) {
  const { channel_id: id } = channel;
  const mine = useStore((store) => store.channel(id), [id]);
  const join = () => attempt(engine.peek().client.join(id).then(() => enter(id)));
  return html`<li class="card-row">
    <span class="tile"><${KindIcon} channel=${channel} size=${18} /></span>
    <a class="card-text" href=${to.channel(id)}>
      <b>${channel.name}</b>
      ${channel.topic && html`<span class="excerpt">${channel.topic}</span>`}
      <span class="muted">${plural(channel.member_count, "member")}${channel.archived_at ? ", archived" : ""}</span>
    </a>
    ${mine !== null ? html`<span class="muted joined"><${Icon} name="check" size=${15} /> Joined</span>` : !channel.archived_at && html`<button
      type="button"
      class="button small"
      aria-label=${`Join ${channel.name}`}
      onClick=${join}
    >Join</button>`}
  </li>`;
}

function PeopleView() {
  return html`<${Frame} title="People">
    <${PeopleSearch} withMe>
      ${(person) => html`<a class="card-row" href=${to.pane("user", person.user_id)}>
        <${Avatar} userId=${person.user_id} hasPresence />
        <span class="card-text"><b>${nameOf(person)}</b><span class="muted">@${person.username}${person.status_text ? ` · ${person.status_text}` : ""}</span></span>
        ${person.is_admin && html`<span class="tag">Admin</span>`}
      </a>`}
    <//>
  <//>`;
}

function JoinView() {
  const { rest } = engine.value;
  const { code } = route.value;
  const { value, error, isLoading } = useCall(() => rest.invitation(code), [code]);
  const join = () => attempt(rest.acceptInvitation(code).then(({ channel_id }) => enter(channel_id)));
  if (isLoading) return html`<section class="welcome"><p role="status">Loading …</p></section>`;
  if (error !== null) {
    const text = error.status === 404 ? "It is used up, over, or was revoked." : error.message;
    return html`<section class="welcome"><h1>This invitation is not good</h1><p>${text}</p></section>`;
  }
  return html`<section class="welcome">
    <span class="intro-icon"><${KindIcon} channel=${value} size=${26} /></span>
    <h1>${value.invited_by.display_name} invites you to #${value.name}</h1>
    <p>${value.topic}</p>
    <p class="muted">${plural(value.member_count, "member")}</p>
    <p><button type="button" class="button primary" onClick=${join}>Join channel</button></p>
  </section>`;
}
