/**
 * The windows that are loaded, of channels and of threads: filled by pages of REST, extended by events.
 *
 * @module
 */

import { Window } from "./window.js";

/**
 * @typedef {import("../bodies.js").Page} Page
 * @typedef {import("../frames.js").EventFrame} EventFrame
 * @typedef {import("./window.js").Direction} Direction
 * @typedef {{ kind: "channel" | "thread", id: string }} Place a channel's page, or the replies of a root
 *
 * @typedef {object} Ports
 * @property {import("../rest.js").SermoRest} rest
 * @property {import("./loading.js").Loading} loading
 * @property {(page: Page, later: EventFrame[]) => void} learn from the messages of a page, with the events after it
 * @property {(place: Place) => void} touch
 */

const LIMIT = 50;

export class Timelines {
  /** @param {Ports} ports */
  constructor(ports) {
    this.#ports = ports;
  }

  #ports;
  /** By channel or root. @type {Map<string, { place: Place, window: Window }>} */
  #windows = new Map();

  /** @param {string} id of a channel or a root */
  get(id) {
    return this.#windows.get(id)?.window;
  }

  /** All that is loaded. */
  get ids() {
    return [...this.#windows.values()].flatMap(({ window }) => window.places.map((place) => place.id));
  }

  /** The roots of the threads that are open. */
  get roots() {
    return [...this.#windows.values()].flatMap(({ place }) => (place.kind === "thread" ? [place.id] : []));
  }

  /**
   * Load a part. Nothing where a step or the newest part is being loaded already, or there is no more; who goes elsewhere meanwhile
   * gets that place.
   *
   * @param {Place} place
   * @param {Direction} direction
   * @param {number} [seq] of `around`
   * @returns {Promise<void>}
   */
  async load(place, direction, seq) {
    const window = this.#open(place);
    const query = this.#query(window, direction, seq);
    const isStep = direction === "older" || direction === "newer";
    if (query === null || (isStep && window.loading !== null) || (direction === "newest" && window.loading === direction)) return;
    window.loading = direction;
    const asked = (window.asked = {});
    this.#ports.touch(place);
    const { rest, loading, learn } = this.#ports;
    try {
      await loading.load(
        (minPosition) =>
          place.kind === "channel"
            ? rest.messages(place.id, { ...query, minPosition })
            : rest.replies(place.id, { ...query, minPosition }),
        (page, later) => {
          if (this.get(place.id) !== window || window.asked !== asked) return; // closed, or gone elsewhere meanwhile
          learn(page, later);
          const places = page.messages.map((message) => ({ id: message.message_id, seq: message.seq }));
          window.take(direction, places, { before: page.has_more_before, after: page.has_more_after });
          for (const frame of later) this.#append(frame);
        },
      );
    } finally {
      if (window.asked === asked) window.loading = null;
      this.#ports.touch(place);
    }
  }

  /**
   * Apply an event: a message that belongs to a window whose end is loaded is appended to it.
   *
   * @param {EventFrame} frame
   */
  apply(frame) {
    for (const place of this.#append(frame)) this.#ports.touch(place);
  }

  /** What was loaded has lost its meaning: load it anew, around the same places. */
  async reload() {
    await Promise.all([...this.#windows.keys()].map((id) => this.reloadOne(id)));
  }

  /** @param {string} id of a channel or a root, whose window may have missed something; nothing where none is open */
  async reloadOne(id) {
    const known = this.#windows.get(id);
    if (known === undefined) return;
    const { place, window } = known;
    const middle = window.places[window.places.length >> 1];
    window.loading = null;
    window.asked = null;
    if (!window.isLoaded) return;
    if (place.kind === "thread" || !window.hasMoreAfter || middle === undefined) await this.load(place, "newest");
    else await this.load(place, "around", middle.seq);
  }

  /** @param {string} id forget this channel or thread */
  close(id) {
    this.#windows.delete(id);
  }

  /** @param {Place} place */
  #open(place) {
    const known = this.#windows.get(place.id);
    if (known !== undefined) return known.window;
    const window = new Window();
    this.#windows.set(place.id, { place, window });
    return window;
  }

  /**
   * @param {Window} window
   * @param {Direction} direction
   * @param {number | undefined} seq
   */
  #query(window, direction, seq) {
    switch (direction) {
      case "newest":
        return { limit: LIMIT };
      case "around":
        return { around: seq ?? 0, limit: LIMIT };
      case "older":
        return window.hasMoreBefore && window.first !== undefined ? { before: window.first.seq, limit: LIMIT } : null;
      case "newer":
        return window.hasMoreAfter && window.last !== undefined ? { after: window.last.seq, limit: LIMIT } : null;
    }
  }

  /**
   * @param {EventFrame} frame
   * @returns {Place[]} where it was appended
   */
  #append(frame) {
    if (frame.type !== "new_message" && frame.type !== "new_reply") return [];
    const added = { id: frame.data.message_id, seq: frame.seq };
    const onPage = frame.type === "new_message" || frame.data.also_to_channel;
    const ids = [...(onPage ? [frame.channel_id] : []), ...(frame.type === "new_reply" ? [frame.data.parent_id] : [])];
    return ids.flatMap((id) => {
      const known = this.#windows.get(id);
      return known?.window.append(added) ? [known.place] : [];
    });
  }
}
