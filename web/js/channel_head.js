/**
 * The head of a channel: its name and topic, and the ways to its members, pins, search and settings.
 *
 * @module
 */

import { useState } from "../vendor/hooks.js";
import { KindIcon, useOthers } from "./channel_names.js";
import { html } from "./html.js";
import { Icon } from "./icons.js";
import { attempt, engine, user, useStore } from "./model.js";
import { Popover } from "./popover.js";
import { closePane, go, route, to } from "./route.js";
import { confirmed, dialog } from "./ui.js";

const LEVELS = [
  ["all", "All messages"],
  ["mentions", "Only mentions"],
  ["muted", "Muted"],
];

/** @param {{ channel: any, isMember: boolean, name: string }} props */
export function ChannelHead({ channel, isMember, name }) {
  const [isOpen, setOpen] = useState(false);
  const people = useOthers(channel);
  const alone = people?.length === 1 ? people[0] : null;
  const status = useStore((store) => (alone === null ? null : store.user(alone)?.status_text), [alone]);
  const pane = route.value.pane?.kind;
  const toggle = (kind) => (pane === kind ? closePane() : go(to.pane(kind)));
  return html`<header class="head">
    <a class="icon-button only-narrow" href=${to.home()} aria-label="Back to the channels"><${Icon} name="back" /></a>
    <span class="head-icon"><${KindIcon} channel=${channel} size=${18} /></span>
    <div class="head-text">
      <h1>${name}</h1>
      <p class="topic" title=${channel.topic}>${channel.kind === "direct" ? status : channel.topic}</p>
    </div>
    <div class="head-buttons">
      <button
        type="button"
        class="icon-button with-count"
        aria-label=${`Members, ${channel.member_count}`}
        title="Members"
        aria-pressed=${pane === "members"}
        onClick=${() => toggle("members")}
      ><${Icon} name="people" /><span>${channel.member_count}</span></button>
      <button
        type="button"
        class="icon-button"
        aria-label="Pinned messages"
        title="Pinned messages"
        aria-pressed=${pane === "pins"}
        onClick=${() => toggle("pins")}
      ><${Icon} name="pin" /></button>
      <button
        type="button"
        class="icon-button"
        aria-label="Search"
        title="Search (Ctrl Shift F)"
        aria-pressed=${pane === "search"}
        onClick=${() => toggle("search")}
      ><${Icon} name="search" /></button>
      ${isMember &&
      html`<span class="opener">
        <button
          type="button"
          class="icon-button"
          aria-label="Channel settings"
          title="Channel settings"
          aria-haspopup="menu"
          aria-expanded=${isOpen}
          onClick=${() => setOpen(!isOpen)}
        ><${Icon} name=${channel.level === "muted" ? "bellOff" : "more"} /></button>
        ${isOpen && html`<${Settings} channel=${channel} onClose=${() => setOpen(false)} />`}
      </span>`}
    </div>
  </header>`;
}

function Settings({ channel, onClose }) {
  const { rest, client } = engine.peek();
  const { channel_id: id, kind } = channel;
  const governs = kind !== "direct" && (channel.role !== "member" || user.value?.is_admin);
  const then = (work) => () => (onClose(), work());
  const leave = async () => {
    const text = kind === "private" ? "You come back only when somebody adds you." : "You can join again at any time.";
    if ((await confirmed({ title: `Leave #${channel.name}?`, text, action: "Leave" })) && (await attempt(client.leave(id)))) go(to.home());
  };
  return html`<${Popover} label="Channel settings" role="menu" class="menu" onClose=${onClose}>
    <div class="menu-group" role="group" aria-label="Tell me of">
      <p class="menu-title">Tell me of</p>
      ${LEVELS.map(([level, name]) => html`<button
        key=${level}
        type="button"
        role="menuitemradio"
        aria-checked=${channel.level === level}
        onClick=${then(() => attempt(rest.setLevel(id, level)))}
      >${name}</button>`)}
    </div>
    ${governs && html`<button
      type="button"
      role="menuitem"
      onClick=${then(() => (dialog.value = { kind: "channel", channel }))}
    ><${Icon} name="edit" /> Name and topic …</button>`}
    ${governs && html`<button
      type="button"
      role="menuitem"
      onClick=${then(() => (dialog.value = { kind: "invite", channel }))}
    ><${Icon} name="link" /> Invite by link …</button>`}
    ${governs && html`<button
      type="button"
      role="menuitem"
      onClick=${then(() => attempt(channel.archived_at ? rest.unarchiveChannel(id) : rest.archiveChannel(id)))}
    ><${Icon} name="file" /> ${channel.archived_at ? "Unarchive" : "Archive"}</button>`}
    ${kind !== "direct" && html`<button
      type="button"
      role="menuitem"
      class="bad"
      onClick=${then(leave)}
    ><${Icon} name="leave" /> Leave</button>`}
  <//>`;
}
