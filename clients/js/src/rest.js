/**
 * Every call of REST, by name. Answers are the server's own objects (`bodies.d.ts`, made from its OpenAPI document); refusals are
 * `SermoError` with the server's code.
 *
 * Nothing is retried here but once after an expired token: what a call that got no answer did is not known. All writes are safe to
 * repeat: messages, channels and uploads by their id, the rest because it says how things shall be.
 *
 * @module
 */

import { SermoError } from "./errors.js";
import { newId } from "./ids.js";

/**
 * @typedef {import("./bodies.js").Message} Message
 * @typedef {import("./bodies.js").Level} Level
 * @typedef {import("./bodies.js").Role} Role
 *
 * @typedef {(how: { renew: boolean }) => Promise<string>} TokenSource
 *   Gives an access token; with `renew` the last one was refused, and a new one is needed.
 *
 * @typedef {{ before?: number, after?: number, around?: number, limit?: number, minPosition?: number }} PageQuery
 * @typedef {{ cursor?: string | null, limit?: number, minPosition?: number }} ListQuery
 * @typedef {Record<string, string | number | boolean | null | undefined>} Query
 */

const TIMEOUT_MS = 30_000;

/** The calls below `/v1`. */
export class SermoRest {
  /**
   * @param {object} options
   * @param {string} options.url of the server, say `location.origin`
   * @param {TokenSource} [options.token] not needed for the calls of `auth`
   * @param {typeof fetch} [options.fetch]
   */
  constructor({ url, token, fetch: fetcher = fetch }) {
    this.#base = `${url.replace(/\/$/, "")}/v1`;
    this.#token = token;
    this.#fetch = fetcher;
  }

  #base;
  #token;
  #fetch;

  /** Accounts and tokens; `Session` calls these, a page calls the session. */
  auth = {
    /** @param {import("./bodies.js").Register} body */
    register: (body) => this.#tokens("register", body),
    /** @param {import("./bodies.js").Login} body */
    login: (body) => this.#tokens("login", body),
    /** @param {string} refreshToken */
    refresh: (refreshToken) => this.#tokens("refresh", { refresh_token: refreshToken }),
    /** @param {string} refreshToken */
    logout: (refreshToken) => this.#tokens("logout", { refresh_token: refreshToken }),
  };

  // People

  /** @returns {Promise<import("./bodies.js").User>} */
  me() {
    return this.get("/me");
  }

  /**
   * @param {{ display_name?: string, status_text?: string }} changes
   * @returns {Promise<import("./bodies.js").ChangedUser>}
   */
  updateMe(changes) {
    return this.call("PATCH", "/me", { body: changes });
  }

  /**
   * @param {ListQuery & { query?: string }} [query] `query`: the beginning of a name
   * @returns {Promise<import("./bodies.js").Users>}
   */
  users(query = {}) {
    return this.get("/users", listed(query));
  }

  /**
   * @param {string} userId
   * @returns {Promise<import("./bodies.js").User>}
   */
  user(userId) {
    return this.get(`/users/${userId}`);
  }

  /** @param {string} userId */
  block(userId) {
    return this.#write("PUT", `/users/${userId}/block`);
  }

  /** @param {string} userId */
  unblock(userId) {
    return this.#write("DELETE", `/users/${userId}/block`);
  }

  /** @returns {Promise<import("./bodies.js").Blocks>} */
  blocks() {
    return this.get("/me/blocks");
  }

  // Channels

  /**
   * The public channels and mine.
   *
   * @param {ListQuery & { query?: string }} [query] `query`: a part of the name
   * @returns {Promise<import("./bodies.js").Channels>}
   */
  channels(query = {}) {
    return this.get("/channels", listed(query));
  }

  /**
   * @param {string} channelId
   * @returns {Promise<import("./bodies.js").Channel>}
   */
  channel(channelId) {
    return this.get(`/channels/${channelId}`);
  }

  /**
   * @param {{ kind: "public" | "private", name: string, topic?: string, channel_id?: string }} body
   * @returns {Promise<import("./bodies.js").ChangedChannel>}
   */
  createChannel(body) {
    return this.call("POST", "/channels", { body: { channel_id: newId(), ...body } });
  }

