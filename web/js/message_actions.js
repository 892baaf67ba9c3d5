/**
 * What can be done with a message: the buttons over it and their menu.
 *
 * @module
 */

import { useState } from "../vendor/hooks.js";
import { EmojiPicker } from "./emoji_picker.js";
import { quick } from "./emoji.js";
import { html } from "./html.js";
import { Icon } from "./icons.js";
import { attempt, engine, user, useStore } from "./model.js";
import { notify } from "./notices.js";
import { Popover } from "./popover.js";
import { toggle } from "./reactions.js";
import { go, to } from "./route.js";
import { confirmed, dialog, editing, keptUnread } from "./ui.js";

/** @param {{ message: any, me: string, place: "channel" | "thread" }} props */
export function Actions({ message, me, place }) {
  const [open, setOpen] = useState(null);
  const close = () => setOpen(null);
  const rootId = message.parent_id ?? message.message_id;
  return html`<div class="actions" role="group" aria-label="Actions for this message">
    ${quick.slice(0, 3).map((emoji) => html`<button
      key=${emoji}
      type="button"
      class="icon-button quick"
      aria-label=${`React with ${emoji}`}
      onClick=${() => toggle(message, emoji, me)}
    >${emoji}</button>`)}
    <span class="opener">
      <button
        type="button"
        class="icon-button"
        aria-label="Add a reaction"
        title="Add a reaction"
        aria-haspopup="dialog"
        aria-expanded=${open === "emoji"}
        onClick=${() => setOpen(open === "emoji" ? null : "emoji")}
      >
        <${Icon} name="smile" />
      </button>
      ${open === "emoji" && html`<${EmojiPicker} onClose=${close} onPick=${(emoji) => toggle(message, emoji, me)} />`}
    </span>
    ${place === "channel" &&
    html`<button
      type="button"
      class="icon-button"
      aria-label="Reply in a thread"
      title="Reply in a thread"
      onClick=${() => go(to.pane("thread", rootId))}
    ><${Icon} name="reply" /></button>`}
    <span class="opener">
      <button
        type="button"
        class="icon-button"
        aria-label="More actions"
        title="More actions"
        aria-haspopup="menu"
        aria-expanded=${open === "menu"}
        onClick=${() => setOpen(open === "menu" ? null : "menu")}
      >
        <${Icon} name="more" />
      </button>
      ${open === "menu" && html`<${Menu} message=${message} me=${me} place=${place} onClose=${close} />`}
    </span>
  </div>`;
}

function Menu({ message, me, place, onClose }) {
  const channel = useStore((store) => store.channel(message.channel_id), [message.channel_id]);
  const isMine = message.author_id === me;
  const governs = channel !== null && (channel.role !== "member" || user.value?.is_admin);
  const mayPin = governs || channel?.kind === "direct";
  const { store, rest } = engine.peek();
  const items = [
    isMine && channel !== null && { name: "Edit", icon: "edit", act: () => (editing.value = `${place}:${message.message_id}`) },
    channel !== null && { name: "Mark as unread", icon: "unread", act: () => markUnread(message) },
    { name: "Copy link", icon: "link", act: () => copyLink(message) },
    { name: "Copy text", icon: "copy", act: () => copy(message.content, "The text is copied.") },
    mayPin && { name: message.pinned ? "Unpin" : "Pin", icon: "pin", act: () => attempt(message.pinned ? rest.unpin(message.message_id) : rest.pin(message.message_id)) },
    message.edited_at && { name: "History of edits", icon: "history", act: () => (dialog.value = { kind: "history", message }) },
    !isMine && { name: "Report", icon: "flag", act: () => (dialog.value = { kind: "report", message }) },
    (isMine || governs) && { name: "Delete", icon: "trash", isBad: true, act: () => remove(store, message) },
  ].filter(Boolean);
  return html`<${Popover} label="Actions for this message" role="menu" class="menu" onClose=${onClose}>
    ${items.map(
      ({ name, icon, act, isBad }) =>
        html`<button
          key=${name}
          type="button"
          role="menuitem"
          class=${isBad ? "bad" : ""}
          onClick=${() => (onClose(), act())}
        ><${Icon} name=${icon} /> ${name}</button>`,
    )}
  <//>`;
}

async function remove(store, message) {
  const text = "It goes away for everybody. Replies to it stay.";
  if (await confirmed({ title: "Delete this message?", text, action: "Delete" })) await attempt(store.remove(message.message_id));
}

async function markUnread(message) {
  const { store } = engine.peek();
  const isReply = message.parent_id !== null && message.parent_id !== undefined && !message.also_to_channel;
  const target = isReply ? { parentId: message.parent_id } : { channelId: message.channel_id };
  keptUnread.value = { id: isReply ? message.parent_id : message.channel_id, after: message.seq - 1 };
  await attempt(store.markUnread(target, message.seq));
}

/** @param {any} message */
function copyLink(message) {
  const inThread = message.parent_id && !message.also_to_channel;
  const hash = inThread
    ? to.channel(message.channel_id, { pane: { kind: "thread", id: message.parent_id, seq: message.seq } })
    : to.channel(message.channel_id, { seq: message.seq });
  return copy(`${location.origin}${location.pathname}${hash}`, "The link is copied.");
}

async function copy(text, said) {
  try {
    await navigator.clipboard.writeText(text);
    notify(said);
  } catch {
    dialog.value = { kind: "copy", text }; // no clipboard on plain http
  }
}
