/**
 * Searching all that I may see. What was asked for stays while the page lives, so that one comes back to it.
 *
 * @module
 */

import { useEffect, useState } from "../vendor/hooks.js";
import { signal } from "../vendor/signals.js";
import { Excerpt } from "./excerpts.js";
import { html } from "./html.js";
import { engine, useStore } from "./model.js";
import { PaneFrame } from "./pane_frame.js";
import { PagesEnd, usePages } from "./people_search.js";
import { nameOf } from "./people.js";
import { route } from "./route.js";

const NOTHING = { q: "", inChannel: false, author: "", has: "", sort: "", after: "", before: "" };
const asked = signal(NOTHING);
/** Whose search it is. */
let owner = null;
const HAS = [
  ["", "Any message"],
  ["link", "With a link"],
  ["attachment", "With a file"],
  ["mention", "With a mention"],
];

export function SearchPane() {
  const { rest, store } = engine.value;
  const { channelId } = route.value;
  if (owner !== store) {
    owner = store;
    asked.value = NOTHING;
  }
  const { q, inChannel, author, has, sort, after, before } = asked.value;
  const set = (more) => (asked.value = { ...asked.peek(), ...more });
  const query = {
    ...(inChannel && channelId ? { channel_id: channelId } : {}),
    ...(author ? { author_id: author } : {}),
    ...(has ? { has } : {}),
    ...(sort ? { sort } : {}),
    ...(after ? { after: new Date(`${after}T00:00`).toISOString() } : {}),
    ...(before ? { before: new Date(new Date(`${before}T00:00`).getTime() + 86_400_000).toISOString() } : {}),
  };
  const pages = usePages(async (key, cursor) => {
    const wanted = JSON.parse(key);
    if (wanted.q === "") return { items: [], cursor: null };
    const page = await rest.search(wanted.q, { ...wanted.query, limit: 30, cursor });
    return { items: page.results, cursor: page.next_cursor };
  }, JSON.stringify({ q: q.trim(), query }));
  return html`<${PaneFrame} title="Search">
    <form class="search-form" role="search" onSubmit=${(event) => event.preventDefault()}>
      <input
        type="search"
        autofocus
        ref=${(field) => field !== null && q === "" && field.focus()}
        aria-label="Search messages"
        placeholder="Search messages"
        value=${q}
        onInput=${(event) => set({ q: event.currentTarget.value })}
      />
      <div class="filters">
        ${channelId !== null && html`<label class="check"><input
          type="checkbox"
          checked=${inChannel}
          onChange=${(event) => set({ inChannel: event.currentTarget.checked })}
        /> In this channel</label>`}
        <${AuthorChoice} value=${author} onChange=${(id) => set({ author: id })} />
        <select
          aria-label="What it carries"
          value=${has}
          onChange=${(event) => set({ has: event.currentTarget.value })}
        >${HAS.map(([value, name]) => html`<option key=${value} value=${value}>${name}</option>`)}</select>
        <select
          aria-label="Order"
          value=${sort}
          onChange=${(event) => set({ sort: event.currentTarget.value })}
        ><option value="">Newest first</option><option value="rank">Best first</option></select>
        <label class="date">From <input
          type="date"
          value=${after}
          onChange=${(event) => set({ after: event.currentTarget.value })}
        /></label>
        <label class="date">To <input
          type="date"
          value=${before}
          onChange=${(event) => set({ before: event.currentTarget.value })}
        /></label>
      </div>
    </form>
    <div class="pane-scroll" aria-live="polite">
      ${q.trim() === ""
        ? html`<p class="empty">Messages with all of the words are found. A phrase stands in "quotes", or between words widens, and -word leaves out.</p>`
        : html`<ul class="list cards">
              ${pages.items.map(
                ({ message, highlights }) => html`<li key=${message.message_id}><${Excerpt} message=${message}>
                  ${highlights.map(({ text, is_match }) => (is_match ? html`<mark>${text}</mark>` : text))}
                <//></li>`,
              )}
            </ul>
            <${PagesEnd} pages=${pages} empty="Nothing was found." />`}
    </div>
  <//>`;
}

/** Of the people that are known so far; the rest are found by typing their name. */
function AuthorChoice({ value, onChange }) {
  const { rest } = engine.value;
  const users = useStore((store) => store.users());
  const [text, setText] = useState("");
  const chosen = value === "" ? null : (users.get(value) ?? null);
  useEffect(() => {
    if (text === "") return undefined;
    const known = [...users.values()].find((person) => person.username === text);
    if (known !== undefined) return onChange(known.user_id);
    const asking = setTimeout(() => rest.users({ query: text, limit: 10 }).then((page) => page.users.forEach(({ user_id }) => engine.peek().store.user(user_id)), () => undefined), 200);
    return () => clearTimeout(asking);
  }, [text, users]);
  if (chosen !== null) return html`<button
    type="button"
    class="button small"
    onClick=${() => (setText(""), onChange(""))}
  >From ${nameOf(chosen)} ✕</button>`;
  return html`<input
    class="small-field"
    list="authors"
    aria-label="From"
    placeholder="From anybody"
    value=${text}
    onInput=${(event) => setText(event.currentTarget.value)}
  />
    <datalist id="authors">${[...users.values()].slice(0, 300).map((person) => html`<option key=${person.user_id} value=${person.username}>${nameOf(person)}</option>`)}</datalist>`;
}
