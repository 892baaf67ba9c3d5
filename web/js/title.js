/**
 * The window's title: where one is, and how much waits.
 *
 * @module
 */

import { effect } from "../vendor/signals.js";
import { route } from "./route.js";

const NAMES = { threads: "Threads", browse: "Channels", people: "People" };

/** Keep it true until the function that it answers is called. @param {any} store */
export function showTitle(store) {
  const show = () => {
    const { badge } = store.unread();
    const { view, channelId } = route.peek();
    const channel = channelId === null ? null : store.channel(channelId);
    const place = NAMES[view] ?? (channel === null ? "" : channel.kind === "direct" ? "Direct message" : `#${channel.name}`);
    document.title = `${badge > 0 ? `(${badge}) ` : ""}${place === "" ? "Sermo" : `${place} · Sermo`}`;
  };
  const ends = [
    store.subscribe((s) => s.unread(), show),
    store.subscribe((s) => s.channels(), show),
    effect(() => (route.value, show())),
  ];
  return () => {
    ends.forEach((end) => end());
    document.title = "Sermo";
  };
}
