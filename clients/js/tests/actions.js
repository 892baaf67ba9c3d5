/** Random actions of people, as a history of them: what a person can do to a server, small enough to shrink. */

import fc from "fast-check";

import { newId } from "../src/index.js";

const who = fc.nat({ max: 2 });
const where = fc.nat({ max: 1 });
const which = fc.nat({ max: 30 });
const emoji = fc.constantFrom("👍", "🎉");
const words = fc.constantFrom("hello", "hi @me", "all of @channel", "@other", "plain", "@me and @channel");

/** One action. The numbers choose among what is there when it is carried out. */
export const action = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant("post"), who, where, words }) },
  { weight: 5, arbitrary: fc.record({ do: fc.constant("reply"), who, which, words, also: fc.boolean() }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("edit"), which, words }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("remove"), which }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("react"), who, which, emoji, on: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("pin"), who, which, on: fc.boolean() }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("read"), who, which }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("unread"), who, which }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("readThread"), who, which }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("unreadThread"), who, which }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("follow"), who, which, on: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("level"), who, where, level: fc.constantFrom("all", "mentions", "muted") }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("join"), who, where }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("leave"), who, where }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("rename"), where, words }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("person"), who, words }) },
);

/** What happens to the client meanwhile. */
export const mishap = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant("wait") }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("cut") }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("epoch") }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("duplicate") }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("open"), where }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("jump"), where, which }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("older"), where }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("newer"), where }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("thread"), which }) },
);

/**
 * Carry an action out on a fake server. What is refused changes nothing.
 *
 * @param {import("../src/testing/index.js").FakeServer} server
 * @param {{ people: string[], channels: string[] }} town
 */
export function carryOut(server, town, one) {
  const me = town.people[one.who ?? 0];
  const channel_id = town.channels[one.where ?? 0];
  const messages = [...server.model.messages.values()];
  const message = messages[(one.which ?? 0) % (messages.length || 1)];
  const root = message === undefined ? "" : (message.parent_id ?? message.message_id);
  const { commands } = server;
  const steps = {
    post: () => commands.post(me, { channel_id, message_id: newId(), content: one.words }),
    reply: () => {
      const { deleted_at, reply_count } = server.model.messages.get(root);
      if (deleted_at !== null && reply_count === 0) return; // who follows a thread that is in no list cannot be known
      const body = { channel_id: message.channel_id, message_id: newId(), content: one.words };
      return commands.post(me, { ...body, parent_id: message.message_id, also_to_channel: one.also });
    },
    edit: () => commands.edit(message.author_id, message.message_id, one.words),
    remove: () => commands.remove(message.author_id, message.message_id),
    react: () => commands.react(me, message.message_id, one.emoji, one.on),
    pin: () => server.model.isMember(message.channel_id, me) && commands.pin(me, message.message_id, one.on),
    read: () => commands.mark(me, { channel_id: message.channel_id, seq: message.seq }, false),
    unread: () => commands.mark(me, { channel_id: message.channel_id, seq: message.seq }, true),
    readThread: () => commands.mark(me, { parent_id: root, seq: message.seq }, false),
    unreadThread: () => commands.mark(me, { parent_id: root, seq: message.seq }, true),
    follow: () => server.model.isMember(message.channel_id, me) && commands.follow(me, root, one.on),
    level: () => commands.setLevel(me, channel_id, one.level),
    join: () => commands.join(me, channel_id),
    leave: () => commands.leave(me, channel_id),
    rename: () => commands.updateChannel(me, channel_id, { topic: one.words }),
    person: () => commands.updateUser(me, { status_text: one.words }),
  };
  try {
    steps[one.do]();
  } catch {
    // refused, or there is nothing to do it to
  }
  server.changed();
}
