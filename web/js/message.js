/**
 * One message of a timeline.
 *
 * @module
 */

import { memo } from "./memo.js";
import { useComputed } from "../vendor/signals.js";
import { Attachments } from "./attachments.js";
import { Editor } from "./editor.js";
import { bareTime, day, fullTime, plural, shortTime, time } from "./format.js";
import { html } from "./html.js";
import { Icon } from "./icons.js";
import { isOnlyEmoji, markdown } from "./markdown.js";
import { Actions } from "./message_actions.js";
import { useStore } from "./model.js";
import { Avatar, nameOf } from "./people.js";
import { Reactions } from "./reactions.js";
import { to } from "./route.js";
import { active, editing } from "./ui.js";

/** @param {{ row: import("./rows.js").Row, isTarget: boolean, place: "channel" | "thread" }} props */
export const MessageRow = memo(function MessageRow({ row, isTarget, place }) {
  const { message, beginsDay, isFirstNew, goesOn } = row;
  return html`
    ${beginsDay && html`<div
      class="day-line"
      role="separator"
      aria-label=${day(message.created_at)}
    ><span>${day(message.created_at)}</span></div>`}
    ${isFirstNew && html`<div class="new-line" role="separator" aria-label="New messages"><span>New</span></div>`}
    <${Message} message=${message} goesOn=${goesOn} isTarget=${isTarget} place=${place} />
  `;
});

/** @param {{ message: any, goesOn: boolean, isTarget?: boolean, place: "channel" | "thread" }} props */
function Message({ message, goesOn, isTarget = false, place }) {
  const key = `${place}:${message.message_id}`;
  const isActive = useComputed(() => active.value === key).value; // so that of all rows only two are drawn anew
  const show = () => document.querySelector(".message .popover") === null && (active.value = key); // an open menu stays
  const hide = () => active.peek() === key && (active.value = null);
  const author = useStore((store) => store.user(message.author_id), [message.author_id]);
  const me = useStore((store) => store.userId);
  const { sending } = message;
  const isEditing = editing.value === key;
  const isMentioned = message.mentions_channel || message.mentions.includes(me);
  const classes = ["message", goesOn && "goes-on", isMentioned && "mentioned", isTarget && "target", message.pinned && "pinned", sending && sending.state];
  return html`<article
    class=${classes.filter(Boolean).join(" ")}
    tabindex="-1"
    aria-label=${`${nameOf(author)}, ${time(message.created_at)}`}
    data-message=${message.message_id}
    data-seq=${message.seq}
    onMouseEnter=${show}
    onMouseLeave=${(event) => event.currentTarget.contains(document.activeElement) || hide()}
    onFocusIn=${show}
    onFocusOut=${(event) => event.currentTarget.contains(event.relatedTarget) || hide()}
  >
    <div class="gutter">
      ${goesOn
        ? html`<time class="small-time" dateTime=${message.created_at}>${bareTime(message.created_at)}</time>`
        : html`<a
          href=${to.pane("user", message.author_id)}
          tabindex="-1"
          aria-hidden="true"
        ><${Avatar} userId=${message.author_id} /></a>`}
    </div>
    <div class="body">
      ${!goesOn &&
      html`<header>
        <a class="author" href=${to.pane("user", message.author_id)}>${nameOf(author)}</a>
        <time dateTime=${message.created_at} title=${fullTime(message.created_at)}>${time(message.created_at)}</time>
        ${message.pinned && html`<span class="pin-mark"><${Icon} name="pin" size=${13} /> Pinned</span>`}
      </header>`}
      ${place === "channel" && message.parent_id && html`<${InReplyTo} rootId=${message.parent_id} />`}
      ${isEditing ? html`<${Editor} message=${message} place=${place} />` : html`<${Content} message=${message} me=${me} />`}
      ${!message.deleted_at && html`<${Attachments} attachments=${message.attachments} />`}
      ${sending && html`<${OnItsWay} handle=${sending} state=${sending.state} />`}
      <${Reactions} message=${message} me=${me} />
      ${place === "channel" && message.reply_count > 0 && html`<${Replies} message=${message} />`}
    </div>
    ${isActive && !sending && !message.deleted_at && !isEditing && html`<${Actions} message=${message} me=${me} place=${place} />`}
  </article>`;
}

/** @param {{ message: any, me: string }} props */
export function Content({ message, me }) {
  const mentioned = useMentioned(message, me);
  if (message.redacted) return html`<p class="gone">This message was redacted.</p>`;
  if (message.deleted_at) return html`<p class="gone">This message was deleted.</p>`;
  if (message.content === "") return null;
  return html`<div class="content ${isOnlyEmoji(message.content) ? "only-emoji" : ""}">
    ${markdown(message.content, mentioned, (userId) => to.pane("user", userId))}
    ${message.edited_at && html`<span class="edited" title=${`Edited ${fullTime(message.edited_at)}`}>(edited)</span>`}
  </div>`;
}

function useMentioned(message, me) {
  const users = useStore((store) => (message.mentions.length === 0 ? null : store.users()), [message]);
  return (name) => {
    const folded = name.normalize("NFKC").toLowerCase();
    if (message.mentions_channel && folded === "channel") return { userId: null, isMe: true, label: "@channel" };
    for (const userId of message.mentions) {
      const person = users?.get(userId);
      if (person !== undefined && [person.username, person.display_name].some((one) => one.normalize("NFKC").toLowerCase() === folded)) {
        return { userId, isMe: userId === me, label: `@${nameOf(person)}` };
      }
    }
    return null;
  };
}

function InReplyTo({ rootId }) {
  return html`<a class="in-reply" href=${to.pane("thread", rootId)}><${Icon} name="reply" size=${13} /> replied to a thread</a>`;
}

function Replies({ message }) {
  const unread = useStore((store) => store.threads().find((thread) => thread.root_id === message.message_id)?.unread_count ?? 0, [message.message_id]);
  return html`<a class="replies" href=${to.pane("thread", message.message_id)}>
    <${Icon} name="threads" size=${15} />
    <b>${plural(message.reply_count, "reply", "replies")}</b>
    ${unread > 0 && html`<span class="badge">${unread} new</span>`}
    ${message.last_reply_at && html`<span class="muted">last ${shortTime(message.last_reply_at)}</span>`}
  </a>`;
}

/** `state` beside the handle, which stays the same object: a component that reads signals is drawn anew for other properties only. */
function OnItsWay({ handle, state }) {
  const isLive = useStore((store) => store.connection().name === "live");
  if (state !== "failed") {
    return html`<p class="on-its-way"><${Icon} name="clock" size=${13} /> ${isLive ? "Sending …" : "Sent when the connection is back"}</p>`;
  }
  return html`<p class="not-sent" role="alert">
    <${Icon} name="warning" size=${15} /> Not sent: ${handle.reason?.message ?? "the server refused it."}
    <button type="button" class="link" onClick=${() => handle.retry()}>Try again</button>
    <button type="button" class="link" onClick=${() => handle.discard()}>Discard</button>
  </p>`;
}

