/**
 * My channels with their counts (docs/unread.md), from a snapshot on.
 *
 * What an event does to the counts is counted where it is certain, and where it is not `apply` says so, and the store asks the
 * server. The counts have a position of their own: `unread_count_updated` tells them at the time of sending, which is after the event.
 *
 * @module
 */

import { posted } from "./messages.js";
import { LIST_CAP } from "./threads.js";

/**
 * @typedef {import("../bodies.js").MyChannel} MyChannel
 * @typedef {import("../frames.js").EventFrame} EventFrame
 * @typedef {import("./facts.js").Facts} Facts
 * @typedef {import("./threads.js").Threads} Threads
 *
 * @typedef {Omit<MyChannel, "last_message"> & { last_message_id: string | null }} Fields the last message is held apart
 * @typedef {{ fields: Fields, asOf: number, countsAsOf: number, markerAsOf: number }} Channel each part is true at its position
 */

export class Channels {
  /**
   * @param {Facts} facts
   * @param {Threads} threads
   */
  constructor(facts, threads) {
    this.#facts = facts;
    this.#threads = threads;
  }

  #facts;
  #threads;
  /** @type {Map<string, Channel>} */
  #channels = new Map();
  #asOf = 0;

  /** @returns {Fields[]} */
  get all() {
    return [...this.#channels.values()].map((channel) => channel.fields);
  }

  /** @param {string} channelId */
  get(channelId) {
    return this.#channels.get(channelId)?.fields;
  }

  /**
   * Take a snapshot.
   *
   * @param {MyChannel[]} channels
   * @param {number} asOf
   * @returns {string[]} the channels that are gone
   */
  take(channels, asOf) {
    const before = this.#channels;
    this.#asOf = asOf;
    this.#channels = new Map();
    for (const { last_message, ...rest } of channels) {
      const fields = { ...rest, last_message_id: last_message?.message_id ?? null };
      const known = before.get(rest.channel_id);
      if (known !== undefined && known.countsAsOf > asOf) {
        const { unread_count, unread_capped, mention_count, mention_capped } = known.fields;
        Object.assign(fields, { unread_count, unread_capped, mention_count, mention_capped });
      }
      if (known !== undefined && known.markerAsOf > asOf) fields.read_seq = known.fields.read_seq;
      const countsAsOf = Math.max(asOf, known?.countsAsOf ?? 0);
      const markerAsOf = Math.max(asOf, known?.markerAsOf ?? 0);
      this.#channels.set(rest.channel_id, { fields, asOf, countsAsOf, markerAsOf });
    }
    return [...before.keys()].filter((id) => !this.#channels.has(id));
  }

  /** Positions have lost their meaning: what is known is older than any snapshot. */
  age() {
    for (const channel of this.#channels.values()) channel.asOf = channel.countsAsOf = channel.markerAsOf = -1;
  }

  /**
   * Apply an event. It comes before the facts and the threads learn of it.
   *
   * @param {EventFrame} frame
   * @returns {"same" | "changed" | "unsure"}
   */
  apply(frame) {
    if (!("channel_id" in frame)) return "same";
    const channel = this.#channels.get(frame.channel_id);
    if (channel === undefined) return this.#unknown(frame);
    let outcome = this.#count(channel, frame);
    if (frame.id > channel.asOf) {
      const change = this.#change(channel, frame);
      if (change === "gone") {
        this.#channels.delete(frame.channel_id);
        return "changed";
      }
      if (frame.feed.startsWith("channel:")) channel.fields = { ...channel.fields, head_seq: frame.seq };
      if (change === "unsure" || outcome === "unsure") return "unsure";
      outcome = "changed";
    }
    return outcome;
  }

  /**
   * The last message of a channel, found in what is loaded after the one before was deleted.
   *
   * @param {string} channelId
   * @param {string} messageId
   */
  setLast(channelId, messageId) {
    const channel = this.#channels.get(channelId);
    if (channel !== undefined) channel.fields = { ...channel.fields, last_message_id: messageId };
  }

  /** @param {EventFrame} frame */
  #unknown(frame) {
    const mine = frame.type === "member_joined" && frame.data.user_id === this.#facts.me && frame.id > this.#asOf;
    return mine ? "unsure" : "same";
  }

  /**
   * @param {Channel} channel
   * @param {EventFrame} frame
   * @returns {"same" | "changed" | "unsure" | "gone"}
   */
  #change(channel, frame) {
    /** @param {Partial<Fields>} change */
    const set = (change) => {
      channel.fields = { ...channel.fields, ...change };
      return /** @type {const} */ ("changed");
    };
    const { fields } = channel;
    switch (frame.type) {
      case "new_message":
        return set({ last_message_id: frame.data.message_id });
      case "new_reply":
        return frame.data.also_to_channel ? set({ last_message_id: frame.data.message_id }) : "changed";
      case "message_deleted":
        return frame.data.message_id === fields.last_message_id ? "unsure" : "changed";
      case "channel_updated": {
        const { name = fields.name, topic = fields.topic, archived_at = fields.archived_at } = frame.data;
        return set({ name, topic, archived_at });
      }
      case "channel_deleted":
        return "gone";
      case "member_joined":
        return frame.data.user_id === this.#facts.me ? "unsure" : set({ member_count: fields.member_count + 1 });
      case "member_left":
        return frame.data.user_id === this.#facts.me ? "gone" : set({ member_count: fields.member_count - 1 });
      case "member_updated":
        return frame.data.user_id === this.#facts.me ? set({ role: frame.data.role }) : "changed";
      case "level_updated":
        return set({ level: frame.data.level });
      default:
        return "changed";
    }
  }

  // Counts

  /**
   * @param {Channel} channel
   * @param {EventFrame} frame
   * @returns {"same" | "changed" | "unsure"}
   */
  #count(channel, frame) {
    if (frame.type === "unread_count_updated") return this.#marked(channel, frame);
    if (frame.id <= channel.countsAsOf) return "same";
    switch (frame.type) {
      case "new_message":
      case "new_reply":
        return this.#came(channel, frame);
      case "message_updated":
        return this.#edited(channel, frame);
      case "message_deleted":
        return this.#deleted(channel, frame);
      case "thread_updated":
        return "unsure"; // mentions in the thread may be read now
      default:
        return "same";
    }
  }

