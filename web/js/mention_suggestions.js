/**
 * Names offered after an `@`.
 *
 * @module
 */

import { useEffect, useState } from "../vendor/hooks.js";
import { html } from "./html.js";
import { engine } from "./model.js";
import { Avatar, Presence, nameOf } from "./people.js";

const OFFERED = 7;
const ASK_AFTER_MS = 120;
const BEGUN = /(?:^|[\s(])@([\w.-]{0,40})$/;

/** What is offered at the caret of this field. */
export function useSuggestions(field, text, write) {
  const [chosen, setChosen] = useState(0);
  const [dismissed, setDismissed] = useState(null);
  const [, drawAgain] = useState(0);
  const caret = field.current?.selectionStart ?? text.length;
  const begun = BEGUN.exec(text.slice(0, caret))?.[1] ?? null;
  const wanted = begun !== null && dismissed !== begun ? begun : null;
  const offered = wanted === null ? [] : offers(wanted);

  useEffect(() => setChosen(0), [wanted]);
  useEffect(() => {
    if (wanted === null || wanted === "") return undefined;
    const asking = setTimeout(async () => {
      const { store, rest } = engine.peek();
      const { users } = await rest.users({ query: wanted, limit: OFFERED }).catch(() => ({ users: [] }));
      for (const { user_id } of users) store.user(user_id); // those that were not known come soon
      drawAgain((n) => n + 1);
    }, ASK_AFTER_MS);
    return () => clearTimeout(asking);
  }, [wanted]);

  const take = (offer) => {
    const begins = caret - wanted.length;
    const piece = `${offer.username} `;
    write(text.slice(0, begins) + piece + text.slice(caret));
    requestAnimationFrame(() => {
      field.current.focus();
      field.current.setSelectionRange(begins + piece.length, begins + piece.length);
    });
  };
  return {
    offered,
    chosen,
    take,
    attributes:
      offered.length === 0
        ? { "aria-autocomplete": "list" }
        : { "aria-autocomplete": "list", "aria-controls": "mentions", "aria-activedescendant": `mention-${chosen}` },
    /** Whether the key was for the list. */
    key(event) {
      if (offered.length === 0) return false;
      if (event.key === "ArrowDown" || event.key === "ArrowUp") {
        setChosen((chosen + (event.key === "ArrowDown" ? 1 : -1) + offered.length) % offered.length);
      } else if ((event.key === "Enter" && !event.shiftKey) || event.key === "Tab") take(offered[Math.min(chosen, offered.length - 1)]);
      else if (event.key === "Escape") setDismissed(begun);
      else return false;
      event.preventDefault();
      event.stopPropagation();
      return true;
    },
  };
}

function offers(wanted) {
  const folded = wanted.toLowerCase();
  const { store } = engine.peek();
  const found = [];
  for (const person of store.users().values()) {
    if (person.deactivated_at || person.user_id === store.userId) continue;
    const names = [person.username, ...person.display_name.split(/\s+/)].map((name) => name.toLowerCase());
    if (names.some((name) => name.startsWith(folded))) found.push(person);
  }
  found.sort((a, b) => rank(store, a) - rank(store, b) || a.username.localeCompare(b.username));
  const everybody = "channel".startsWith(folded) && folded !== "" ? [{ user_id: null, username: "channel" }] : [];
  return [...found.slice(0, OFFERED - everybody.length), ...everybody];
}

const rank = (store, person) => (store.presence(person.user_id) === "offline" ? 1 : 0);

export function Suggestions({ suggestions: { offered, chosen, take } }) {
  if (offered.length === 0) return null;
  return html`<ul class="suggestions" id="mentions" role="listbox" aria-label="People">
    ${offered.map(
      (offer, place) => html`<li
        key=${offer.username}
        id=${`mention-${place}`}
        role="option"
        aria-selected=${place === chosen}
        onPointerDown=${(event) => (event.preventDefault(), take(offer))}
      >
        ${offer.user_id === null
          ? html`<span class="avatar small hue-0" aria-hidden="true">@</span><b>@channel</b><span class="muted">everybody in it</span>`
          : html`<${Avatar} userId=${offer.user_id} size="small" /><b>${nameOf(offer)}</b><span class="muted">@${offer.username}</span><${Presence} userId=${offer.user_id} isSilent />`}
      </li>`,
    )}
  </ul>`;
}
