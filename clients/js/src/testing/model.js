/**
 * What the fake server's log says now, folded anew for every question and without any thought of speed: docs/unread.md in plain code.
 *
 * @module
 */

/**
 * @typedef {import("./log.js").Entry} Entry
 * @typedef {Required<import("../bodies.js").Message> & { position: number }} Message
 * @typedef {{ seq: number, position: number }} Mark
 */

export class Model {
  /** @param {readonly Entry[]} entries */
  constructor(entries) {
    for (const entry of entries) this.#take(entry);
    this.position = entries.length;
  }

  /** @type {Map<string, import("../bodies.js").User>} */
  users = new Map();
  /** @type {Map<string, any>} */
  channels = new Map();
  /** By channel, then person. @type {Map<string, Map<string, { role: string, joined_at: string }>>} */
  members = new Map();
  /** @type {Map<string, Message>} */
  messages = new Map();
  /** @type {Map<string, number>} */
  heads = new Map();
  /** By channel and person, or root and person. @type {Map<string, any>} */
  #markers = new Map();
  /** @type {Map<string, Mark>} */
  #threadsRead = new Map();
  /** @type {Map<string, { seq: number, unreadAt: number }>} */
  #threadMarks = new Map();
  /** @type {Map<string, Mark>} */
  #starts = new Map();
  /** @type {Set<string>} */
  #chosen = new Set();
  /** @type {Map<string, string>} */
  #levels = new Map();

  /**
   * @param {string} channelId
   * @param {string} userId
   */
  isMember(channelId, userId) {
    return this.members.get(channelId)?.has(userId) ?? false;
  }

  /** @param {string} userId */
  channelsOf(userId) {
    return [...this.members].flatMap(([channelId, people]) => (people.has(userId) ? [channelId] : []));
  }

  /**
   * What `GET /v1/me/channels` says of one.
   *
   * @param {string} channelId
   * @param {string} userId
   */
  myChannel(channelId, userId) {
    const counts = this.counts(channelId, userId);
    const last = [...this.page(channelId)].reverse().find((message) => message.deleted_at === null);
    return {
      ...this.channel(channelId),
      role: this.members.get(channelId)?.get(userId)?.role,
      level: this.#levels.get(key(channelId, userId)) ?? "all",
      ...capped(counts),
      read_seq: this.#markers.get(key(channelId, userId)) ?? 0,
      head_seq: this.heads.get(channelId) ?? 0,
      last_message: last === undefined ? null : shown(last),
    };
  }

  /** @param {string} channelId */
  channel(channelId) {
    return { ...this.channels.get(channelId), member_count: this.members.get(channelId)?.size ?? 0 };
  }

  /** @param {string} channelId */
  page(channelId) {
    const found = [...this.messages.values()].filter((one) => one.channel_id === channelId && onPage(one));
    return found.sort((one, other) => one.seq - other.seq);
  }

  /** @param {string} rootId */
  replies(rootId) {
    return [...this.messages.values()].filter((one) => one.parent_id === rootId).sort((one, other) => one.seq - other.seq);
  }

  /**
   * @param {string} channelId
   * @param {string} userId
   */
  counts(channelId, userId) {
    const marker = this.#markers.get(key(channelId, userId)) ?? 0;
    let unread_count = 0;
    let mention_count = 0;
    for (const message of this.#others(channelId, userId)) {
      if (onPage(message) && message.seq > marker) unread_count += 1;
      const thread = message.parent_id === null ? null : this.threadMarker(message.parent_id, userId);
      const applies = thread ?? (onPage(message) ? marker : null);
      if (applies !== null && message.seq > applies && mentions(message, userId)) mention_count += 1;
    }
    return { unread_count, mention_count };
  }

  /**
   * @param {string} rootId
   * @param {string} userId
   * @returns {number | null} null: not followed
   */
  threadMarker(rootId, userId) {
    const start = this.#starts.get(key(rootId, userId));
    const root = this.messages.get(rootId);
    if (start === undefined || root === undefined) return null;
    const own = this.#threadMarks.get(key(rootId, userId)) ?? { seq: 0, unreadAt: 0 };
    const read = this.#threadsRead.get(key(root.channel_id, userId)) ?? { seq: 0, position: 0 };
    const others = [start, read].filter((mark) => mark.position >= own.unreadAt);
    return Math.max(own.seq, ...others.map((mark) => mark.seq));
  }

