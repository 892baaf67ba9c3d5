/**
 * The chat's frame: channels on the left, what one reads in the middle, what is open beside it on the right. On a phone one at a time.
 *
 * @module
 */

import { useEffect } from "../vendor/hooks.js";
import { ChannelView } from "./channel_view.js";
import { Dialogs } from "./dialogs.js";
import { html } from "./html.js";
import { Logo } from "./icons.js";
import { listen } from "./keys.js";
import { engine, user, useStore } from "./model.js";
import { Pane } from "./panes.js";
import { go, route, to } from "./route.js";
import { Sidebar } from "./sidebar.js";
import { showTitle } from "./title.js";
import { closeAll } from "./ui.js";
import { MainView } from "./views.js";

const LAST = "sermo:last";

export function Shell() {
  const { view, channelId, pane } = route.value;
  const { store } = engine.value;
  useEffect(() => listen(), []);
  useEffect(() => closeAll, []);
  useEffect(() => showTitle(store), [store]);
  useEffect(() => {
    const key = `${LAST}:${user.value.user_id}`;
    if (view === "channel") localStorage.setItem(key, channelId);
    else if (view === "home" && !isNarrow()) {
      const last = store.channel(localStorage.getItem(key)) ?? store.channels().find((channel) => channel.kind !== "direct") ?? null;
      if (last !== null) go(to.channel(last.channel_id), { replaces: true });
    }
  }, [view, channelId]);

  const shown = pane !== null ? "pane" : view === "home" ? "side" : "main";
  return html`<div class="shell shows-${shown} ${pane === null ? "" : "has-pane"}">
    <${Sidebar} />
    <main class="main" id="main">
      ${view === "channel" ? html`<${ChannelView} key=${channelId} channelId=${channelId} />` : view === "home" ? html`<${Home} />` : html`<${MainView} view=${view} />`}
    </main>
    ${pane !== null && html`<${Pane} pane=${pane} />`}
    <${Dialogs} />
  </div>`;
}

const isNarrow = () => matchMedia("(max-width: 760px)").matches;

function Home() {
  const count = useStore((store) => store.channels().length);
  return html`<section class="welcome">
    <${Logo} size=${56} />
    <h1>Welcome, ${user.value.display_name}</h1>
    ${count === 0
      ? html`<p>You are in no channel yet. Find one to join, write to somebody, or begin a channel of your own.</p>
          <p class="buttons">
            <a class="button primary" href=${to.view("browse")}>Browse channels</a>
            <a class="button" href=${to.view("people")}>Find people</a>
          </p>`
      : html`<p>Choose a channel.</p>`}
  </section>`;
}
