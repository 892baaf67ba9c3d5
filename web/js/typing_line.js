/**
 * Who types.
 *
 * @module
 */

import { html } from "./html.js";
import { useStore } from "./model.js";
import { nameOf } from "./people.js";

/** @param {{ channelId: string, rootId?: string }} props */
export function TypingLine({ channelId, rootId }) {
  const ids = useStore((store) => store.typing(channelId, rootId), [channelId, rootId]);
  const users = useStore((store) => (ids.length === 0 ? null : store.users()), [ids]);
  const names = ids.map((id) => nameOf(users?.get(id) ?? null));
  const text =
    names.length === 0 ? "" : names.length === 1 ? `${names[0]} is typing` : names.length === 2 ? `${names[0]} and ${names[1]} are typing` : "Several people are typing";
  return html`<p class="typing" aria-live="polite" data-testid="typing">${text !== "" && html`<span class="dots" aria-hidden="true"><i></i><i></i><i></i></span> ${text}`}</p>`;
}