  /**
   * The threads that somebody follows, newest activity first.
   *
   * @param {string} userId
   */
  threads(userId) {
    const found = [...this.messages.values()].flatMap((root) => {
      const marker = this.threadMarker(root.message_id, userId);
      if (marker === null || !this.isMember(root.channel_id, userId)) return [];
      if (root.deleted_at !== null && root.reply_count === 0) return [];
      const replies = this.replies(root.message_id);
      const unread = replies.filter((one) => one.seq > marker && one.author_id !== userId && one.deleted_at === null);
      const mention_count = unread.filter((one) => mentions(one, userId)).length;
      const place = Math.max(root.position, ...replies.map((one) => one.position));
      const { mention_capped, ...counts } = capped({ unread_count: unread.length, mention_count });
      return [{ place, thread: { message: shown(root), ...counts, read_seq: marker } }];
    });
    return found.sort((one, other) => other.place - one.place).map(({ thread }) => thread);
  }

  /**
   * @param {string} channelId
   * @param {string} userId
   */
  *#others(channelId, userId) {
    for (const message of this.messages.values()) {
      if (message.channel_id === channelId && message.author_id !== userId && message.deleted_at === null) yield message;
    }
  }

  /** @param {Entry} entry */
  #take({ id, type, seq, at, owner, channel_id, data, more, feed }) {
    const channelId = channel_id ?? "";
    if (feed.startsWith("channel:")) this.heads.set(channelId, seq);
    switch (type) {
      case "user_updated": {
        const known = this.users.get(data.user_id) ?? { display_name: data.username, status_text: "", is_admin: false, deactivated_at: null };
        this.users.set(data.user_id, /** @type {any} */ ({ ...known, ...data }));
        return;
      }
      case "channel_created":
        this.channels.set(channelId, { channel_id: channelId, archived_at: null, ...data });
        this.members.set(channelId, new Map());
        return;
      case "channel_updated": {
        const { by, ...changes } = data;
        this.channels.set(channelId, { ...this.channels.get(channelId), ...changes });
        return;
      }
      case "channel_deleted":
        this.members.set(channelId, new Map());
        return;
      case "member_joined":
        this.members.get(channelId)?.set(data.user_id, { role: data.role, joined_at: at });
        this.#markers.set(key(channelId, data.user_id), seq);
        this.#threadsRead.set(key(channelId, data.user_id), { seq, position: id });
        return;
      case "member_left":
        this.members.get(channelId)?.delete(data.user_id);
        return;
      case "member_updated":
        this.members.get(channelId)?.set(data.user_id, { role: data.role, joined_at: at });
        return;
      case "unread_count_updated":
        this.#markers.set(key(channelId, owner ?? ""), more["read_seq"]);
        return;
      case "thread_updated":
        return this.#thread(id, owner ?? "", data, more);
      case "level_updated":
        this.#levels.set(key(channelId, owner ?? ""), data.level);
        return;
      default:
        return this.#message({ id, type, seq, at, channelId, data });
    }
  }

  /**
   * @param {number} id
   * @param {string} userId
   * @param {any} data
   * @param {Record<string, any>} more
   */
  #thread(id, userId, { parent_id, followed, read_seq }, more) {
    const own = key(parent_id, userId);
    if (followed !== undefined) {
      this.#chosen.add(own);
      if (!followed) this.#starts.delete(own);
      else if (!this.#starts.has(own)) this.#starts.set(own, { seq: more["from_seq"], position: id });
      return;
    }
    const before = this.#threadMarks.get(own) ?? { seq: 0, unreadAt: 0 };
    if (more["unread"]) this.#threadMarks.set(own, { seq: read_seq, unreadAt: id });
    else this.#threadMarks.set(own, { seq: Math.max(before.seq, read_seq), unreadAt: before.unreadAt });
  }

  /** @param {{ id: number, type: string, seq: number, at: string, channelId: string, data: any }} entry */
  #message({ id, type, seq, at, channelId, data }) {
    if (type === "new_message" || type === "new_reply") {
      const { message_id, author_id, content, created_at, also_to_channel, mentions: named, mentions_channel } = data;
      const parent_id = data.parent_id ?? null;
      const made = { message_id, channel_id: channelId, seq, author_id, content, created_at, edited_at: null, deleted_at: null };
      const rest = { attachments: [], reactions: [], reply_count: 0, last_reply_at: null, pinned: false, redacted: false };
      const message = { ...made, parent_id, also_to_channel, mentions: named, mentions_channel, ...rest, position: id };
      this.messages.set(message_id, message);
      if (parent_id !== null) this.#replied(message, author_id, ...named);
      return;
    }
    const message = this.messages.get(data.message_id);
    if (message === undefined) return;
    switch (type) {
      case "message_updated":
        Object.assign(message, { content: data.content, edited_at: data.edited_at });
        Object.assign(message, { mentions: data.mentions, mentions_channel: data.mentions_channel });
        if (message.parent_id !== null) this.#follow(message, ...data.mentions);
        return;
      case "message_deleted":
        Object.assign(message, { content: "", deleted_at: at, mentions: [], mentions_channel: false, reactions: [], pinned: false });
        if (message.parent_id !== null) this.#recountReplies(message.parent_id);
        return;
      case "message_pinned":
      case "message_unpinned":
        message.pinned = type === "message_pinned";
        return;
      case "reaction_added":
      case "reaction_removed":
        message.reactions = reactions(message.reactions, data.emoji, data.user_id, type === "reaction_added");
    }
  }

  /**
   * @param {Message} reply
   * @param {string[]} people
   */
  #replied(reply, ...people) {
    this.#recountReplies(reply.parent_id ?? "");
    this.#follow(reply, ...people);
  }

  /**
   * @param {Message} reply
   * @param {string[]} people
   */
  #follow(reply, ...people) {
    for (const userId of people) {
      const own = key(reply.parent_id ?? "", userId);
      if (this.#chosen.has(own)) continue;
      const seq = Math.min(reply.seq - 1, this.#starts.get(own)?.seq ?? Infinity);
      this.#starts.set(own, { seq, position: 0 });
    }
  }

  /** @param {string} rootId */
  #recountReplies(rootId) {
    const left = this.replies(rootId).filter((one) => one.deleted_at === null);
    const root = this.messages.get(rootId);
    if (root === undefined) return;
    root.reply_count = left.length;
    root.last_reply_at = left.map((one) => one.created_at).sort().at(-1) ?? null;
  }
}

