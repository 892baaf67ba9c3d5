/**
 * The store: what a page shows, kept true by the events of the client.
 *
 *     const store = createStore({ client });
 *     await store.start();                                          // loads the snapshot, and connects from it
 *     const end = store.subscribe((s) => s.timeline(channelId), render);
 *
 * Selectors answer plain objects that stay the same until something in them has changed, so any framework binds to `subscribe`.
 * What the server says is kept in its own words (`bodies.d.ts`).
 *
 * @module
 */

import { backoffMs } from "../backoff.js";
import { SermoError } from "../errors.js";
import { reacted, unreacted } from "./messages.js";
import { State, asDeleted } from "./state.js";

/**
 * @typedef {import("./state.js").ViewMessage} ViewMessage
 * @typedef {import("./state.js").Timeline} Timeline
 * @typedef {import("./state.js").ThreadView} ThreadView
 * @typedef {import("./state.js").UnreadTotals} UnreadTotals
 * @typedef {import("../client.js").SermoClient} SermoClient
 * @typedef {import("../outbox.js").SendHandle} SendHandle
 * @typedef {import("../cursors.js").Cursor} Cursor
 */

/** Of the threads that I follow so many pages are loaded; what happens in others is asked about when it happens. */
const THREAD_PAGES = 5;
const USER_PAGES = 3;
const PAGE = 100;
/** Counts that have become unsure are asked for after this, and up to five times that, since many clients see the same event. */
const RECOUNT_MS = 150;

/**
 * @param {object} options
 * @param {SermoClient} options.client
 * @param {import("../rest.js").SermoRest} [options.rest] the client's own is the default
 * @param {number} [options.recountMs] how long counts may be unsure at least before the server is asked: 150
 * @returns {Store}
 */
export function createStore({ client, rest = client.rest, recountMs = RECOUNT_MS }) {
  return new Store(client, rest, recountMs);
}

