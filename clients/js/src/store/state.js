/**
 * What the store knows, how an event changes it, and the selectors over it. What it loads and what it does is in `index.js`.
 *
 * @module
 */

import { Channels } from "./channels.js";
import { Facts } from "./facts.js";
import { Loading } from "./loading.js";
import { deleted } from "./messages.js";
import { Optimism } from "./optimism.js";
import { People } from "./people.js";
import { Records } from "./records.js";
import { Threads } from "./threads.js";
import { Timelines } from "./timelines.js";
import { Views } from "./views.js";

/**
 * @typedef {import("../frames.js").EventFrame} EventFrame
 * @typedef {import("../bodies.js").MyChannel} MyChannel
 * @typedef {import("../bodies.js").User} User
 * @typedef {import("../outbox.js").SendHandle} SendHandle
 * @typedef {import("./messages.js").Message} Message
 *
 * @typedef {Omit<Message, "seq"> & { seq: number | null, sending: SendHandle | null, isChanging: boolean }} ViewMessage
 *   A message as it is shown. `seq` is null while it is on its way; `sending` is its handle then. `isChanging`: a change of it is
 *   on its way, and shown already
 *
 * @typedef {object} Timeline
 * @property {ViewMessage[]} messages in order, without a hole; those on their way last
 * @property {boolean} isLoaded
 * @property {boolean} hasMoreBefore
 * @property {boolean} hasMoreAfter
 * @property {import("./window.js").Direction | null} loading
 *
 * @typedef {Timeline & { root: ViewMessage | null, isFollowed: boolean | null, unread_count: number, read_seq: number | null }} ThreadView
 *
 * @typedef {object} ThreadItem a thread that I follow
 * @property {ViewMessage | null} root null until it is loaded
 * @property {string} root_id
 * @property {string} channel_id
 * @property {number} unread_count
 * @property {boolean} unread_capped
 * @property {number} mention_count
 * @property {number} read_seq
 *
 * @typedef {object} UnreadTotals as `GET /v1/me/unread` says it, and what a badge shows
 * @property {number} unread_count
 * @property {boolean} unread_capped
 * @property {number} mention_count
 * @property {boolean} mention_capped
 * @property {{ thread_count: number, unread_count: number, unread_capped: boolean }} threads
 * @property {number} badge by the level of each channel: all counts its messages, mentions its mentions, muted nothing
 */

const NOTHING = Object.freeze({
  messages: [],
  isLoaded: false,
  hasMoreBefore: false,
  hasMoreAfter: false,
  loading: null,
});

export class State {
  /** @param {import("../rest.js").SermoRest} rest */
  constructor(rest) {
    this.people = new People(rest, (...keys) => this.views.touch(...keys));
    this.timelines = new Timelines({
      rest,
      loading: this.loading,
      learn: (page, later) => this.learn(page, later),
      touch: (place) => this.views.touch(`timeline:${place.id}`),
    });
  }

  /** @protected */
  views = new Views();
  /** @protected */
  loading = new Loading();
  /** @protected */
  facts = new Facts();
  /** @protected */
  followed = new Threads(this.facts);
  /** @protected */
  mine = new Channels(this.facts, this.followed);
  /** @protected */
  records = new Records();
  /** @protected */
  optimism = new Optimism((messageId) => this.touchMessage(messageId));
  /** @protected @type {People} */
  people;
  /** @protected @type {Timelines} */
  timelines;
  /** Who I am, after `start`. @type {string | null} */
  userId = null;

  // Selectors

  /** My channels, by name. @returns {MyChannel[]} */
  channels() {
    return this.views.value("channels", () =>
      this.mine.all
        .map((fields) => /** @type {MyChannel} */ (this.channel(fields.channel_id)))
        .sort((one, other) => one.name.localeCompare(other.name) || (one.channel_id < other.channel_id ? -1 : 1)),
    );
  }

  /**
   * One of my channels, as `GET /v1/me/channels` says it.
   *
   * @param {string} channelId
   * @returns {MyChannel | null}
   */
  channel(channelId) {
    return this.views.value(`channel:${channelId}`, () => {
      const fields = this.mine.get(channelId);
      if (fields === undefined) return null;
      const { last_message_id, ...rest } = fields;
      return { ...rest, last_message: last_message_id === null ? null : (this.records.get(last_message_id) ?? null) };
    });
  }

