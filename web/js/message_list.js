/**
 * A long list of messages of which only what is seen, and some more, is in the document.
 *
 * The list knows the height of every row, measured or estimated. It keeps its place by an anchor - a row and where its top is, or the
 * end - and after every change puts the anchor where it was: when older messages come in above, when a picture gets its size, when the
 * window is resized.
 *
 * @module
 */

import { useEffect, useLayoutEffect, useRef, useState } from "../vendor/hooks.js";
import { Heights } from "./heights.js";
import { html } from "./html.js";
import { Icon } from "./icons.js";
import { Rows, estimate } from "./rows.js";

/** So much is drawn above and below what is seen. */
const MARGIN_PX = 700;
/** So near to the end of what is loaded the next page is asked for. */
const LOAD_PX = 1_200;
/** A page that could not be loaded is asked for again after this. */
const RETRY_MS = 3_000;
const AT_END_PX = 40;
/** What is free below the last row. */
const END_PX = 12;
/** Other messages were loaded: so long nothing is taken for read, unless one goes somewhere. */
const QUIET_MS = 1_000;
const INTRO = "intro";

/**
 * @param {object} props
 * @param {any} props.view a timeline of the store
 * @param {string} props.label
 * @param {string} props.userId
 * @param {number | null} props.newAfter the last seq that was read, where a line shall be drawn after it
 * @param {{ seq: number | null, key: unknown, isMarked?: boolean } | null} props.target where to go, once for each key: a seq, or the
 *   end. Nothing is shown before there is one. `isMarked`: the message is what one came for
 * @param {() => Promise<void>} props.loadOlder
 * @param {() => Promise<void>} props.loadNewer
 * @param {() => void} props.toLatest load the newest
 * @param {(seq: number, isEnd: boolean) => void} props.onSeen the last message in sight
 * @param {any} props.intro what stands before the first message
 * @param {any} props.Row draws `{ row, isTarget }`
 */
export function MessageList({ view, label, userId, newAfter, target, loadOlder, loadNewer, toLatest, onSeen, intro, Row }) {
  const scroller = useRef(null);
  const inner = useRef(null);
  const [list] = useState(() => new List());
  const [, draw] = useState(0);
  list.redraw = () => draw((n) => n + 1);
  list.props = { view, loadOlder, loadNewer, onSeen };

  const messages = list.rows.of(view.messages, { newAfter, userId, hasMoreBefore: view.hasMoreBefore });
  list.take(messages, view, target);
  const { from, till } = list.range();
  const drawn = list.all.slice(from, till);

  useLayoutEffect(() => list.settle(scroller.current, inner.current, from, till));
  useEffect(() => list.watch(scroller.current, inner.current), []);

  const isAway = !list.isAtEnd || view.hasMoreAfter;
  return html`<div class="message-list ${list.isPlaced ? "" : "unplaced"}">
    <div
      class="scroller"
      ref=${scroller}
      role="log"
      aria-label=${label}
      aria-live=${isAway ? "off" : "polite"}
      aria-busy=${view.loading !== null}
      tabindex="0"
      onScroll=${() => list.scrolled(scroller.current)}
      onKeyDown=${(event) => list.key(event)}
    >
      <div class="space" data-space="before"></div>
      <div class="rows" ref=${inner}>
        ${drawn.map((row) =>
          row.key === INTRO
            ? html`<div key=${INTRO} data-key=${INTRO}>${view.hasMoreBefore ? html`<${Loading} />` : intro}</div>`
            : html`<div key=${row.key} data-key=${row.key}><${Row} row=${row} isTarget=${list.targetKey === row.key} /></div>`,
        )}
      </div>
      <div class="space" data-space="after"></div>
    </div>
    ${isAway &&
    view.isLoaded &&
    html`<button type="button" class="to-latest" onClick=${() => (view.hasMoreAfter ? toLatest() : list.toEnd())}>
      <${Icon} name="down" size=${16} /> Jump to latest
    </button>`}
  </div>`;
}

function Loading() {
  return html`<div class="loading-row">Loading older messages …</div>`;
}

