/**
 * The reactions below a message.
 *
 * @module
 */

import { nameOfEmoji } from "./emoji.js";
import { html } from "./html.js";
import { attempt, engine } from "./model.js";
import { nameOf } from "./people.js";

const NAMED = 12;

/** React, or take it back. */
export function toggle(message, emoji, me) {
  const { store } = engine.peek();
  const isMine = message.reactions.some((reaction) => reaction.emoji === emoji && reaction.user_ids.includes(me));
  return attempt(isMine ? store.unreact(message.message_id, emoji) : store.react(message.message_id, emoji));
}

/** @param {{ message: any, me: string }} props */
export function Reactions({ message, me }) {
  if (!message.reactions?.length) return null;
  return html`<div class="reactions">
    ${message.reactions.map(({ emoji, count, user_ids }) => {
      const isMine = user_ids.includes(me);
      return html`<button
        key=${emoji}
        type="button"
        class="reaction"
        aria-pressed=${isMine}
        aria-label=${`${nameOfEmoji(emoji)}, ${count}`}
        title=${who(user_ids, count, emoji)}
        onClick=${() => toggle(message, emoji, me)}
      >
        <span class="emoji">${emoji}</span><span class="count">${count}</span>
      </button>`;
    })}
  </div>`;
}

function who(userIds, count, emoji) {
  const users = engine.peek().store.users();
  const named = userIds.slice(0, NAMED).flatMap((id) => (users.has(id) ? [nameOf(users.get(id))] : []));
  const others = count - named.length;
  return `${[...named, ...(others > 0 ? [named.length > 0 ? `${others} more` : `${others}`] : [])].join(", ")}: ${nameOfEmoji(emoji)}`;
}
