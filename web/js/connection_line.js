/**
 * A quiet line on the connection: nothing while all is well; that it is gone and when it is tried again; what was missed, when it is back.
 *
 * @module
 */

import { useEffect, useState } from "../vendor/hooks.js";
import { plural } from "./format.js";
import { html } from "./html.js";
import { Icon } from "./icons.js";
import { engine, useStore } from "./model.js";

const SHOWN_MS = 5_000;
/** A cut that is mended sooner than this is not worth a word. */
const QUIET_MS = 700;

export function ConnectionLine() {
  const { client } = engine.value;
  const state = useStore((store) => store.connection());
  const [caughtUp, setCaughtUp] = useState(null);
  const [isLong, setLong] = useState(false);
  const isLive = state.name === "live";

  useEffect(() => {
    const ends = [
      client.on("resumed", ({ count }) => setCaughtUp(`Caught up (${count} missed)`)),
      client.on("resync", () => setCaughtUp("Caught up (loaded anew)")),
    ];
    return () => ends.forEach((end) => end());
  }, [client]);
  useEffect(() => {
    if (!isLive) {
      const soon = setTimeout(() => setLong(true), QUIET_MS);
      return () => clearTimeout(soon);
    }
    if (!isLong) setCaughtUp(null); // nobody saw that it was gone
    const later = setTimeout(() => (setLong(false), setCaughtUp(null)), SHOWN_MS);
    return () => clearTimeout(later);
  }, [isLive]);

  return html`<div class="connection ${isLive ? "live" : state.name}" role="status" aria-live="polite" data-testid="connection">
    ${!isLive && isLong && html`<${Gone} state=${state} client=${client} />`}
    ${isLive && isLong && caughtUp !== null && html`<span class="line good"><${Icon} name="check" size=${14} /> ${caughtUp}</span>`}
  </div>`;
}

function Gone({ state, client }) {
  const seconds = useSeconds(state);
  const text = said(state, seconds);
  return html`<span class="line"><span class="pulse" aria-hidden="true"></span> ${text}
    ${state.name === "closed" && html`<button type="button" class="link" onClick=${() => client.connect().catch(() => undefined)}>Connect</button>`}
  </span>`;
}

function said({ name, error }, seconds) {
  if (name === "closed") return error?.message ?? "Not connected";
  if (!navigator.onLine) return "Offline. What you write is sent later.";
  if (name === "syncing") return "Catching up …";
  if (name === "reconnecting" && seconds > 0) return `Reconnecting in ${seconds} s`;
  return "Reconnecting …";
}

/** Seconds until the next attempt. */
function useSeconds(state) {
  const [seconds, set] = useState(0);
  useEffect(() => {
    if (state.name !== "reconnecting" || !state.retryInMs) return set(0);
    const at = Date.now() + state.retryInMs;
    const tick = () => set(Math.max(0, Math.ceil((at - Date.now()) / 1_000)));
    tick();
    const ticking = setInterval(tick, 500);
    return () => clearInterval(ticking);
  }, [state]);
  return seconds;
}