class List {
  rows = new Rows();
  heights = new Heights((row) => (row.key === INTRO ? 56 : estimate(row)));
  all = [];
  redraw = () => undefined;
  props = null;
  isAtEnd = true;
  targetKey = null;
  #messages = null;
  #anchor = null;
  #top = 0;
  #height = 800;
  #scroller = null;
  #inner = null;
  #drawn = { from: 0, till: 0 };
  #target = null;
  #retryAt = { older: 0, newer: 0 };
  #seen = -1;
  #quietUntil = 0;
  #lastKey = null;

  /** Take the rows as they are now. */
  take(messages, view, target) {
    if (messages !== this.#messages) {
      const anchored = this.#anchor === null ? undefined : this.all[this.heights.place(this.#anchor.key)];
      if (anchored?.message && !messages.includes(anchored) && !messages.some(({ key }) => key === anchored.key)) this.#lost(anchored, messages);
      this.#messages = messages;
      const last = messages[messages.length - 1];
      if (last?.message.sending && last.key !== this.#lastKey) this.#anchor = null; // what I write is shown
      this.#lastKey = last?.key ?? null;
      this.all = view.isLoaded ? [{ key: INTRO }, ...messages] : messages;
    }
    this.heights.take(this.all);
    if (target !== null && target.key !== this.#target && view.isLoaded && view.loading !== "around" && view.loading !== "newest") {
      this.#target = target.key;
      this.#aim(target);
    }
    this.#place();
  }

  /** The row that is anchored is in the list no more: the one that is nearest takes its place. */
  #lost({ message }, rows) {
    const next = rows.find((row) => row.message.seq === null || row.message.seq >= message.seq);
    this.#anchor = next === undefined ? null : { key: next.key, offset: this.#anchor.offset };
    this.#quietUntil = Date.now() + QUIET_MS;
    setTimeout(() => this.#tellSeen(), QUIET_MS + 10);
  }

  #aim({ seq, isMarked = false }) {
    const row = seq === null ? undefined : this.#messages.find(({ message }) => message.seq === null || message.seq >= seq);
    this.#anchor = row === undefined ? null : { key: row.key, offset: this.#height * 0.28 };
    this.targetKey = isMarked && row?.message.seq === seq ? row.key : null;
    this.isAtEnd = this.#anchor === null;
    this.#seen = -1;
    this.#quietUntil = 0;
  }

  get isPlaced() {
    return this.#target !== null;
  }

