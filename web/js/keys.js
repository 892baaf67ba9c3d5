/**
 * The keys that work everywhere.
 *
 * @module
 */

import { engine } from "./model.js";
import { closePane, go, route, to } from "./route.js";
import { inOrder } from "./sections.js";
import { dialog } from "./ui.js";

/** What the help shows. */
export const KEYS = [
  ["Ctrl K", "Go to a channel or a person"],
  ["Ctrl Shift F", "Search"],
  ["Alt ↑ / ↓", "Previous, next channel"],
  ["Alt Shift ↑ / ↓", "Previous, next channel with something unread"],
  ["Enter", "Send; Shift Enter begins a new line"],
  ["↑", "In an empty composer: edit your last message"],
  ["↑ / ↓", "In the messages: from one to the next; Tab goes to its buttons"],
  ["@", "Mention somebody"],
  ["Esc", "Close what is open"],
  ["?", "This help"],
];

/** Listen until the function that it answers is called. */
export function listen() {
  document.addEventListener("keydown", pressed);
  return () => document.removeEventListener("keydown", pressed);
}

/** @param {KeyboardEvent} event */
function pressed(event) {
  const isCommand = event.ctrlKey || event.metaKey;
  if (dialog.value !== null && event.key === "Escape") return; // the browser closes it
  const isWriting = event.target instanceof Element && event.target.closest("input, textarea, select, [contenteditable]") !== null;
  if (isCommand && event.key.toLowerCase() === "k") act(event, () => (dialog.value = { kind: "switcher" }));
  else if (isCommand && event.shiftKey && event.key.toLowerCase() === "f") act(event, () => go(to.pane("search")));
  else if (event.altKey && (event.key === "ArrowUp" || event.key === "ArrowDown")) {
    act(event, () => step(event.key === "ArrowUp" ? -1 : 1, event.shiftKey));
  } else if (event.key === "Escape" && !event.defaultPrevented && route.value.pane !== null) act(event, closePane);
  else if (event.key === "?" && !isWriting && !isCommand) act(event, () => (dialog.value = { kind: "help" }));
}

function act(event, work) {
  event.preventDefault();
  work();
}

/** @param {1 | -1} direction @param {boolean} isUnread only to those with something unread */
function step(direction, isUnread) {
  const channels = inOrder(engine.peek().store.channels());
  const current = channels.findIndex((channel) => channel.channel_id === route.peek().channelId);
  for (let moved = 1; moved <= channels.length; moved += 1) {
    const next = channels[(current + direction * moved + 2 * channels.length) % channels.length];
    if (next === undefined) return;
    if (!isUnread || (next.unread_count > 0 && next.level !== "muted")) return go(to.channel(next.channel_id));
  }
}
