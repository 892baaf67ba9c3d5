/**
 * A part of a channel's page, or of a thread's replies, that is loaded without holes: messages in order of `seq`, and whether
 * there are more on either side.
 *
 * @module
 */

/**
 * @typedef {import("./messages.js").PostedFrame} PostedFrame
 * @typedef {{ id: string, seq: number }} Place
 * @typedef {"newest" | "older" | "newer" | "around"} Direction
 */

/** A window that grows at one side is cut at the other: who scrolls through a long channel does not gather all of it. */
const HELD = 1_000;

export class Window {
  /** @type {Place[]} */
  #places = [];
  hasMoreBefore = false;
  hasMoreAfter = false;
  isLoaded = false;
  /** What is being loaded. @type {Direction | null} */
  loading = null;
  /** Which request that is: of two, the later one is taken. @type {object | null} */
  asked = null;

  get places() {
    return this.#places;
  }

  get first() {
    return this.#places[0];
  }

  get last() {
    return this.#places[this.#places.length - 1];
  }

  /**
   * Take a page.
   *
   * @param {Direction} direction `newest` and `around` replace what was there, unless it overlaps
   * @param {Place[]} page in order
   * @param {{ before: boolean, after: boolean }} more
   */
  take(direction, page, more) {
    switch (direction) {
      case "older":
        this.#merge(page);
        this.hasMoreBefore = more.before;
        if (this.#places.length > HELD) {
          this.#places = this.#places.slice(0, HELD);
          this.hasMoreAfter = true;
        }
        break;
      case "newer":
        this.#merge(page);
        this.hasMoreAfter = more.after;
        if (this.#places.length > HELD) {
          this.#places = this.#places.slice(-HELD);
          this.hasMoreBefore = true;
        }
        break;
      default:
        this.#places = page;
        this.hasMoreBefore = more.before;
        this.hasMoreAfter = more.after;
    }
    this.isLoaded = true;
  }

  /**
   * A message came that belongs here.
   *
   * @param {Place} place
   * @returns {boolean} whether it is in the window now, and was not before
   */
  append(place) {
    if (!this.isLoaded || this.hasMoreAfter) return false;
    if (this.last !== undefined && this.last.seq >= place.seq) return false;
    this.#places = [...this.#places, place];
    return true;
  }

  /** @param {Place[]} page */
  #merge(page) {
    const known = new Set(this.#places.map((place) => place.seq));
    const added = page.filter((place) => !known.has(place.seq));
    this.#places = [...this.#places, ...added].sort((one, other) => one.seq - other.seq);
  }
}
