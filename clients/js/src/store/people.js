/**
 * People: names, presence, and who types.
 *
 * @module
 */

import { SermoError } from "../errors.js";

/**
 * @typedef {import("../bodies.js").User} User
 * @typedef {import("../frames.js").UserStatus["status"]} Status
 */

/** The protocol's: over without another one. */
const TYPING_MS = 6_000;
/** Names that are missing are asked for together, a few at a time. */
const ASKED_AT_ONCE = 8;

export class People {
  /**
   * @param {import("../rest.js").SermoRest} rest
   * @param {(...keys: string[]) => void} touch
   */
  constructor(rest, touch) {
    this.#rest = rest;
    this.#touch = touch;
  }

  #rest;
  #touch;
  /** @type {Map<string, User>} */
  users = new Map();
  /** @type {Map<string, Status>} */
  #statuses = new Map();
  /** By channel and thread, each person with the timer that ends it. @type {Map<string, Map<string, ReturnType<typeof setTimeout>>>} */
  #typing = new Map();
  /** @type {Set<string>} */
  #wanted = new Set();
  /** @type {Set<string>} */
  #missing = new Set();
  #isAsking = false;

  /**
   * A person, if known; else null, and they are asked for.
   *
   * @param {string} userId
   * @returns {User | null}
   */
  user(userId) {
    const known = this.users.get(userId);
    if (known === undefined && !this.#missing.has(userId)) {
      this.#wanted.add(userId);
      if (!this.#isAsking) void this.#ask();
    }
    return known ?? null;
  }

  /** @param {User[]} users */
  take(users) {
    this.users = new Map([...this.users, ...users.map((user) => /** @type {const} */ ([user.user_id, user]))]);
    this.#touch("users", ...users.map((user) => `user:${user.user_id}`));
  }

  /** @param {import("../frames.js").UserUpdatedFrame} frame */
  apply({ data }) {
    const { user_id } = data;
    const known = this.users.get(user_id);
    if (known !== undefined) return this.take([{ ...known, ...data }]);
    if (data.username === undefined) return; // somebody nobody has asked for
    this.take([
      /** @type {User} */ ({ display_name: data.username, status_text: "", is_admin: false, deactivated_at: null, ...data }),
    ]);
  }

  /** @param {string} userId */
  status(userId) {
    return this.#statuses.get(userId) ?? "offline";
  }

  /**
   * @param {string} userId
   * @param {Status} status
   */
  setStatus(userId, status) {
    if (status === "offline") this.#statuses.delete(userId);
    else this.#statuses.set(userId, status);
    this.#touch(`presence:${userId}`);
  }

  /** Nobody is known to be here, until the server says so again. */
  forgetStatuses() {
    const known = [...this.#statuses.keys()];
    this.#statuses.clear();
    this.#touch(...known.map((userId) => `presence:${userId}`));
  }

  /**
   * @param {string} place a channel, or a thread's root
   * @returns {string[]}
   */
  typing(place) {
    return [...(this.#typing.get(place)?.keys() ?? [])];
  }

  /**
   * @param {string} place
   * @param {string} userId
   */
  types(place, userId) {
    const there = this.#typing.get(place) ?? new Map();
    this.#typing.set(place, there);
    clearTimeout(there.get(userId));
    const isNew = !there.has(userId);
    there.set(
      userId,
      setTimeout(() => this.stopped(place, userId), TYPING_MS),
    );
    if (isNew) this.#touch(`typing:${place}`);
  }

  /**
   * The message is there, or nothing was heard for long.
   *
   * @param {string} place
   * @param {string} userId
   */
  stopped(place, userId) {
    const there = this.#typing.get(place);
    if (there === undefined || !there.has(userId)) return;
    clearTimeout(there.get(userId));
    there.delete(userId);
    this.#touch(`typing:${place}`);
  }

  /** No timer is left. */
  stop() {
    for (const there of this.#typing.values()) for (const timer of there.values()) clearTimeout(timer);
    this.#typing.clear();
  }

  async #ask() {
    this.#isAsking = true;
    await undefined; // all that one turn asks for goes together
    while (this.#wanted.size > 0) {
      const ids = [...this.#wanted].slice(0, ASKED_AT_ONCE);
      for (const id of ids) this.#wanted.delete(id);
      const found = await Promise.all(ids.map((id) => this.#rest.user(id).catch((error) => this.#notFound(id, error))));
      this.take(found.filter((user) => user !== null));
    }
    this.#isAsking = false;
  }

  /**
   * @param {string} userId
   * @param {unknown} error
   */
  #notFound(userId, error) {
    if (error instanceof SermoError && error.code === "not_found") this.#missing.add(userId);
    return null;
  }
}
