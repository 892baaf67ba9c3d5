/**
 * What the fake server does when it is asked: decides, and appends to its log. Refusals are `SermoError`s with the server's codes.
 *
 * Rights are only as far as bots and pages meet them: membership, and one's own messages.
 *
 * @module
 */

import { SermoError } from "../errors.js";
import { newId } from "../ids.js";
import { Model } from "./model.js";

/**
 * @typedef {import("./log.js").Log} Log
 * @typedef {import("./log.js").Entry} Entry
 * @typedef {{ id: number, seq: number | null, [name: string]: unknown }} Done
 */

export class Commands {
  /** @param {Log} log */
  constructor(log) {
    this.#log = log;
  }

  #log;
  /** @type {Model | null} */
  #model = null;

  /** What the log says now. */
  get model() {
    if (this.#model?.position !== this.#log.head) this.#model = new Model(this.#log.entries);
    return this.#model;
  }

  /**
   * Carry out a socket's command.
   *
   * @param {string} me
   * @param {string} type
   * @param {any} data
   * @returns {Record<string, unknown>} the answer's data
   */
  run(me, type, data) {
    switch (type) {
      case "message":
        return this.post(me, data);
      case "edit_message":
        return this.edit(me, data.message_id, data.content);
      case "delete_message":
        return this.remove(me, data.message_id);
      case "add_reaction":
        return this.react(me, data.message_id, data.emoji, true);
      case "remove_reaction":
        return this.react(me, data.message_id, data.emoji, false);
      case "join_channel":
        return this.join(me, data.channel_id);
      case "leave_channel":
        return this.leave(me, data.channel_id);
      case "mark_read":
        return this.mark(me, data, false);
      case "mark_unread":
        return this.mark(me, data, true);
      default:
        throw new SermoError("unknown_type", `There is no frame of type ${type}.`);
    }
  }

  // People and channels

  /** @param {string} username */
  register(username) {
    const user_id = newId();
    const data = { user_id, username, display_name: username };
    this.#log.append({ feed: "workspace", type: "user_updated", data });
    return user_id;
  }

  /**
   * @param {string} me
   * @param {{ display_name?: string, status_text?: string }} changes
   */
  updateUser(me, changes) {
    return done(this.#log.append({ feed: "workspace", type: "user_updated", data: { user_id: me, ...changes } }));
  }

  /**
   * @param {string} me
   * @param {{ kind?: "public" | "private" | "direct", name: string, topic?: string, channel_id?: string }} body
   */
  createChannel(me, { kind = "public", name, topic = "", channel_id = newId() }) {
    const data = { kind, name, topic, created_by: me, created_at: this.#log.now() };
    const feed = kind === "public" ? "workspace" : `channel:${channel_id}`;
    this.#log.append({ feed, type: "channel_created", channel_id, data });
    this.#append(channel_id, "member_joined", { user_id: me, role: "owner", kind, name, topic });
    return channel_id;
  }

  /**
   * @param {string} me
   * @param {string} channelId
   * @param {{ name?: string, topic?: string, archived_at?: string | null }} changes
   */
  updateChannel(me, channelId, changes) {
    const feed = this.#channel(channelId).kind === "public" ? "workspace" : `channel:${channelId}`;
    return done(this.#log.append({ feed, type: "channel_updated", channel_id: channelId, data: { by: me, ...changes } }));
  }

  /**
   * @param {string} me
   * @param {string} channelId
   */
  deleteChannel(me, channelId) {
    const feed = this.#channel(channelId).kind === "public" ? "workspace" : `channel:${channelId}`;
    return done(this.#log.append({ feed, type: "channel_deleted", channel_id: channelId, data: { by: me } }));
  }

  /**
   * @param {string} me
   * @param {string} channelId
   * @param {string} [by] who adds them
   */
  join(me, channelId, by) {
    const { kind, name, topic } = this.#channel(channelId);
    if (this.model.isMember(channelId, me)) return { channel_id: channelId, role: "member", id: this.#log.head, seq: null };
    const data = { user_id: me, role: "member", kind, name, topic, ...(by === undefined ? {} : { by }) };
    return { channel_id: channelId, role: "member", ...done(this.#append(channelId, "member_joined", data)) };
  }

  /**
   * @param {string} me
   * @param {string} channelId
   * @param {string} [by] who removes them
   */
  leave(me, channelId, by) {
    this.#member(me, channelId);
    const data = { user_id: me, ...(by === undefined ? {} : { by }) };
    return { channel_id: channelId, ...done(this.#append(channelId, "member_left", data)) };
  }

  /**
   * @param {string} me
   * @param {string} channelId
   * @param {"all" | "mentions" | "muted"} level
   */
  setLevel(me, channelId, level) {
    this.#member(me, channelId);
    return done(this.#log.append({ feed: "me", owner: me, type: "level_updated", channel_id: channelId, data: { level } }));
  }

  // Messages

  /**
   * @param {string} me
   * @param {any} body
   */
  post(me, { channel_id, message_id, content, parent_id = null, also_to_channel = false }) {
    const known = this.#log.entries.find((entry) => entry.data.message_id === message_id && entry.type.startsWith("new_"));
    if (known !== undefined) return this.#again(known, { channel_id, author_id: me, content });
    this.#member(me, channel_id);
    if (this.#channel(channel_id).archived_at !== null) throw new SermoError("archived", "The channel is archived.");
    if (content.trim() === "") throw new SermoError("content_empty", "There is nothing to read.", { field: "content" });
    if ([...content].length > 4_096) throw new SermoError("content_too_long", "At most 4,096 characters.", { field: "content" });
    const parent = parent_id === null ? null : this.#message(parent_id);
    if (parent !== null && parent.channel_id !== channel_id) throw notFound();
    const created_at = this.#log.now();
    const data = { message_id, author_id: me, content, created_at, also_to_channel: parent !== null && also_to_channel };
    const type = parent === null ? "new_message" : "new_reply";
    const root = parent === null ? {} : { parent_id: parent.parent_id ?? parent.message_id };
    return this.#sent(this.#append(channel_id, type, { ...data, ...this.#mentions(channel_id, content), ...root }));
  }

  /**
   * @param {string} me
   * @param {string} messageId
   * @param {string} content
   */
  edit(me, messageId, content) {
    const message = this.#message(messageId);
    if (message.author_id !== me) throw new SermoError("forbidden", "Only its author edits a message.");
    if (message.deleted_at !== null) throw notFound();
    if (message.content === content) return { id: this.#log.head, seq: null };
    const data = { message_id: messageId, content, edited_at: this.#log.now(), by: me };
    return done(this.#append(message.channel_id, "message_updated", { ...data, ...this.#mentions(message.channel_id, content) }));
  }

  /**
   * @param {string} me
   * @param {string} messageId
   */
  remove(me, messageId) {
    const message = this.#message(messageId);
    if (message.deleted_at !== null) return { id: this.#log.head, seq: null };
    const role = this.model.members.get(message.channel_id)?.get(me)?.role;
    if (message.author_id !== me && role === "member") throw new SermoError("forbidden", "It is another person's.");
    return done(this.#append(message.channel_id, "message_deleted", { message_id: messageId, by: me }));
  }

  /**
   * @param {string} me
   * @param {string} messageId
   * @param {boolean} isPinned
   */
  pin(me, messageId, isPinned) {
    const message = this.#message(messageId);
    if (message.pinned === isPinned) return { id: this.#log.head, seq: null };
    const type = isPinned ? "message_pinned" : "message_unpinned";
    return done(this.#append(message.channel_id, type, { message_id: messageId, by: me }));
  }

  /**
   * @param {string} me
   * @param {string} messageId
   * @param {string} emoji
   * @param {boolean} isAdded
   */
  react(me, messageId, emoji, isAdded) {
    const message = this.#message(messageId);
    this.#member(me, message.channel_id);
    if (message.deleted_at !== null) throw notFound();
    const has = message.reactions.some((one) => one.emoji === emoji && one.user_ids.includes(me));
    if (has === isAdded) return { id: this.#log.head, seq: null };
    const type = isAdded ? "reaction_added" : "reaction_removed";
    return done(this.#append(message.channel_id, type, { message_id: messageId, user_id: me, emoji }));
  }

  // Reading

  /**
   * @param {string} me
   * @param {{ seq: number, channel_id?: string, parent_id?: string }} target
   * @param {boolean} isUnread
   */
  mark(me, { seq, channel_id, parent_id }, isUnread) {
    const read_seq = isUnread ? seq - 1 : seq;
    const channelId = channel_id ?? this.#message(parent_id ?? "").channel_id;
    this.#member(me, channelId);
    if (seq > (this.model.heads.get(channelId) ?? 0)) throw new SermoError("invalid", "Beyond the head.", { field: "seq" });
    const own = { feed: "me", owner: me, channel_id: channelId };
    if (parent_id !== undefined) {
      const data = { parent_id, read_seq };
      return done(this.#log.append({ ...own, type: "thread_updated", data, more: { unread: isUnread } }));
    }
    const before = this.model.myChannel(channelId, me).read_seq;
    if (!isUnread && read_seq <= before) return { id: this.#log.head, seq: null };
    return done(this.#log.append({ ...own, type: "unread_count_updated", data: {}, more: { read_seq } }));
  }

  /**
   * @param {string} me
   * @param {string} rootId
   * @param {boolean} followed
   */
  follow(me, rootId, followed) {
    const { channel_id } = this.#message(rootId);
    const more = { from_seq: this.model.heads.get(channel_id) ?? 0 };
    const data = { parent_id: rootId, followed };
    return done(this.#log.append({ feed: "me", owner: me, channel_id, type: "thread_updated", data, more }));
  }

  // Parts of these

  /**
   * @param {string} channelId
   * @param {string} type
   * @param {any} data
   */
  #append(channelId, type, data) {
    return this.#log.append({ feed: `channel:${channelId}`, type, channel_id: channelId, data });
  }

  /** @param {Entry} entry */
  #sent({ id, seq, channel_id, data }) {
    return { message_id: data.message_id, channel_id, id, seq, created_at: data.created_at };
  }

  /**
   * @param {Entry} known
   * @param {{ channel_id: string, author_id: string, content: string }} body
   */
  #again(known, { channel_id, author_id, content }) {
    const same = known.channel_id === channel_id && known.data.author_id === author_id && known.data.content === content;
    if (!same) throw new SermoError("message_id_taken", "The id belongs to another message.");
    return this.#sent(known);
  }

  /** @param {string} channelId */
  #channel(channelId) {
    const channel = this.model.channels.get(channelId);
    if (channel === undefined) throw notFound();
    return channel;
  }

  /**
   * @param {string} me
   * @param {string} channelId
   */
  #member(me, channelId) {
    const { kind } = this.#channel(channelId);
    if (this.model.isMember(channelId, me)) return;
    throw kind === "public" ? new SermoError("not_a_member", "Join the channel first.") : notFound();
  }

  /** @param {string} messageId */
  #message(messageId) {
    const message = this.model.messages.get(messageId);
    if (message === undefined) throw notFound();
    return message;
  }

  /**
   * @param {string} channelId
   * @param {string} content
   */
  #mentions(channelId, content) {
    const names = new Set([...content.matchAll(/@([\w.-]+)/g)].map((found) => (found[1] ?? "").toLowerCase()));
    const mentions = [...this.model.users.values()].filter((user) => names.has(user.username.toLowerCase()));
    return { mentions: mentions.map((user) => user.user_id), mentions_channel: names.has("channel") };
  }
}

/**
 * @param {Entry} entry
 * @returns {Done}
 */
function done({ id, seq }) {
  return { id, seq };
}

function notFound() {
  return new SermoError("not_found", "There is none.", { status: 404 });
}