  /**
   * The channel of these people and me; the same people always get the same one.
   *
   * @param {string[]} userIds 1 to 8 others
   * @returns {Promise<import("./bodies.js").ChangedChannel>}
   */
  openDirect(userIds) {
    return this.call("POST", "/directs", { body: { user_ids: userIds } });
  }

  /**
   * @param {string} channelId
   * @param {{ name?: string, topic?: string }} changes
   * @returns {Promise<import("./bodies.js").ChangedChannel>}
   */
  updateChannel(channelId, changes) {
    return this.call("PATCH", `/channels/${channelId}`, { body: changes });
  }

  /** @param {string} channelId */
  deleteChannel(channelId) {
    return this.#write("DELETE", `/channels/${channelId}`);
  }

  /** @param {string} channelId */
  archiveChannel(channelId) {
    return this.#write("POST", `/channels/${channelId}/archive`);
  }

  /** @param {string} channelId */
  unarchiveChannel(channelId) {
    return this.#write("POST", `/channels/${channelId}/unarchive`);
  }

  /** @param {string} channelId */
  join(channelId) {
    return this.#write("POST", `/channels/${channelId}/join`);
  }

  /** @param {string} channelId */
  leave(channelId) {
    return this.#write("POST", `/channels/${channelId}/leave`);
  }

  /**
   * @param {string} channelId
   * @param {ListQuery} [query]
   * @returns {Promise<import("./bodies.js").Members>}
   */
  members(channelId, query = {}) {
    return this.get(`/channels/${channelId}/members`, listed(query));
  }

  /**
   * Add somebody, or give them another role.
   *
   * @param {string} channelId
   * @param {string} userId
   * @param {Role} [role]
   */
  putMember(channelId, userId, role = "member") {
    return this.#write("PUT", `/channels/${channelId}/members/${userId}`, { role });
  }

  /**
   * @param {string} channelId
   * @param {string} userId
   */
  removeMember(channelId, userId) {
    return this.#write("DELETE", `/channels/${channelId}/members/${userId}`);
  }

  /**
   * @param {string} channelId
   * @param {Level} level
   */
  setLevel(channelId, level) {
    return this.#write("PUT", `/channels/${channelId}/level`, { level });
  }

  /**
   * @param {string} channelId
   * @param {{ expires_in_s?: number, max_uses?: number }} [body]
   * @returns {Promise<import("./bodies.js").MadeInvitation>}
   */
  invite(channelId, body = {}) {
    return this.call("POST", `/channels/${channelId}/invitations`, { body });
  }

  /**
   * @param {string} code
   * @returns {Promise<import("./bodies.js").Preview>}
   */
  invitation(code) {
    return this.get(`/invitations/${encodeURIComponent(code)}`);
  }

  /**
   * @param {string} code
   * @returns {Promise<import("./bodies.js").JoinedChannel>}
   */
  acceptInvitation(code) {
    return this.call("POST", `/invitations/${encodeURIComponent(code)}/join`);
  }

  // Messages

  /**
   * A page of a channel: roots, and replies that were also sent to it.
   *
   * @param {string} channelId
   * @param {PageQuery} [query] at most one of `before`, `after`, `around` (a seq); none is the newest page
   * @returns {Promise<import("./bodies.js").Page>}
   */
  messages(channelId, query = {}) {
    return this.get(`/channels/${channelId}/messages`, listed(query));
  }

  /**
   * @param {string} rootId
   * @param {PageQuery} [query] without `around`
   * @returns {Promise<import("./bodies.js").Page>}
   */
  replies(rootId, query = {}) {
    return this.get(`/messages/${rootId}/replies`, listed(query));
  }

  /**
   * @param {string} messageId
   * @param {{ minPosition?: number }} [query]
   * @returns {Promise<Message>}
   */
  message(messageId, query = {}) {
    return this.get(`/messages/${messageId}`, listed(query));
  }

  /**
   * @param {string} channelId
   * @param {import("./bodies.js").NewMessage} body
   * @returns {Promise<import("./bodies.js").ChangedMessage>}
   */
  post(channelId, body) {
    return this.call("POST", `/channels/${channelId}/messages`, { body });
  }

  /**
   * @param {string} messageId
   * @param {string} content
   * @returns {Promise<import("./bodies.js").ChangedMessage>}
   */
  edit(messageId, content) {
    return this.call("PATCH", `/messages/${messageId}`, { body: { content } });
  }