  /**
   * What is loaded of a channel.
   *
   * @param {string} channelId
   * @returns {Timeline}
   */
  timeline(channelId) {
    return this.views.value(`timeline:${channelId}`, () =>
      this.#timeline(channelId, ({ entry }) => entry.channel_id === channelId && (!entry.parent_id || !!entry.also_to_channel)),
    );
  }

  /**
   * What is loaded of a thread.
   *
   * @param {string} rootId
   * @returns {ThreadView}
   */
  thread(rootId) {
    return this.views.value(`timeline:${rootId}`, () => {
      const followed = this.followed.get(rootId);
      return {
        ...this.#timeline(rootId, ({ entry }) => entry.parent_id === rootId),
        root: this.message(rootId),
        isFollowed: this.followed.follows(rootId),
        unread_count: followed?.unread_count ?? 0,
        read_seq: followed?.read_seq ?? null,
      };
    });
  }

  /** The threads that I follow, newest activity first. @returns {ThreadItem[]} */
  threads() {
    return this.views.value("threads", () =>
      this.followed.all.map(({ asOf, ...thread }) => ({ ...thread, root: this.message(thread.root_id) })),
    );
  }

  /**
   * A message that is loaded.
   *
   * @param {string} messageId
   * @returns {ViewMessage | null}
   */
  message(messageId) {
    return this.views.value(`message:${messageId}`, () => {
      const message = this.records.get(messageId);
      if (message === undefined) return null;
      return { ...this.optimism.over(message), sending: null, isChanging: this.optimism.isChanging(messageId) };
    });
  }

  /** @returns {UnreadTotals} */
  unread() {
    return this.views.value("unread", () => {
      const counts = { unread_count: 0, unread_capped: false, mention_count: 0, mention_capped: false };
      const totals = { ...counts, badge: 0, threads: this.followed.totals };
      for (const { unread_count, unread_capped, mention_count, mention_capped, level } of this.mine.all) {
        totals.unread_count += unread_count;
        totals.unread_capped ||= unread_capped;
        totals.mention_count += mention_count;
        totals.mention_capped ||= mention_capped;
        totals.badge += level === "all" ? unread_count : level === "mentions" ? mention_count : 0;
      }
      return totals;
    });
  }

  /**
   * @param {string} userId
   * @returns {"online" | "away" | "busy" | "offline"}
   */
  presence(userId) {
    return this.people.status(userId);
  }

  /**
   * Who types there, myself excluded.
   *
   * @param {string} channelId
   * @param {string} [rootId] in this thread
   * @returns {string[]} user ids
   */
  typing(channelId, rootId) {
    const place = rootId ?? channelId;
    return this.views.value(`typing:${place}`, () => this.people.typing(place));
  }

  /** Everybody who is known so far. @returns {Map<string, User>} */
  users() {
    return this.people.users;
  }

  /**
   * A person. One who is not known yet is null, and is asked for.
   *
   * @param {string} userId
   * @returns {User | null}
   */
  user(userId) {
    return this.views.value(`user:${userId}`, () => this.people.user(userId));
  }

  /** Messages that are pending or failed, oldest first. @returns {{ handle: SendHandle, state: SendHandle["state"] }[]} */
  outbox() {
    return this.views.value("outbox", () => this.optimism.handles.map((handle) => ({ handle, state: handle.state })));
  }

  /**
   * Call the listener whenever the selected value is another one.
   *
   * @template T
   * @param {(store: this) => T} selector
   * @param {(value: T) => void} listener
   * @returns {() => void} ends it
   */
  subscribe(selector, listener) {
    return this.views.subscribe(() => selector(this), listener);
  }

  // Events

  /**
   * Apply an event.
   *
   * @protected
   * @param {EventFrame} frame
   * @returns {boolean} whether counts have become unsure
   */
  apply(frame) {
    const wasMine = "channel_id" in frame && this.mine.get(frame.channel_id) !== undefined;
    const counted = this.mine.apply(frame);
    const followed = this.followed.apply(frame);
    this.#changeMessages(frame);
    this.timelines.apply(frame);
    this.loading.applied(frame);
    if (frame.type === "user_updated") this.people.apply(frame);
    if (frame.type === "new_message" || frame.type === "new_reply") this.#arrived(frame);
    this.optimism.applied(frame.id);
    if ("channel_id" in frame) this.touchChannel(frame.channel_id);
    if (followed !== "same") this.touchThreads();
    if (frame.type === "thread_updated") this.views.touch(`timeline:${frame.data.parent_id}`);
    if ("channel_id" in frame && this.mine.get(frame.channel_id) === undefined && (wasMine || frame.type === "channel_deleted")) {
      this.#gone(frame.channel_id);
    }
    return counted === "unsure" || followed === "unsure";
  }

