/**
 * Who is logged in here: the tokens of one login, renewed when they are due, and shared with the other tabs where they are kept in
 * `localStorage`.
 *
 * @module
 */

import { SermoError } from "./errors.js";
import { SermoRest } from "./rest.js";

/**
 * @typedef {import("./bodies.js").User} User
 *
 * @typedef {{ user: User, accessToken: string, refreshToken: string, expiresAt: number }} Tokens `expiresAt`: ms since 1970
 *
 * @typedef {object} TokenStore
 * @property {() => Tokens | null} load
 * @property {(tokens: Tokens | null) => void} save null: nobody is logged in
 */

/** Renew so long before the end, that no call meets it. */
const EARLY_MS = 30_000;

/**
 * Tokens as long as the page lives.
 *
 * @implements {TokenStore}
 */
export class MemoryTokens {
  /** @type {Tokens | null} */
  #tokens = null;

  load() {
    return this.#tokens;
  }

  /** @param {Tokens | null} tokens */
  save(tokens) {
    this.#tokens = tokens;
  }
}

/**
 * Tokens in `localStorage`: a reload and other tabs find them.
 *
 * @implements {TokenStore}
 */
export class LocalStorageTokens {
  /**
   * @param {string} [key]
   * @param {Pick<Storage, "getItem" | "setItem" | "removeItem">} [storage]
   */
  constructor(key = "sermo:tokens", storage = localStorage) {
    this.#key = key;
    this.#storage = storage;
  }

  #key;
  #storage;

  /** @returns {Tokens | null} */
  load() {
    try {
      return JSON.parse(this.#storage.getItem(this.#key) ?? "null");
    } catch {
      return null;
    }
  }

  /** @param {Tokens | null} tokens */
  save(tokens) {
    if (tokens === null) this.#storage.removeItem(this.#key);
    else this.#storage.setItem(this.#key, JSON.stringify(tokens));
  }
}

/** One login. `session.token` is what `SermoRest` and `SermoClient` take as `token`. */
export class Session {
  /**
   * @param {object} options
   * @param {string} options.url
   * @param {TokenStore} [options.tokens]
   * @param {typeof fetch} [options.fetch]
   * @param {() => void} [options.onEnd] the login has ended: log in again
   */
  constructor({ url, tokens = new MemoryTokens(), fetch, onEnd = () => undefined }) {
    this.#auth = new SermoRest(fetch === undefined ? { url } : { url, fetch }).auth;
    this.#tokens = tokens;
    this.#onEnd = onEnd;
  }

  #auth;
  #tokens;
  #onEnd;
  /** @type {Promise<string> | null} */
  #renewing = null;

  /** Who is logged in, or null. @returns {User | null} */
  get user() {
    return this.#tokens.load()?.user ?? null;
  }

  /**
   * @param {{ username: string, password: string, display_name?: string }} body
   * @returns {Promise<User>}
   */
  async register(body) {
    return this.#begin(await this.#auth.register(body));
  }

  /**
   * @param {{ username: string, password: string }} body
   * @returns {Promise<User>}
   */
  async login(body) {
    return this.#begin(await this.#auth.login(body));
  }

  /** End the login, here and on the server. */
  async logout() {
    const tokens = this.#tokens.load();
    this.#tokens.save(null);
    if (tokens !== null) await this.#auth.logout(tokens.refreshToken);
  }

  /**
   * An access token that is good for a while. Throws `unauthenticated` where nobody is logged in.
   *
   * @type {import("./rest.js").TokenSource}
   */
  token = async ({ renew }) => {
    const tokens = this.#tokens.load();
    if (tokens === null) throw new SermoError("unauthenticated", "Nobody is logged in.", { status: 401 });
    if (!renew && Date.now() < tokens.expiresAt - EARLY_MS) return tokens.accessToken;
    this.#renewing ??= this.#renew(tokens).finally(() => (this.#renewing = null));
    return this.#renewing;
  };

  /**
   * @param {Tokens} stale
   * @returns {Promise<string>}
   */
  async #renew(stale) {
    const now = this.#tokens.load();
    if (now !== null && now.refreshToken !== stale.refreshToken) return now.accessToken; // another tab was faster
    try {
      const answer = await this.#auth.refresh(stale.refreshToken);
      this.#begin(answer);
      return answer.access_token;
    } catch (error) {
      if (error instanceof SermoError && error.status === 401) {
        this.#tokens.save(null);
        this.#onEnd();
      }
      throw error;
    }
  }

  /**
   * @param {import("./bodies.js").Tokens} answer
   * @returns {User}
   */
  #begin(answer) {
    this.#tokens.save({
      user: answer.user,
      accessToken: answer.access_token,
      refreshToken: answer.refresh_token,
      expiresAt: Date.now() + answer.expires_in * 1_000,
    });
    return answer.user;
  }
}
