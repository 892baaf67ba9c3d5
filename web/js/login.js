/**
 * The login of this browser: the refresh token in `localStorage`, where its tabs share it, and this tab's access token in memory alone.
 *
 * A refresh token works once. So tabs renew one after the other, each with the newest one; where the browser has no locks (on plain http)
 * two that are at it together get the same answer from the server.
 *
 * @module
 */

import { Session } from "../../client/index.js";

export const KEY = "sermo:tokens";
const LOCK = "sermo:refresh";
/** As long before its end as the session renews it, and a little more. */
const EARLY_MS = 31_000;

/** @typedef {import("../../client/session.js").Tokens} Tokens */

/** A token store of the client whose access token does not outlive the tab. */
class SharedTokens {
  /** What this tab has got. @type {Tokens | null} */
  #own = null;

  /** @returns {Tokens | null} */
  load() {
    const kept = this.#kept();
    if (kept?.user.user_id !== this.#own?.user.user_id) this.#own = null; // another tab has signed out, or in as somebody else
    if (kept === null) return null;
    const { accessToken = "", expiresAt = 0 } = this.#own ?? {};
    return { ...kept, accessToken, expiresAt }; // the refresh token is the newest, whichever tab got it
  }

  /** @param {Tokens | null} tokens */
  save(tokens) {
    this.#own = tokens;
    try {
      if (tokens === null) localStorage.removeItem(KEY);
      else localStorage.setItem(KEY, JSON.stringify({ user: tokens.user, refreshToken: tokens.refreshToken }));
    } catch {
      // storage is forbidden: the login lives as long as the tab
    }
  }

  #kept() {
    try {
      return JSON.parse(localStorage.getItem(KEY) ?? "null");
    } catch {
      return this.#own;
    }
  }
}

/**
 * @param {() => void} [onEnd] the login has ended
 * @returns {{ session: Session, token: import("../../client/rest.js").TokenSource }}
 */
export function openLogin(onEnd) {
  const tokens = new SharedTokens();
  const session = new Session({ url: location.origin, tokens, ...(onEnd === undefined ? {} : { onEnd }) });
  const token = ({ renew }) => {
    const isFresh = !renew && Date.now() < (tokens.load()?.expiresAt ?? 0) - EARLY_MS;
    if (isFresh || navigator.locks === undefined) return session.token({ renew });
    return navigator.locks.request(LOCK, () => session.token({ renew }));
  };
  return { session, token };
}
