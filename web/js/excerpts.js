/**
 * A message in a list of others than its channel: who, where, when, an excerpt, and the way to it.
 *
 * @module
 */

import { useChannel, useChannelName } from "./channel_names.js";
import { dayAndTime } from "./format.js";
import { html } from "./html.js";
import { plain } from "./markdown.js";
import { Avatar, Name } from "./people.js";
import { go, route, to } from "./route.js";

/** Where a message is to be seen. @param {any} message @param {{ kind: string, id?: string | null } | null} pane what stays open */
function placeOf(message, pane) {
  if (message.parent_id && !message.also_to_channel) return to.channel(message.channel_id, { pane: { kind: "thread", id: message.parent_id, seq: message.seq } });
  return to.channel(message.channel_id, { seq: message.seq, pane });
}

/** @param {{ message: any, isChannelShown?: boolean, children?: any }} props `children` in place of the excerpt */
export function Excerpt({ message, isChannelShown = true, children = null }) {
  const channel = useChannel(isChannelShown ? message.channel_id : null);
  const visit = (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    const isBeside = matchMedia("(min-width: 1101px)").matches;
    go(placeOf(message, isBeside ? route.peek().pane : null));
  };
  return html`<a class="card-row excerpt-row" href=${placeOf(message, null)} onClick=${visit} data-message=${message.message_id}>
    <${Avatar} userId=${message.author_id} />
    <span class="card-text">
      <span class="card-line">
        <b><${Name} userId=${message.author_id} /></b>
        ${isChannelShown && html`<span class="muted"><${ChannelName} channel=${channel} /></span>`}
        <time class="muted" dateTime=${message.created_at}>${dayAndTime(message.created_at)}</time>
      </span>
      <span class="excerpt">${children ?? (plain(message.content) || (message.attachments ?? []).map((file) => file.name).join(", "))}</span>
    </span>
  </a>`;
}

function ChannelName({ channel }) {
  const name = useChannelName(channel);
  return channel === null ? "…" : channel.kind === "direct" ? `with ${name}` : `#${name}`;
}
