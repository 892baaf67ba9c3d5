/**
 * A person as others show them: picture, name, presence.
 *
 * @module
 */

import { html } from "./html.js";
import { useStore } from "./model.js";

const HUES = 12;
export const PRESENCES = { online: "online", away: "away", busy: "busy", offline: "offline" };

/** @param {{ display_name?: string, username?: string } | null} person */
export const nameOf = (person) => (person === null ? "…" : person.display_name || person.username);

/** A number of 0 to 11 that belongs to the id. @param {string} id */
function hue(id) {
  let sum = 0;
  for (let place = 0; place < id.length; place += 1) sum = (sum * 31 + id.charCodeAt(place)) % 9_973;
  return sum % HUES;
}

/** @param {string} name */
function initials(name) {
  const words = name.split(/[\s._-]+/).filter((word) => /[\p{L}\p{N}]/u.test(word));
  const letters = words.length > 1 ? [words[0], words[words.length - 1]] : words;
  return letters.map((word) => [...word.replace(/^[^\p{L}\p{N}]+/u, "")][0] ?? "").join("").toUpperCase() || "?";
}

/** @param {{ userId: string, size?: "small" | "medium" | "large", hasPresence?: boolean }} props */
export function Avatar({ userId, size = "medium", hasPresence = false }) {
  const person = useStore((store) => store.user(userId), [userId]);
  return html`<span class="avatar ${size} hue-${hue(userId)}" aria-hidden="true">
    ${person === null ? "" : initials(nameOf(person))}${hasPresence && html`<${Presence} userId=${userId} isSilent />`}
  </span>`;
}

/** @param {{ userId: string, isSilent?: boolean }} props `isSilent`: said elsewhere */
export function Presence({ userId, isSilent = false }) {
  const status = useStore((store) => store.presence(userId), [userId]);
  return html`<span class="presence ${status}" role=${isSilent ? undefined : "img"} aria-label=${isSilent ? undefined : PRESENCES[status]}
    title=${PRESENCES[status]}></span>`;
}

/** @param {{ userId: string }} props */
export function Name({ userId }) {
  return html`${nameOf(useStore((store) => store.user(userId), [userId]))}`;
}