  /** Where the scroller has to be for the anchor to be where it was. */
  #place() {
    const most = Math.max(0, this.heights.total + END_PX - this.#height);
    const place = this.#anchor === null ? undefined : this.heights.place(this.#anchor.key);
    if (place !== undefined) this.#top = Math.min(most, Math.max(0, this.heights.top(place) - this.#anchor.offset));
    else if (this.#anchor === null) this.#top = most;
    else this.#top = Math.min(most, this.#top);
  }

  /** Which rows are to be drawn. */
  range() {
    const { heights, all } = this;
    const from = heights.at(this.#top - MARGIN_PX);
    const till = all.length === 0 ? 0 : heights.at(this.#top + this.#height + MARGIN_PX) + 1;
    return { from, till };
  }

  /** After drawing: measure, and put everything into its place. */
  settle(scroller, inner, from, till) {
    this.#scroller = scroller;
    this.#inner = inner;
    this.#drawn = { from, till };
    this.#height = scroller.clientHeight;
    const measured = [...inner.children].map((child) => [child.dataset.key, child.getBoundingClientRect().height]);
    this.heights.measure(measured);
    this.#place();
    scroller.firstElementChild.style.height = `${this.heights.top(from)}px`;
    scroller.lastElementChild.style.height = `${this.heights.total - this.heights.top(till)}px`;
    if (Math.abs(scroller.scrollTop - this.#top) >= 1) scroller.scrollTop = this.#top;
    const wasAtEnd = this.isAtEnd;
    this.isAtEnd = this.#top + this.#height >= this.heights.total - AT_END_PX;
    this.#afterMove();
    if (wasAtEnd !== this.isAtEnd) this.redraw();
  }

  scrolled(scroller) {
    if (Math.abs(scroller.scrollTop - this.#top) < 1) return; // this list's own doing
    this.#top = scroller.scrollTop;
    const wasAtEnd = this.isAtEnd;
    this.isAtEnd = this.#top + this.#height >= this.heights.total - AT_END_PX;
    if (this.isAtEnd && !this.props.view.hasMoreAfter) this.#anchor = null;
    else {
      const first = this.heights.at(this.#top);
      // what stands above the first message would stay at the top, and the next page be asked for, again and again
      const place = this.all[first]?.key === INTRO && this.props.view.hasMoreBefore ? first + 1 : first;
      const row = this.all[place];
      if (row !== undefined) this.#anchor = { key: row.key, offset: this.heights.top(place) - this.#top };
    }
    this.#afterMove();
    if (wasAtEnd !== this.isAtEnd) this.redraw();
  }

  /** Go to the end. */
  toEnd() {
    this.#anchor = null;
    this.isAtEnd = true;
    this.redraw();
  }

  #afterMove() {
    const { from, till } = this.range();
    const isCovered =
      this.heights.at(this.#top - MARGIN_PX / 3) >= this.#drawn.from &&
      this.heights.at(this.#top + this.#height + MARGIN_PX / 3) < this.#drawn.till;
    if (!isCovered && (from !== this.#drawn.from || till !== this.#drawn.till)) this.redraw();
    this.#loadMore();
    this.#tellSeen();
  }

  #loadMore() {
    const { view, loadOlder, loadNewer } = this.props;
    if (!view.isLoaded || view.loading !== null) return;
    if (view.hasMoreBefore && this.#top < LOAD_PX) this.#load("older", loadOlder);
    else if (view.hasMoreAfter && this.#top + this.#height > this.heights.total - LOAD_PX) this.#load("newer", loadNewer);
  }

  #load(direction, load) {
    if (Date.now() < this.#retryAt[direction]) return;
    this.#retryAt[direction] = Date.now() + 50;
    load().catch(() => {
      this.#retryAt[direction] = Date.now() + RETRY_MS;
      setTimeout(() => this.#loadMore(), RETRY_MS + 10);
    });
  }

  #tellSeen() {
    if (!this.isPlaced || Date.now() < this.#quietUntil || document.visibilityState !== "visible" || !document.hasFocus() || !this.#scroller?.isConnected) return;
    let place = this.heights.at(this.#top + this.#height);
    while (place > 0 && this.heights.top(place + 1) > this.#top + this.#height + 2) place -= 1;
    while (place > 0 && (this.all[place]?.message?.seq ?? null) === null) place -= 1;
    const seq = this.all[place]?.message?.seq;
    if (seq === undefined || seq === null) return;
    const isEnd = !this.props.view.hasMoreAfter && this.isAtEnd;
    if (seq === this.#seen && !isEnd) return;
    this.#seen = seq;
    this.props.onSeen(seq, isEnd);
  }

  /** Listen to what moves rows without this list's doing. Ends by the function that it answers. */
  watch(scroller, inner) {
    const sizes = new ResizeObserver(() => this.settle(scroller, inner, this.#drawn.from, this.#drawn.till));
    sizes.observe(scroller);
    sizes.observe(inner);
    const seen = () => this.#tellSeen();
    addEventListener("focus", seen);
    document.addEventListener("visibilitychange", seen);
    return () => {
      sizes.disconnect();
      removeEventListener("focus", seen);
      document.removeEventListener("visibilitychange", seen);
    };
  }

  /** Arrow keys go from message to message. */
  key(event) {
    if (event.key !== "ArrowUp" && event.key !== "ArrowDown") return;
    if (event.target.closest("textarea, input, select, [role=listbox], [role=menu]") !== null) return;
    const rows = [...this.#inner.querySelectorAll("article")];
    const current = rows.indexOf(event.target.closest("article"));
    const next = current === -1 ? rows.length - 1 : current + (event.key === "ArrowUp" ? -1 : 1);
    if (rows[next] === undefined) return;
    event.preventDefault();
    rows[next].focus({ preventScroll: true });
    rows[next].scrollIntoView({ block: "nearest" });
  }
}
