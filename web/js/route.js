/**
 * Where one is, as the address says it: `#/c/CHANNEL`, `#/c/CHANNEL/SEQ`, `#/threads`, `#/browse`, `#/people`, `#/join/CODE`, each with `?pane=` for
 * what is open beside it: `thread:ROOT`, `thread:ROOT:SEQ`, `user:ID`, `members`, `pins`, `search`.
 *
 * @module
 */

import { computed, signal } from "../vendor/signals.js";

const VIEWS = ["threads", "browse", "people", "join"];

const address = signal(location.hash);
addEventListener("hashchange", () => (address.value = location.hash));

/** Rises when the address is gone to, also when it is the same one again. */
export const visits = signal(0);

export const route = computed(() => parse(address.value));

/** @param {string} hash */
function parse(hash) {
  const [path = "", query = ""] = hash.replace(/^#\/?/, "").split("?");
  const [view = "", channelId = null, seq = ""] = path.split("/");
  const [kind = "", id = null, at = ""] = (new URLSearchParams(query).get("pane") ?? "").split(":");
  const pane = kind === "" ? null : { kind, id, seq: at === "" ? null : Number(at) };
  if (view === "c" && channelId) return { view: "channel", channelId, seq: seq === "" ? null : Number(seq), pane };
  return { view: VIEWS.includes(view) ? view : "home", channelId: null, seq: null, code: view === "join" ? channelId : null, pane };
}

/** @param {{ kind: string, id?: string | null, seq?: number | null } | null} pane */
function withPane(path, pane) {
  return pane === null ? path : `${path}?pane=${[pane.kind, pane.id, pane.seq].filter((part) => part !== null && part !== undefined).join(":")}`;
}

function main({ view, channelId }) {
  return view === "channel" ? `#/c/${channelId}` : view === "home" ? "#/" : `#/${view}`;
}

export const to = {
  home: () => "#/",
  view: (name) => `#/${name}`,
  /** @param {{ seq?: number | null, pane?: { kind: string, id?: string | null } | null }} [more] */
  channel: (channelId, { seq = null, pane = null } = {}) =>
    withPane(`#/c/${channelId}${seq === null ? "" : `/${seq}`}`, pane),
  /** The same place, with this open beside it. */
  pane: (kind, id = null) => withPane(main(route.peek()), { kind, id }),
  withoutPane: () => main(route.peek()),
};

/** @param {string} hash @param {{ replaces?: boolean }} [options] */
export function go(hash, { replaces = false } = {}) {
  if (replaces) history.replaceState(null, "", hash);
  else if (hash !== location.hash) history.pushState(null, "", hash);
  address.value = location.hash;
  visits.value += 1;
}

export const closePane = () => go(to.withoutPane());
