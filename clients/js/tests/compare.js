/** What of two stores has to be the same. */

/** All that a snapshot says. */
export function stateOf(store) {
  const users = [...store.users().values()].sort((one, other) => (one.user_id < other.user_id ? -1 : 1));
  return { channels: store.channels().map(plain), unread: store.unread(), threads: store.threads().map(thread), users };
}

/** Without what a view adds, and what an event cannot say: the order among emoji, and the moment of a deletion by the server's clock. */
export function plain({ sending, isChanging, position, ...one }) {
  if (one.last_message) one = { ...one, last_message: plain(one.last_message) };
  if (one.reactions) one.reactions = Object.fromEntries(one.reactions.map((reaction) => [reaction.emoji, reaction.user_ids]));
  if (one.deleted_at) one.deleted_at = "deleted";
  return one;
}

function thread({ root, ...rest }) {
  return { ...rest, root: root && plain(root) };
}