/**
 * The message as REST answers it.
 *
 * @param {Message} message
 */
export function shown({ position, ...message }) {
  return message;
}

/** @param {Message} message */
function onPage(message) {
  return message.parent_id === null || message.also_to_channel;
}

/**
 * @param {Message} message
 * @param {string} userId
 */
function mentions(message, userId) {
  return message.mentions_channel || message.mentions.includes(userId);
}

/**
 * @param {string} one
 * @param {string} other
 */
function key(one, other) {
  return `${one}|${other}`;
}

/** @param {{ unread_count: number, mention_count: number }} counts */
function capped({ unread_count, mention_count }) {
  return {
    unread_count: Math.min(unread_count, 100),
    unread_capped: unread_count > 100,
    mention_count: Math.min(mention_count, 100),
    mention_capped: mention_count >= 100,
  };
}

/**
 * @param {import("../bodies.js").Reaction[]} before
 * @param {string} emoji
 * @param {string} userId
 * @param {boolean} isAdded
 */
function reactions(before, emoji, userId, isAdded) {
  const others = before.find((one) => one.emoji === emoji)?.user_ids.filter((id) => id !== userId) ?? [];
  const user_ids = isAdded ? [...others, userId] : others;
  const now = { emoji, count: user_ids.length, user_ids };
  const known = before.some((one) => one.emoji === emoji);
  const all = known ? before.map((one) => (one.emoji === emoji ? now : one)) : [...before, now];
  return all.filter((one) => one.count > 0);
}
