/**
 * A field that finds people, and the list of those found.
 *
 * @module
 */

import { useEffect, useState } from "../vendor/hooks.js";
import { html } from "./html.js";
import { engine, useStore } from "./model.js";

const ASK_AFTER_MS = 150;
const PAGE = 50;

/** A list by pages: `{ items, error, isLoading, more }`; `more` is null at the end. */
export function usePages(load, key) {
  const [state, set] = useState({ items: [], cursor: null, error: null, isLoading: true });
  const [wanted, setWanted] = useState({ key, cursor: null });
  useEffect(() => {
    if (key === wanted.key) return undefined;
    const soon = setTimeout(() => setWanted({ key, cursor: null }), ASK_AFTER_MS);
    return () => clearTimeout(soon);
  }, [key]);
  useEffect(() => {
    let isCurrent = true;
    set((before) => ({ ...before, isLoading: true, error: null }));
    load(wanted.key, wanted.cursor).then(
      ({ items, cursor }) => isCurrent && set((before) => ({ items: wanted.cursor === null ? items : [...before.items, ...items], cursor, error: null, isLoading: false })),
      (error) => isCurrent && set((before) => ({ ...before, error, isLoading: false })),
    );
    return () => (isCurrent = false);
  }, [wanted]);
  return { ...state, more: state.cursor === null || state.isLoading ? null : () => setWanted({ key: wanted.key, cursor: state.cursor }) };
}

/** What a list by pages says below its items. @param {{ pages: any, empty: string }} props */
export function PagesEnd({ pages, empty }) {
  if (pages.error !== null) return html`<p class="form-problem" role="alert">${pages.error.message}</p>`;
  if (pages.isLoading) return html`<p class="empty" role="status">Loading …</p>`;
  if (pages.items.length === 0) return html`<p class="empty">${empty}</p>`;
  return pages.more && html`<p class="more"><button type="button" class="button" onClick=${pages.more}>Show more</button></p>`;
}

/**
 * @param {object} props
 * @param {boolean} [props.isFocused]
 * @param {boolean} [props.withMe]
 * @param {(person: any) => any} props.children draws one
 */
export function PeopleSearch({ isFocused = false, withMe = false, children }) {
  const { rest } = engine.value;
  const me = useStore((store) => store.userId);
  const known = useStore((store) => store.users());
  const [query, setQuery] = useState("");
  const pages = usePages(async (text, cursor) => {
    const page = await rest.users({ ...(text === "" ? {} : { query: text }), limit: PAGE, cursor });
    return { items: page.users, cursor: page.next_cursor };
  }, query.trim());
  const people = pages.items.filter((person) => !person.deactivated_at && (withMe || person.user_id !== me));
  return html`<div class="finder">
    <input type="search" aria-label="Find people" placeholder="Find people" value=${query} autofocus=${isFocused} onInput=${(event) => setQuery(event.currentTarget.value)} />
    <ul class="list people-list">
      ${people.map((person) => html`<li key=${person.user_id}>${children(known.get(person.user_id) ?? person)}</li>`)}
    </ul>
    <${PagesEnd} pages=${pages} empty="Nobody is called that." />
  </div>`;
}