  /**
   * Learn from messages that were loaded, and from the events after them.
   *
   * @protected
   * @param {{ messages: import("../bodies.js").Message[], position: number }} page
   * @param {EventFrame[]} later
   */
  learn({ messages, position }, later) {
    for (const message of messages) {
      this.facts.put(message, position);
      this.records.put(message, position);
    }
    for (const frame of later) this.#changeMessages(frame);
    for (const { message_id } of messages) this.touchMessage(message_id);
  }

  /** @protected @param {string} channelId */
  touchChannel(channelId) {
    this.views.touch("channels", `channel:${channelId}`, "unread");
  }

  /** @protected */
  touchThreads() {
    this.views.touch("threads", "unread", ...this.timelines.roots.map((id) => `timeline:${id}`));
  }

  /** @protected @param {string} messageId */
  touchMessage(messageId) {
    this.views.touch(`message:${messageId}`);
    const message = this.records.get(messageId);
    if (message === undefined) return;
    const channel = this.mine.get(message.channel_id);
    if (channel?.last_message_id === messageId) this.touchChannel(message.channel_id);
    this.views.touch(`timeline:${message.channel_id}`, `timeline:${message.parent_id ?? messageId}`);
    if (this.followed.get(messageId) !== undefined) this.views.touch("threads");
  }

  /** @protected @param {SendHandle} handle */
  touchSending({ entry }) {
    this.views.touch("outbox", `timeline:${entry.channel_id}`);
    if (entry.parent_id !== undefined) this.views.touch(`timeline:${entry.parent_id}`);
  }

  /** @param {EventFrame} frame */
  #changeMessages(frame) {
    const changed = this.records.apply(frame);
    if (frame.type === "message_deleted") changed.push(...this.#replyDeleted(frame));
    this.facts.apply(frame);
    for (const messageId of changed) this.touchMessage(messageId);
  }

  /**
   * @param {import("../frames.js").MessageDeletedFrame} frame
   * @returns {string[]}
   */
  #replyDeleted({ id, channel_id, data }) {
    const fact = this.facts.get(data.message_id);
    if (fact === undefined) this.records.strangerDeleted(data.message_id, channel_id, id);
    return fact === undefined || fact.parent_id === null ? [] : this.records.replyDeleted(fact.parent_id, id, fact.created_at);
  }

  /** @param {import("./messages.js").PostedFrame} frame */
  #arrived({ channel_id, data }) {
    this.optimism.sent(data.message_id);
    this.people.stopped("parent_id" in data ? data.parent_id : channel_id, data.author_id);
    this.views.touch("outbox");
  }

  /** @param {string} channelId */
  #gone(channelId) {
    if (this.timelines.get(channelId) === undefined) return;
    this.timelines.close(channelId);
    this.views.touch(`timeline:${channelId}`);
  }

  /**
   * @param {string} id
   * @param {(handle: SendHandle) => boolean} belongs
   * @returns {Timeline}
   */
  #timeline(id, belongs) {
    const window = this.timelines.get(id);
    if (window === undefined) return NOTHING;
    const { isLoaded, hasMoreBefore, hasMoreAfter, loading } = window;
    const messages = window.places.flatMap((place) => this.message(place.id) ?? []);
    if (isLoaded && !hasMoreAfter) {
      for (const handle of this.optimism.handles) {
        if (belongs(handle) && this.records.get(handle.messageId) === undefined) messages.push(this.#onItsWay(handle));
      }
    }
    return { messages, isLoaded, hasMoreBefore, hasMoreAfter, loading };
  }

  /**
   * @param {SendHandle} handle
   * @returns {ViewMessage}
   */
  #onItsWay(handle) {
    const { message_id, channel_id, content, parent_id = null, also_to_channel = false, written_at } = handle.entry;
    return {
      message_id,
      channel_id,
      seq: null,
      author_id: this.userId ?? "",
      content,
      created_at: new Date(written_at).toISOString(),
      edited_at: null,
      deleted_at: null,
      parent_id,
      also_to_channel,
      mentions: [],
      mentions_channel: false,
      attachments: [],
      reactions: [],
      reply_count: 0,
      last_reply_at: null,
      pinned: false,
      redacted: false,
      sending: handle,
      isChanging: false,
    };
  }
}

/** What a deletion shows at once. @param {Message} message */
export const asDeleted = (message) => deleted(message, new Date().toISOString());
