/**
 * The pinned messages of a channel, newest pin first.
 *
 * @module
 */

import { useEffect, useState } from "../vendor/hooks.js";
import { Excerpt } from "./excerpts.js";
import { html } from "./html.js";
import { engine } from "./model.js";
import { PaneFrame } from "./pane_frame.js";
import { PagesEnd, usePages } from "./people_search.js";
import { route } from "./route.js";

export function PinsPane() {
  const { rest, client } = engine.value;
  const { channelId } = route.value;
  const [changes, setChanges] = useState(0);
  useEffect(
    () => client.on("event", ({ type, channel_id }) => void (/^message_(un)?pinned$/.test(type) && channel_id === channelId && setChanges((n) => n + 1))),
    [client, channelId],
  );
  const pages = usePages(async (_, cursor) => {
    const page = await rest.pins(channelId, { limit: 50, cursor });
    return { items: page.messages, cursor: page.next_cursor };
  }, `${channelId}:${changes}`);
  return html`<${PaneFrame} title="Pinned messages">
    <div class="pane-scroll">
      <ul class="list cards">
        ${pages.items.map((message) => html`<li key=${message.message_id}><${Excerpt} message=${message} isChannelShown=${false} /></li>`)}
      </ul>
      <${PagesEnd} pages=${pages} empty="Nothing is pinned here. Pin what others should find again." />
    </div>
  <//>`;
}
