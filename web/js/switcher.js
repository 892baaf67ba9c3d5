/**
 * Going to a channel or a person by typing a part of the name.
 *
 * @module
 */

import { useEffect, useState } from "../vendor/hooks.js";
import { KindIcon, useChannelName } from "./channel_names.js";
import { Dialog } from "./dialog.js";
import { html } from "./html.js";
import { engine, useStore } from "./model.js";
import { writeTo } from "./people_dialogs.js";
import { Avatar, nameOf } from "./people.js";
import { go, to } from "./route.js";
import { closeDialog } from "./ui.js";

const SHOWN = 9;
const ASK_AFTER_MS = 150;

export function Switcher() {
  const { rest, store } = engine.value;
  const [text, setText] = useState("");
  const [chosen, setChosen] = useState(0);
  const [found, setFound] = useState({ channels: [], users: [] });
  const mine = useStore((s) => s.channels());
  const wanted = text.trim().toLowerCase().replace(/^[#@]/, "");

  useEffect(() => {
    if (wanted === "") return setFound({ channels: [], users: [] });
    const asking = setTimeout(async () => {
      const [channels, users] = await Promise.all([rest.channels({ query: wanted, limit: SHOWN }), rest.users({ query: wanted, limit: SHOWN })]).catch(() => []);
      if (channels) setFound({ channels: channels.channels, users: users.users });
    }, ASK_AFTER_MS);
    return () => clearTimeout(asking);
  }, [wanted]);

  const own = mine.filter((channel) => channel.kind !== "direct" && channel.name.toLowerCase().includes(wanted));
  own.sort((a, b) => Number(b.name.toLowerCase().startsWith(wanted)) - Number(a.name.toLowerCase().startsWith(wanted)) || Number(b.unread_count > 0) - Number(a.unread_count > 0));
  const others = found.channels.filter((channel) => channel.kind === "public" && store.channel(channel.channel_id) === null);
  const people = found.users.filter((person) => person.user_id !== store.userId && !person.deactivated_at);
  const offers = [
    ...own.slice(0, wanted === "" ? SHOWN : 5).map((channel) => ({ key: channel.channel_id, channel, act: () => go(to.channel(channel.channel_id)) })),
    ...people.slice(0, 4).map((person) => ({ key: person.user_id, person, act: () => writeTo([person.user_id]) })),
    ...others.slice(0, 3).map((channel) => ({ key: channel.channel_id, channel, note: "not joined", act: () => go(to.channel(channel.channel_id)) })),
  ];
  const take = (offer) => (closeDialog(), offer?.act());
  const current = Math.min(chosen, Math.max(0, offers.length - 1));
  const key = (event) => {
    if (event.key === "Enter") take(offers[current]);
    else if (event.key === "ArrowDown" || event.key === "ArrowUp") setChosen((current + (event.key === "ArrowDown" ? 1 : -1) + offers.length) % (offers.length || 1));
    else return;
    event.preventDefault();
  };
  return html`<${Dialog} title="Go to …" class="switcher">
    <input
      autofocus
      type="search"
      role="combobox"
      aria-label="Channel or person"
      aria-expanded="true"
      aria-controls="offers"
      aria-activedescendant=${offers.length > 0 ? `offer-${current}` : undefined}
      placeholder="Channel or person"
      value=${text}
      onInput=${(event) => (setText(event.currentTarget.value), setChosen(0))}
      onKeyDown=${key}
    />
    <ul class="list offers" id="offers" role="listbox" aria-label="Channels and people">
      ${offers.map((offer, place) => html`<li
        key=${offer.key}
        id=${`offer-${place}`}
        role="option"
        aria-selected=${place === current}
        onClick=${() => take(offer)}
      ><${Offer} ...${offer} /></li>`)}
    </ul>
    ${offers.length === 0 && html`<p class="empty">Nothing is called that.</p>`}
  <//>`;
}

function Offer({ channel = null, person = null, note = "" }) {
  const name = useChannelName(channel);
  if (person !== null) return html`<${Avatar}
    userId=${person.user_id}
    size="small"
    hasPresence
  /><span class="name">${nameOf(person)}</span><span class="muted">@${person.username}</span>`;
  return html`<${KindIcon} channel=${channel} /><span class="name">${name}</span>${channel.unread_count > 0 && html`<span class="badge">${channel.unread_count}</span>`}<span class="muted">${note}</span>`;
}