  /** @param {string} messageId */
  remove(messageId) {
    return this.#write("DELETE", `/messages/${messageId}`);
  }

  /**
   * @param {string} messageId
   * @param {ListQuery} [query]
   * @returns {Promise<import("./bodies.js").History>}
   */
  history(messageId, query = {}) {
    return this.get(`/messages/${messageId}/history`, listed(query));
  }

  /** @param {string} messageId */
  pin(messageId) {
    return this.#write("PUT", `/messages/${messageId}/pin`);
  }

  /** @param {string} messageId */
  unpin(messageId) {
    return this.#write("DELETE", `/messages/${messageId}/pin`);
  }

  /**
   * @param {string} channelId
   * @param {ListQuery} [query]
   * @returns {Promise<import("./bodies.js").Pins>}
   */
  pins(channelId, query = {}) {
    return this.get(`/channels/${channelId}/pins`, listed(query));
  }

  /**
   * Everybody who reacted so, in order; a message itself names the first 100.
   *
   * @param {string} messageId
   * @param {string} emoji
   * @param {ListQuery} [query]
   * @returns {Promise<import("./bodies.js").Reactions>}
   */
  reactions(messageId, emoji, query = {}) {
    return this.get(`/messages/${messageId}/reactions`, { emoji, ...listed(query) });
  }

  /**
   * @param {string} messageId
   * @param {string} reason
   * @returns {Promise<import("./bodies.js").FiledReport>}
   */
  report(messageId, reason) {
    return this.call("POST", `/messages/${messageId}/report`, { body: { reason } });
  }

  // Files

  /**
   * Upload a file for a channel, to be named in `attachment_ids` of a message there.
   *
   * @param {string} channelId
   * @param {Blob} file
   * @param {{ name?: string, attachmentId?: string, signal?: AbortSignal }} [more] the name of a `File` is known
   * @returns {Promise<import("./bodies.js").UploadedAttachment>}
   */
  upload(channelId, file, { name, attachmentId = newId(), signal } = {}) {
    const called = name ?? ("name" in file && typeof file.name === "string" ? file.name : "file");
    return this.call("POST", `/channels/${channelId}/attachments`, {
      query: { name: called, attachment_id: attachmentId },
      file,
      signal: signal ?? null,
    });
  }

  /**
   * A file's content. It needs the token, so a page shows it by `URL.createObjectURL`.
   *
   * @param {string} attachmentId
   * @param {{ signal?: AbortSignal }} [more]
   * @returns {Promise<Blob>}
   */
  async attachment(attachmentId, { signal } = {}) {
    const answer = await this.#answer("GET", `/attachments/${attachmentId}`, { signal: signal ?? null });
    return answer.blob();
  }

  // Reading

  /**
   * The snapshot: my channels with counts, and the position from which `connect` continues it.
   *
   * @param {{ minPosition?: number }} [query]
   * @returns {Promise<import("./bodies.js").MyChannels>}
   */
  myChannels(query = {}) {
    return this.get("/me/channels", listed(query));
  }

  /**
   * @param {{ minPosition?: number }} [query]
   * @returns {Promise<import("./bodies.js").Unread>}
   */
  unread(query = {}) {
    return this.get("/me/unread", listed(query));
  }

  /**
   * The threads that I follow, newest activity first.
   *
   * @param {ListQuery & { unread?: boolean }} [query]
   * @returns {Promise<import("./bodies.js").Threads>}
   */
  threads(query = {}) {
    return this.get("/me/threads", listed(query));
  }

  /** @param {string} rootId */
  followThread(rootId) {
    return this.#write("PUT", `/threads/${rootId}/follow`);
  }

  /** @param {string} rootId */
  unfollowThread(rootId) {
    return this.#write("DELETE", `/threads/${rootId}/follow`);
  }

  /**
   * @param {string} q docs/search.md
   * @param {ListQuery & { channel_id?: string, author_id?: string, before?: string, after?: string, has?: string, sort?: string }} [query]
   * @returns {Promise<import("./bodies.js").Results>}
   */
  search(q, query = {}) {
    return this.get("/search", { q, ...listed(query) });
  }

  /** @returns {Promise<import("./bodies.js").Ticket>} */
  wsTicket() {
    return this.call("POST", "/ws-ticket");
  }

  // Any call