  /**
   * The marker is the event's, the counts are of the time of sending: two marks that are sent together have the same counts.
   *
   * @param {Channel} channel
   * @param {import("../frames.js").UnreadCountUpdatedFrame} frame
   */
  #marked(channel, { id, data }) {
    if (id <= channel.markerAsOf) return "same";
    const { unread_count, unread_capped, mention_count, read_seq, as_of } = data;
    channel.markerAsOf = id;
    channel.fields = { ...channel.fields, read_seq };
    if (as_of < channel.countsAsOf) return "changed";
    channel.countsAsOf = as_of;
    channel.fields.unread_count = Math.min(unread_count, LIST_CAP);
    channel.fields.unread_capped = unread_capped || unread_count > LIST_CAP;
    channel.fields.mention_count = Math.min(mention_count, LIST_CAP);
    channel.fields.mention_capped = mention_count >= LIST_CAP;
    return "changed";
  }

  /**
   * @param {Channel} channel
   * @param {import("./messages.js").PostedFrame} frame
   */
  #came(channel, frame) {
    const message = posted(frame);
    const onPage = message.parent_id === null || message.also_to_channel;
    const byName = message.mentions.includes(this.#facts.me);
    if (message.author_id === this.#facts.me) {
      // A first reply of mine follows the thread, and mentions that came before it may count now.
      return message.parent_id !== null && this.#threads.follows(message.parent_id) !== true ? "unsure" : "same";
    }
    let mentions = 0;
    if (byName || message.mentions_channel) {
      const follows = message.parent_id === null ? false : this.#threads.follows(message.parent_id);
      if (onPage || follows === true) mentions = 1;
      else if (byName || follows === null) return "unsure";
    }
    return this.#add(channel, onPage ? 1 : 0, mentions);
  }

  /**
   * @param {Channel} channel
   * @param {import("../frames.js").MessageUpdatedFrame} frame
   */
  #edited(channel, { id, data }) {
    const me = this.#facts.me;
    if (data.by === me) return "same"; // only its author edits a message
    const mentionsMe = data.mentions_channel || data.mentions.includes(me);
    const fact = this.#facts.get(data.message_id);
    if (fact === undefined) return mentionsMe || channel.fields.mention_count > 0 ? "unsure" : "same";
    if (fact.parent_id !== null && data.mentions.includes(me) && this.#threads.follows(fact.parent_id) !== true) return "unsure";
    if (fact.asOf >= id) return "unsure";
    if (fact.is_deleted || fact.mentions_me === mentionsMe) return "same";
    const unread = this.#mentionIsUnread(channel, fact);
    if (unread === null) return "unsure";
    return unread ? this.#add(channel, 0, mentionsMe ? 1 : -1) : "same";
  }

  /**
   * @param {Channel} channel
   * @param {import("../frames.js").MessageDeletedFrame} frame
   */
  #deleted(channel, { id, data }) {
    const { unread_count, mention_count, read_seq } = channel.fields;
    const fact = this.#facts.get(data.message_id);
    if (fact === undefined || fact.asOf >= id) return unread_count > 0 || mention_count > 0 ? "unsure" : "same";
    if (fact.is_deleted || fact.author_id === this.#facts.me) return "same";
    const mention = fact.mentions_me ? this.#mentionIsUnread(channel, fact) : false;
    if (mention === null) return "unsure";
    return this.#add(channel, fact.on_page && fact.seq > read_seq ? -1 : 0, mention ? -1 : 0);
  }

  /**
   * Whether a mention in it lies past the marker that applies; null where that is not known.
   *
   * @param {Channel} channel
   * @param {import("./facts.js").Fact} fact
   * @returns {boolean | null}
   */
  #mentionIsUnread(channel, fact) {
    const follows = fact.parent_id === null ? false : this.#threads.follows(fact.parent_id);
    if (follows === null) return null;
    const thread = fact.parent_id === null ? undefined : this.#threads.get(fact.parent_id);
    if (thread !== undefined) return fact.seq > thread.read_seq;
    return fact.on_page && fact.seq > channel.fields.read_seq;
  }

  /**
   * @param {Channel} channel
   * @param {number} unread
   * @param {number} mentions
   */
  #add(channel, unread, mentions) {
    if (unread === 0 && mentions === 0) return "same";
    const { unread_count, unread_capped, mention_count } = channel.fields;
    // Of more than the cap it is not known how many there are.
    if ((unread < 0 && unread_capped) || (mentions < 0 && mention_count >= LIST_CAP)) return "unsure";
    channel.fields = {
      ...channel.fields,
      unread_count: Math.min(unread_count + unread, LIST_CAP),
      unread_capped: unread_capped || unread_count + unread > LIST_CAP,
      mention_count: Math.min(mention_count + mentions, LIST_CAP),
      mention_capped: mention_count + mentions >= LIST_CAP,
    };
    return "changed";
  }
}
