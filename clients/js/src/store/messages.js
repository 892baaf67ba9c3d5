/**
 * What each event does to a message that is loaded: pure functions from message to message.
 *
 * @module
 */

/**
 * @typedef {Required<import("../bodies.js").Message>} Message
 * @typedef {import("../frames.js").EventFrame} EventFrame
 * @typedef {import("../frames.js").NewMessageFrame | import("../frames.js").NewReplyFrame} PostedFrame
 */

/** A message names the first so many of those who reacted. */
const NAMED_MAX = 100;

/**
 * @param {import("../bodies.js").Message} message as REST answers it
 * @returns {Message}
 */
export function whole(message) {
  return {
    edited_at: null,
    deleted_at: null,
    parent_id: null,
    also_to_channel: false,
    mentions: [],
    mentions_channel: false,
    attachments: [],
    reactions: [],
    reply_count: 0,
    last_reply_at: null,
    pinned: false,
    redacted: false,
    ...message,
  };
}

/**
 * @param {PostedFrame} frame
 * @returns {Message}
 */
export function posted({ data, channel_id, seq }) {
  return whole({
    message_id: data.message_id,
    channel_id,
    seq,
    author_id: data.author_id,
    content: data.content,
    created_at: data.created_at,
    parent_id: "parent_id" in data ? data.parent_id : null,
    also_to_channel: data.also_to_channel,
    mentions: data.mentions,
    mentions_channel: data.mentions_channel,
    attachments: data.attachments ?? [],
  });
}

/**
 * The id of the message that an event is about.
 *
 * @param {EventFrame} frame
 * @returns {string | null}
 */
export function concerned(frame) {
  return "message_id" in frame.data && frame.type !== "new_message" && frame.type !== "new_reply"
    ? frame.data.message_id
    : null;
}

/**
 * The message after an event that is about it.
 *
 * @param {Message} message
 * @param {EventFrame} frame
 * @returns {Message}
 */
export function changed(message, frame) {
  switch (frame.type) {
    case "message_updated": {
      const { content, edited_at, mentions, mentions_channel } = frame.data;
      return { ...message, content, edited_at, mentions, mentions_channel };
    }
    case "message_deleted":
      return deleted(message, frame.at);
    case "message_pinned":
      return { ...message, pinned: true };
    case "message_unpinned":
      return { ...message, pinned: false };
    case "reaction_added":
      return reacted(message, frame.data.emoji, frame.data.user_id);
    case "reaction_removed":
      return unreacted(message, frame.data.emoji, frame.data.user_id);
    default:
      return message;
  }
}

/**
 * @param {Message} message
 * @param {string} at
 * @returns {Message}
 */
export function deleted(message, at) {
  const emptied = { content: "", mentions: [], mentions_channel: false, attachments: [], reactions: [], pinned: false };
  return { ...message, ...emptied, deleted_at: at };
}

/**
 * @param {Message} message
 * @param {string} emoji
 * @param {string} userId
 * @returns {Message}
 */
export function reacted(message, emoji, userId) {
  const reactions = message.reactions.map((one) => {
    if (one.emoji !== emoji || one.user_ids.includes(userId)) return one;
    const user_ids = one.user_ids.length < NAMED_MAX ? [...one.user_ids, userId] : one.user_ids;
    return { ...one, count: one.count + 1, user_ids };
  });
  if (!reactions.some((one) => one.emoji === emoji)) reactions.push({ emoji, count: 1, user_ids: [userId] });
  return { ...message, reactions };
}

/**
 * @param {Message} message
 * @param {string} emoji
 * @param {string} userId
 * @returns {Message}
 */
export function unreacted(message, emoji, userId) {
  const reactions = message.reactions.map((one) =>
    one.emoji === emoji ? { ...one, count: one.count - 1, user_ids: one.user_ids.filter((id) => id !== userId) } : one,
  );
  return { ...message, reactions: reactions.filter((one) => one.count > 0) };
}

/**
 * The root after a reply of its thread came.
 *
 * @param {Message} root
 * @param {string} at
 * @returns {Message}
 */
export function repliedTo(root, at) {
  const last = root.last_reply_at;
  return { ...root, reply_count: root.reply_count + 1, last_reply_at: last !== null && last > at ? last : at };
}
