/**
 * The channel list, and who I am.
 *
 * @module
 */

import { memo } from "./memo.js";
import { useEffect, useState } from "../vendor/hooks.js";
import { KindIcon, useChannelName, useOthers } from "./channel_names.js";
import { ConnectionLine } from "./connection_line.js";
import { counted } from "./format.js";
import { html } from "./html.js";
import { Icon, Logo } from "./icons.js";
import { signOut, user, useStore } from "./model.js";
import { Avatar, nameOf } from "./people.js";
import { Popover } from "./popover.js";
import { PresenceChoice, chosen, restorePresence } from "./presence_choice.js";
import { route, to } from "./route.js";
import { sections } from "./sections.js";
import { ThemeChoice } from "./theme.js";
import { dialog } from "./ui.js";

export function Sidebar() {
  const channels = useStore((store) => store.channels());
  const threads = useStore((store) => store.unread()).threads;
  const parts = sections(channels);
  const { view } = route.value;
  return html`<nav class="side" aria-label="Channels">
    <header class="side-head">
      <${Logo} size=${28} />
      <b>Sermo</b>
      <span class="spacer"></span>
      <button type="button" class="icon-button" aria-label="Go to a channel or a person" title="Go to … (Ctrl K)" onClick=${() => (dialog.value = { kind: "switcher" })}><${Icon} name="search" /></button>
    </header>
    <div class="side-scroll">
      <ul class="links">
        <li><a class="link-row ${threads.thread_count > 0 ? "unread" : ""}" href=${to.view("threads")} aria-current=${view === "threads" ? "page" : undefined}>
          <${Icon} name="threads" size=${16} /><span class="name">Threads</span>
          ${threads.unread_count > 0 && html`<span class="badge" data-testid="threads-badge">${counted(threads.unread_count, threads.unread_capped)}<span class="hidden"> unread replies</span></span>`}
        </a></li>
        <li><a class="link-row" href=${to.view("browse")} aria-current=${view === "browse" ? "page" : undefined}><${Icon} name="hash" size=${16} /><span class="name">Browse channels</span></a></li>
        <li><a class="link-row" href=${to.view("people")} aria-current=${view === "people" ? "page" : undefined}><${Icon} name="people" size=${16} /><span class="name">People</span></a></li>
      </ul>
      <${Section} title="Channels" action="Create a channel" onAction=${() => (dialog.value = { kind: "create" })} channels=${parts.channels} />
      <${Section} title="Direct messages" action="Write to somebody" onAction=${() => (dialog.value = { kind: "direct" })} channels=${parts.directs} />
      ${parts.archived.length > 0 && html`<${Section} title="Archived" channels=${parts.archived} />`}
    </div>
    <${ConnectionLine} />
    <${Me} />
  </nav>`;
}

function Section({ title, action, onAction, channels }) {
  return html`<section class="side-section">
    <div class="section-head">
      <h2>${title}</h2>
      ${action && html`<button type="button" class="icon-button" aria-label=${action} title=${action} onClick=${onAction}><${Icon} name="plus" size=${16} /></button>`}
    </div>
    <ul class="links">
      ${channels.map((channel) => html`<${ChannelLink} key=${channel.channel_id} channel=${channel} isCurrent=${route.value.channelId === channel.channel_id} />`)}
    </ul>
  </section>`;
}

const ChannelLink = memo(function ChannelLink({ channel, isCurrent }) {
  const name = useChannelName(channel);
  const people = useOthers(channel);
  const { unread_count, unread_capped, mention_count, mention_capped, level } = channel;
  const isMuted = level === "muted";
  const isLoud = unread_count > 0 && level === "all";
  const badge = mention_count > 0 ? "for-me" : isMuted ? "muted" : level === "mentions" ? "quiet" : "";
  const label = [
    channel.kind === "direct" ? name : `#${name}`,
    unread_count > 0 ? `${counted(unread_count, unread_capped)} unread` : "",
    mention_count > 0 ? `${counted(mention_count, mention_capped)} ${mention_count === 1 ? "mention" : "mentions"}` : "",
    isMuted ? "muted" : "",
  ];
  return html`<li>
    <a
      class="link-row ${isLoud || mention_count > 0 ? "unread" : ""} ${isMuted ? "is-muted" : ""}"
      href=${to.channel(channel.channel_id)}
      aria-current=${isCurrent ? "page" : undefined}
      data-channel=${channel.channel_id}
    >
      <span class="hidden">${label.filter(Boolean).join(", ")}</span>
      ${people?.length === 1 ? html`<${Avatar} userId=${people[0]} size="small" hasPresence />` : html`<${KindIcon} channel=${channel} />`}
      <span class="name" aria-hidden="true">${name}</span>
      ${isMuted && html`<${Icon} name="bellOff" size=${14} />`}
      ${unread_count > 0 && html`<span class="badge ${badge}" data-testid="badge" aria-hidden="true">${mention_count > 0 ? "@" : ""}${counted(unread_count, unread_capped)}</span>`}
    </a>
  </li>`;
});

function Me() {
  const [isOpen, setOpen] = useState(false);
  const me = useStore((store) => store.user(store.userId)) ?? user.value;
  const isLive = useStore((store) => store.connection().name === "live");
  useEffect(restorePresence, []);
  return html`<div class="me opener">
    <button type="button" class="me-button" aria-haspopup="menu" aria-expanded=${isOpen} onClick=${() => setOpen(!isOpen)}>
      <span class="hidden">You: ${nameOf(me)}</span>
      <${Avatar} userId=${me.user_id} size="medium" />
      <span class="me-text" aria-hidden="true"><b>${nameOf(me)}</b><small>${me.status_text || `@${me.username}`}</small></span>
      <span class="presence ${isLive ? chosen.value : "offline"}"></span>
    </button>
    ${isOpen &&
    html`<${Popover} label="You" role="menu" class="menu" onClose=${() => setOpen(false)}>
      <${PresenceChoice} />
      <button type="button" role="menuitem" onClick=${() => (setOpen(false), (dialog.value = { kind: "profile" }))}><${Icon} name="edit" /> Name and status …</button>
      <${ThemeChoice} />
      <button type="button" role="menuitem" onClick=${() => (setOpen(false), (dialog.value = { kind: "help" }))}><${Icon} name="help" /> Keys</button>
      ${user.value.is_admin && html`<a role="menuitem" href="operate"><${Icon} name="history" /> Operate</a>`}
      <button type="button" role="menuitem" onClick=${signOut}><${Icon} name="leave" /> Sign out</button>
    <//>`}
  </div>`;
}