export class Store extends State {
  /**
   * @param {SermoClient} client
   * @param {import("../rest.js").SermoRest} rest
   * @param {number} recountMs
   */
  constructor(client, rest, recountMs) {
    super(rest);
    this.#recountMs = recountMs;
    this.#client = client;
    this.#rest = rest;
    client.snapshotWith(() => this.#resync());
    this.#endings = [
      client.on("event", (frame) => this.#event(frame)),
      client.on("position", (position) => this.loading.moved(position)),
      client.on("signal", (frame) => this.#signal(frame)),
      client.on("connected", () => this.people.forgetStatuses()),
      client.on("state", () => this.views.touch("connection")),
      client.on("outbox", (handle) => this.#sending(handle)),
    ];
  }

  #client;
  #rest;
  #endings;
  #recountMs;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #recounting;
  #isStopped = false;
  #pruneAt = 1_000;

  /**
   * Load the snapshot and connect from it. Resolves when the snapshot is there; a server that cannot be reached is tried again and again.
   *
   * @returns {Promise<void>}
   */
  async start() {
    for (let failures = 0; ; ) {
      try {
        const cursor = await this.#loadAll();
        void this.#client.connect({ from: cursor }).catch(() => undefined); // `connection()` says why
        return;
      } catch (error) {
        if (!(error instanceof SermoError) || !error.isLater || this.#isStopped) throw error;
        await new Promise((resolve) => setTimeout(resolve, error.retryAfterMs ?? backoffMs(++failures, Math.random)));
      }
    }
  }

  /** Close the client, and listen no more. */
  stop() {
    this.#isStopped = true;
    clearTimeout(this.#recounting);
    this.people.stop();
    this.#client.close();
    for (const end of this.#endings) end();
  }

  /** What the connection is doing. @returns {import("../connection.js").State} */
  connection() {
    return this.#client.state;
  }

  /** Up to which position everything is applied. */
  get position() {
    return this.loading.position;
  }

  /** Resolves when nothing is being loaded and no count is unsure. */
  async settled() {
    while (this.#recounting !== undefined || !this.loading.isIdle) {
      await this.loading.idle();
      if (this.#recounting !== undefined) await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  // Loading

  /**
   * Open a channel: its newest messages, or those around the first unread one.
   *
   * @param {string} channelId
   * @param {{ at?: "newest" | "unread" }} [options]
   */
  open(channelId, { at = "newest" } = {}) {
    const channel = this.mine.get(channelId);
    if (at === "unread" && channel !== undefined && channel.unread_count > 0) return this.jumpTo(channelId, channel.read_seq + 1);
    return this.timelines.load({ kind: "channel", id: channelId }, "newest");
  }

  /** @param {string} channelId */
  loadOlder(channelId) {
    return this.timelines.load({ kind: "channel", id: channelId }, "older");
  }

  /** @param {string} channelId */
  loadNewer(channelId) {
    return this.timelines.load({ kind: "channel", id: channelId }, "newer");
  }

  /**
   * Show what lies around a seq.
   *
   * @param {string} channelId
   * @param {number} seq
   */
  jumpTo(channelId, seq) {
    return this.timelines.load({ kind: "channel", id: channelId }, "around", seq);
  }

  /**
   * Open a thread: its root, and its newest replies.
   *
   * @param {string} rootId
   */
  async openThread(rootId) {
    await Promise.all([this.timelines.load({ kind: "thread", id: rootId }, "newest"), this.#loadRoot(rootId)]);
  }

  /** @param {string} rootId */
  loadOlderReplies(rootId) {
    return this.timelines.load({ kind: "thread", id: rootId }, "older");
  }

  /** @param {string} rootId */
  loadNewerReplies(rootId) {
    return this.timelines.load({ kind: "thread", id: rootId }, "newer");
  }

  /**
   * Forget what is loaded of a channel or a thread.
   *
   * @param {string} id of the channel or the root
   */
  release(id) {
    this.timelines.close(id);
    this.views.touch(`timeline:${id}`);
    this.#prune();
  }

  // Doing

  /**
   * Send a message; it is shown at once.
   *
   * @param {string} channelId
   * @param {string} content
   * @param {import("../outbox.js").SendOptions} [options]
   * @returns {SendHandle}
   */
  send(channelId, content, options) {
    return this.#client.send(channelId, content, options);
  }

  /**
   * Edit a message; shown at once, taken back when it is refused.
   *
   * @param {string} messageId
   * @param {string} content
   */
  edit(messageId, content) {
    const change = (/** @type {import("./messages.js").Message} */ message) => ({ ...message, content });
    return this.optimism.try(messageId, change, () => this.#client.edit(messageId, content));
  }

  /**
   * Delete a message; shown at once, taken back when it is refused.
   *
   * @param {string} messageId
   */
  remove(messageId) {
    return this.optimism.try(messageId, asDeleted, () => this.#client.remove(messageId));
  }

  /**
   * React; shown at once, taken back when it is refused.
   *
   * @param {string} messageId
   * @param {string} emoji
   */
  react(messageId, emoji) {
    return this.optimism.try(
      messageId,
      (message) => reacted(message, emoji, this.userId ?? ""),
      () => this.#client.react(messageId, emoji),
    );
  }

  /**
   * @param {string} messageId
   * @param {string} emoji
   */
  unreact(messageId, emoji) {
    return this.optimism.try(
      messageId,
      (message) => unreacted(message, emoji, this.userId ?? ""),
      () => this.#client.unreact(messageId, emoji),
    );
  }

  /**
   * @param {import("../client.js").Target} target
   * @param {number} seq
   */
  markRead(target, seq) {
    return this.#client.markRead(target, seq);
  }

  /**
   * @param {import("../client.js").Target} target
   * @param {number} seq
   */
  markUnread(target, seq) {
    return this.#client.markUnread(target, seq);
  }

  // What comes

  /** @param {import("../frames.js").EventFrame} frame */
  #event(frame) {
    if (this.apply(frame)) this.#recountSoon();
    if (frame.type === "member_joined" && frame.data.user_id === this.userId) {
      // Looked at before the join, a channel told nothing of what was posted since.
      void this.timelines.reloadOne(frame.channel_id).catch(() => undefined);
    }
    if (this.records.unsure.size + this.records.strangers.size > 0) void this.#loadUnsureRoots();
    if (this.records.size > this.#pruneAt) this.#prune();
  }

  /** @param {import("../frames.js").UserStatusFrame | import("../frames.js").TypingSignalFrame} frame */
  #signal(frame) {
    if (frame.type === "user_status") this.people.setStatus(frame.data.user_id, frame.data.status);
    else if (frame.data.user_id !== this.userId) {
      this.people.types(frame.data.parent_id ?? frame.data.channel_id, frame.data.user_id);
    }
  }

  /** @param {SendHandle} handle */
  #sending(handle) {
    const isDiscarded = handle.state === "failed" && !this.#client.outbox.includes(handle);
    if (isDiscarded || this.records.get(handle.messageId) !== undefined) this.optimism.sent(handle.messageId);
    else if (handle.position === null || handle.position > this.loading.position) this.optimism.sending(handle);
    else this.optimism.sent(handle.messageId);
    this.touchSending(handle);
  }

  // The snapshot

  /** @returns {Promise<Cursor>} */
  async #loadAll() {
    if (this.userId === null) {
      const me = await this.#rest.me();
      this.userId = this.facts.me = me.user_id;
      this.people.take([me]);
    }
    const snapshot = await this.#rest.myChannels();
    this.loading.restart(snapshot.position);
    this.mine.age();
    this.records.age();
    this.facts.clear();
    this.optimism.applied(snapshot.position);
    this.#takeChannels(snapshot);
    await Promise.all([this.#loadThreads(), this.#loadUsers()]);
    return { position: snapshot.position, epoch: snapshot.epoch };
  }

  /** @returns {Promise<Cursor>} */
  async #resync() {
    const cursor = await this.#loadAll();
    this.views.touchAll();
    void this.timelines.reload().then(() => this.#prune(), () => undefined);
    for (const id of this.timelines.roots) void this.#loadRoot(id).catch(() => undefined);
    return cursor;
  }

  /** @param {import("../bodies.js").MyChannels} snapshot */
  #takeChannels({ channels, position }) {
    for (const gone of this.mine.take(channels, position)) this.release(gone);
    this.learn({ messages: channels.flatMap(({ last_message }) => last_message ?? []), position }, []);
    this.views.touch("channels", "unread", ...channels.map(({ channel_id }) => `channel:${channel_id}`));
  }

  async #loadThreads() {
    await this.loading.load(
      async (minPosition) => {
        const pages = [await this.#rest.threads({ limit: PAGE, minPosition })];
        for (let cursor = pages[0]?.next_cursor; cursor && pages.length < THREAD_PAGES; cursor = pages[pages.length - 1]?.next_cursor) {
          pages.push(await this.#rest.threads({ limit: PAGE, cursor, minPosition }));
        }
        return { pages, position: Math.min(...pages.map((page) => page.position)) };
      },
      ({ pages }, later) => {
        this.followed.take(pages);
        for (const page of pages) {
          this.learn({ messages: page.threads.map((thread) => thread.message), position: page.position }, later);
        }
        if (later.filter((frame) => this.followed.apply(frame) === "unsure").length > 0) this.#recountSoon();
        this.touchThreads();
      },
    );
  }

  async #loadUsers() {
    let cursor = null;
    for (let pages = 0; pages < USER_PAGES; pages += 1) {
      const page = await this.#rest.users({ limit: PAGE, cursor });
      this.people.take(page.users);
      cursor = page.next_cursor;
      if (cursor === null) return;
    }
  }

  /** Ask the server for counts that could not be counted here. */
  #recountSoon() {
    if (this.#recounting !== undefined || this.#isStopped) return;
    this.#recounting = setTimeout(() => void this.#recount(), this.#recountMs * (1 + 4 * Math.random()));
  }

  async #recount() {
    try {
      await this.loading.load(
        (minPosition) => this.#rest.myChannels({ minPosition }),
        (snapshot, later) => {
          this.#recounting = undefined; // from here on an event may make them unsure again
          this.#takeChannels(snapshot);
          if (later.filter((frame) => this.mine.apply(frame) === "unsure").length > 0) this.#recountSoon();
        },
      );
      await this.#loadThreads();
    } catch {
      this.#recounting = undefined;
      if (this.#client.state.name !== "closed") this.#recountSoon();
    } finally {
      this.#prune();
    }
  }

  /**
   * A root as it is now. By the page, since only that says at which position it is true.
   *
   * @param {string} rootId
   */
  async #loadRoot(rootId) {
    const { channel_id, seq } = this.records.get(rootId) ?? (await this.#rest.message(rootId));
    await this.loading.load(
      (minPosition) => this.#rest.messages(channel_id, { before: seq + 1, limit: 1, minPosition }),
      (page, later) => {
        this.records.distrust(rootId);
        this.learn(page, later);
      },
    );
    this.views.touch(`timeline:${rootId}`);
  }

  /** Load the roots anew whose replies could not be counted. */
  async #loadUnsureRoots() {
    const roots = new Set(this.records.unsure);
    const strangers = [...this.records.strangers];
    this.records.unsure.clear();
    this.records.strangers.clear();
    const end = this.loading.begin();
    try {
      const found = await Promise.all(strangers.map((id) => this.#rest.message(id).catch(() => null)));
      for (const message of found) if (message?.parent_id) roots.add(message.parent_id);
      const held = [...roots].filter((rootId) => this.records.get(rootId) !== undefined);
      await Promise.all(held.map((rootId) => this.#loadRoot(rootId).catch(() => undefined)));
    } finally {
      end();
    }
  }

  /** Forget messages that nothing shows. */
  #prune() {
    const wanted = new Set([...this.timelines.ids, ...this.timelines.roots]);
    for (const channel of this.mine.all) if (channel.last_message_id !== null) wanted.add(channel.last_message_id);
    for (const thread of this.followed.all) wanted.add(thread.root_id);
    this.records.keep(wanted);
    this.#pruneAt = 2 * this.records.size + 1_000;
  }
}
