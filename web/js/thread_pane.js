/**
 * A thread: its root, the replies, and answering.
 *
 * @module
 */

import { useEffect, useMemo, useRef, useState } from "../vendor/hooks.js";
import { useChannel, useChannelName } from "./channel_names.js";
import { Composer } from "./composer.js";
import { plural } from "./format.js";
import { html } from "./html.js";
import { Icon } from "./icons.js";
import { MessageRow } from "./message.js";
import { MessageList } from "./message_list.js";
import { attempt, engine, useStore } from "./model.js";
import { PaneFrame } from "./pane_frame.js";
import { route, to, visits } from "./route.js";
import { TypingLine } from "./typing_line.js";
import { keptUnread } from "./ui.js";

const AGAIN_MS = 3_000;
/** So far back a reply is looked for. */
const PAGES_MAX = 20;

const Row = (props) => html`<${MessageRow} ...${props} place="thread" />`;

/** @param {{ id: string }} props the root's id */
export function ThreadPane({ id }) {
  const { store } = engine.value;
  const thread = useStore((s) => s.thread(id), [id]);
  const { root } = thread;
  const channel = useChannel(root?.channel_id ?? null);
  const isMember = channel?.role !== undefined;
  const name = useChannelName(channel);
  const { target, newAfter, problem } = useOpening(id);
  const shown = useRef(thread);
  shown.current = thread;

  const seen = (seq) => {
    const { unread_count, read_seq } = store.thread(id);
    if (keptUnread.peek()?.id === id || unread_count === 0 || (read_seq !== null && seq <= read_seq)) return;
    store.markRead({ parentId: id }, seq).catch(() => undefined);
  };
  const where = root === null ? null : html`<a href=${to.channel(root.channel_id, { seq: root.seq, pane: { kind: "thread", id } })}>in ${channel?.kind === "direct" ? "" : "#"}${name}</a>`;

  return html`<${PaneFrame}
    title="Thread"
    note=${where}
    action=${root !== null && isMember && html`<${Follow} thread=${thread} id=${id} />`}
  >
    ${problem !== null && html`<p class="empty" role="alert">${problem}</p>`}
    ${problem === null &&
    html`<${MessageList}
      view=${thread}
      label="Replies"
      userId=${store.userId}
      newAfter=${newAfter}
      target=${target}
      loadOlder=${() => store.loadOlderReplies(id)}
      loadNewer=${() => store.loadNewerReplies(id)}
      toLatest=${() => store.openThread(id).catch(() => undefined)}
      onSeen=${seen}
      intro=${root !== null && html`<${Root} root=${root} />`}
      Row=${Row}
    />`}
    ${root !== null && html`<${TypingLine} channelId=${root.channel_id} rootId=${id} />`}
    ${isMember && !channel.archived_at && html`<${Composer}
      key=${id}
      channelId=${channel.channel_id}
      rootId=${id}
      label="Reply"
      messages=${() => shown.current.messages}
    />`}
  <//>`;
}

/** The newest replies, and older ones up to this one. */
async function load(store, id, seq) {
  await store.openThread(id);
  for (let pages = 0; seq !== null && pages < PAGES_MAX; pages += 1) {
    const { messages, hasMoreBefore } = store.thread(id);
    if (!hasMoreBefore || (messages[0]?.seq ?? 0) <= seq) return;
    await store.loadOlderReplies(id);
  }
}

function useOpening(id) {
  const { store } = engine.value;
  const seq = route.value.pane?.seq ?? null;
  const visit = visits.value;
  const [target, setTarget] = useState(null);
  const [newAfter, setNewAfter] = useState(null);
  const [problem, setProblem] = useState(null);
  const [again, setAgain] = useState(0);
  useEffect(() => {
    let later = 0;
    const { unread_count, read_seq } = store.thread(id);
    const unreadAfter = unread_count > 0 ? read_seq : null;
    setNewAfter(unreadAfter);
    const at = seq ?? (unreadAfter === null ? null : unreadAfter + 1);
    load(store, id, at).then(
      () => (setProblem(null), setTarget({ seq: at, key: {}, isMarked: seq !== null })),
      (error) => {
        if (error.status === 404) setProblem("There is no such thread, or it is not for you to see.");
        else later = setTimeout(() => setAgain((n) => n + 1), AGAIN_MS);
      },
    );
    return () => clearTimeout(later);
  }, [id, seq, visit, again]);
  useEffect(() => () => {
    if (keptUnread.peek()?.id === id) keptUnread.value = null;
    store.release(id);
  }, [id]);
  const kept = keptUnread.value;
  return { target, newAfter: kept?.id === id ? kept.after : newAfter, problem };
}

function Root({ root }) {
  const row = useMemo(() => ({ key: root.message_id, message: root, beginsDay: false, isFirstNew: false, goesOn: false }), [root]);
  return html`<div class="thread-root">
    <${Row} row=${row} isTarget=${false} />
    <p class="reply-line" role="separator"><span>${plural(root.reply_count, "reply", "replies")}</span></p>
  </div>`;
}

function Follow({ thread, id }) {
  const { rest } = engine.peek();
  const follows = thread.isFollowed === true;
  const toggle = () => attempt(follows ? rest.unfollowThread(id) : rest.followThread(id));
  return html`<button
    type="button"
    class="button small"
    aria-pressed=${follows}
    title=${follows ? "You are told of new replies" : "Be told of new replies"}
    onClick=${toggle}
  >
    <${Icon} name=${follows ? "bell" : "bellOff"} size=${15} /> ${follows ? "Following" : "Follow"}
  </button>`;
}