  /**
   * @param {string} path below `/v1`
   * @param {Query} [query]
   * @returns {Promise<any>}
   */
  get(path, query = {}) {
    return this.call("GET", path, { query });
  }

  /**
   * Any call, for what has no name here.
   *
   * @param {string} method
   * @param {string} path below `/v1`
   * @param {{ query?: Query, body?: unknown, file?: Blob, key?: string, signal?: AbortSignal | null }} [more] `key`: the Idempotency-Key
   * @returns {Promise<any>}
   */
  async call(method, path, more = {}) {
    const answer = await this.#answer(method, path, more);
    return answer.json();
  }

  /**
   * @param {string} method
   * @param {string} path
   * @param {unknown} [body]
   * @returns {Promise<import("./bodies.js").Position>}
   */
  #write(method, path, body) {
    return this.call(method, path, { body });
  }

  /**
   * @param {string} name
   * @param {unknown} body
   * @returns {Promise<import("./bodies.js").Tokens>}
   */
  async #tokens(name, body) {
    const answer = await this.#send("POST", `/auth/${name}`, { body }, null);
    return answer.json();
  }

  /**
   * @param {string} method
   * @param {string} path
   * @param {{ query?: Query, body?: unknown, file?: Blob, key?: string, signal?: AbortSignal | null }} more
   * @returns {Promise<Response>}
   */
  async #answer(method, path, more) {
    if (this.#token === undefined) throw new TypeError("SermoRest needs `token` for this call");
    try {
      return await this.#send(method, path, more, await this.#token({ renew: false }));
    } catch (error) {
      if (!(error instanceof SermoError) || error.status !== 401) throw error;
      return this.#send(method, path, more, await this.#token({ renew: true }));
    }
  }

  /**
   * @param {string} method
   * @param {string} path
   * @param {{ query?: Query, body?: unknown, file?: Blob, key?: string, signal?: AbortSignal | null }} more
   * @param {string | null} token
   * @returns {Promise<Response>}
   */
  async #send(method, path, { query = {}, body, file, key, signal }, token) {
    /** @type {Record<string, string>} */
    const headers = { Accept: "application/json" };
    if (token !== null) headers["Authorization"] = `Bearer ${token}`;
    if (key !== undefined) headers["Idempotency-Key"] = key;
    if (file !== undefined) headers["Content-Type"] = file.type || "application/octet-stream";
    else if (body !== undefined) headers["Content-Type"] = "application/json";
    /** @type {RequestInit} */
    const init = { method, headers, signal: signal ?? AbortSignal.timeout(TIMEOUT_MS) };
    if (file !== undefined) init.body = file;
    else if (body !== undefined) init.body = JSON.stringify(body);
    /** @type {Response} */
    let answer;
    try {
      const fetcher = this.#fetch; // called bare: a browser's fetch refuses any other `this`
      answer = await fetcher(`${this.#base}${path}${queryString(query)}`, init);
    } catch (cause) {
      if (signal?.aborted) throw cause;
      throw new SermoError("unreachable", "The server gave no answer.", { cause });
    }
    if (!answer.ok) throw await problem(answer);
    return answer;
  }
}

/**
 * @param {Response} answer
 * @returns {Promise<SermoError>}
 */
async function problem(answer) {
  /** @type {Partial<import("./bodies.js").Problem>} */
  let said = {};
  try {
    said = await answer.json();
  } catch {
    // a proxy's page, say: the status has to do
  }
  const wait = Number(answer.headers.get("Retry-After") ?? NaN);
  return new SermoError(said.code ?? "unavailable", said.detail ?? said.title ?? `HTTP ${answer.status}`, {
    status: answer.status,
    field: said.field ?? undefined,
    retryAfterMs: Number.isFinite(wait) ? wait * 1_000 : undefined,
  });
}

/**
 * @param {{ minPosition?: number, [name: string]: any }} query
 * @returns {Query}
 */
function listed({ minPosition, ...query }) {
  return { ...query, min_position: minPosition };
}

/**
 * @param {Query} query
 * @returns {string}
 */
function queryString(query) {
  const pairs = Object.entries(query).flatMap(([key, value]) =>
    value === undefined || value === null ? [] : [[key, String(value)]],
  );
  return pairs.length === 0 ? "" : `?${new URLSearchParams(pairs)}`;
}
