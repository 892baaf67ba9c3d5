/**
 * The order of the channel list.
 *
 * @module
 */

/** @param {any[]} channels mine, by name */
export function sections(channels) {
  const living = channels.filter((channel) => !channel.archived_at);
  const latest = (channel) => channel.last_message?.created_at ?? channel.created_at;
  return {
    channels: living.filter((channel) => channel.kind !== "direct"),
    directs: living.filter((channel) => channel.kind === "direct").sort((a, b) => latest(b).localeCompare(latest(a))),
    archived: channels.filter((channel) => channel.archived_at),
  };
}

/** All in the order in which they are shown. @param {any[]} channels */
export function inOrder(channels) {
  const parts = sections(channels);
  return [...parts.channels, ...parts.directs];
}
