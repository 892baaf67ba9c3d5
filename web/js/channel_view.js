/**
 * A channel: its head, its messages, and the composer.
 *
 * @module
 */

import { useEffect, useRef, useState } from "../vendor/hooks.js";
import { ChannelHead } from "./channel_head.js";
import { KindIcon, useChannelName } from "./channel_names.js";
import { Composer } from "./composer.js";
import { fullTime, counted } from "./format.js";
import { html } from "./html.js";
import { MessageRow } from "./message.js";
import { MessageList } from "./message_list.js";
import { attempt, engine, useCall, useStore } from "./model.js";
import { Name } from "./people.js";
import { go, route, to, visits } from "./route.js";
import { TypingLine } from "./typing_line.js";
import { keptUnread } from "./ui.js";

/** So many messages of a channel stay loaded when one leaves it. */
const KEPT = 500;

const Row = (props) => html`<${MessageRow} ...${props} place="channel" />`;

/** @param {{ channelId: string }} props */
export function ChannelView({ channelId }) {
  const mine = useStore((store) => store.channel(channelId), [channelId]);
  const { rest } = engine.value;
  const other = useCall(() => (mine === null ? rest.channel(channelId) : Promise.resolve(null)), [channelId, mine === null]);
  const channel = mine ?? other.value;
  if (channel === null) {
    return other.isLoading
      ? html`<div class="channel"></div>`
      : html`<section class="welcome"><h1>There is no such channel</h1><p>It was deleted, or it is not for you to see.</p><p><a class="button" href=${to.view("browse")}>Browse channels</a></p></section>`;
  }
  return html`<${Open} channel=${channel} isMember=${mine !== null} />`;
}

function Open({ channel, isMember }) {
  const { store } = engine.value;
  const { channel_id: id } = channel;
  const name = useChannelName(channel);
  const title = channel.kind === "direct" ? name : `#${name}`;
  const view = useStore((s) => s.timeline(id), [id]);
  const { target, newAfter, latest } = useOpening(channel, isMember);
  const shown = useRef(view);
  shown.current = view;

  const [isAtEnd, setAtEnd] = useState(false);
  const seen = (seq, isEnd) => {
    setAtEnd(isEnd);
    const now = store.channel(id);
    if (now === null || keptUnread.peek()?.id === id) return;
    if (now.unread_count === 0 && now.mention_count === 0) return;
    const upTo = isEnd ? Math.max(seq, now.head_seq) : seq;
    if (upTo > now.read_seq) store.markRead({ channelId: id }, upTo).catch(() => undefined);
  };

  return html`<section class="channel" aria-label=${title}>
    <${ChannelHead} channel=${channel} isMember=${isMember} name=${name} />
    ${isMember && html`<${UnreadBar} channel=${channel} isWanted=${newAfter !== null && !isAtEnd} />`}
    <${MessageList}
      view=${view}
      label=${`Messages in ${title}`}
      userId=${store.userId}
      newAfter=${newAfter}
      target=${target}
      loadOlder=${() => store.loadOlder(id)}
      loadNewer=${() => store.loadNewer(id)}
      toLatest=${latest}
      onSeen=${seen}
      intro=${html`<${Intro} channel=${channel} name=${name} />`}
      Row=${Row}
    />
    <${TypingLine} channelId=${id} />
    ${channel.archived_at
      ? html`<p class="instead">This channel is archived. It can be read, and nothing can be added.</p>`
      : isMember
        ? html`<${Composer} key=${id} channelId=${id} label=${`Message ${title}`} messages=${() => shown.current.messages} />`
        : html`<p class="instead">You are looking at ${title}. <button
          type="button"
          class="button primary small"
          onClick=${() => attempt(engine.peek().client.join(id))}
        >Join channel</button></p>`}
  </section>`;
}

/** Load what was gone to: a message, the first unread one, or the end. */
function useOpening(channel, isMember) {
  const { store } = engine.value;
  const { channel_id: id } = channel;
  const { seq } = route.value;
  const visit = visits.value;
  const [target, setTarget] = useState(null);
  const [newAfter, setNewAfter] = useState(() => (isMember && channel.unread_count > 0 ? channel.read_seq : null));
  const [kept, setKept] = useState(null);

  const turn = useRef(0);
  const open = async (at) => {
    const mine = ++turn.current;
    const known = store.timeline(id);
    if (at === null && (!known.isLoaded || known.hasMoreAfter)) await store.open(id);
    if (at !== null && !holds(known, at)) await store.jumpTo(id, at);
    if (mine !== turn.current) return; // gone elsewhere meanwhile
    setTarget({ seq: at, key: {}, isMarked: at !== null && at === route.peek().seq });
  };
  const opened = (at) => open(at).catch(() => setTimeout(() => setKept({}), 3_000)); // again, when it may be back
  useEffect(() => {
    const now = store.channel(id);
    const unread = now !== null && now.unread_count > 0 ? now.read_seq : null;
    if (seq === null) setNewAfter(unread);
    void opened(seq ?? (unread === null ? null : unread + 1));
  }, [id, seq, visit, kept, isMember]);
  useEffect(
    () =>
      store.subscribe(
        (s) => s.channel(id)?.unread_count ?? 0,
        (unread) => unread > 0 && !document.hasFocus() && setNewAfter((line) => Math.max(line ?? 0, store.channel(id).read_seq)),
      ),
    [id],
  );
  useEffect(() => () => {
    if (keptUnread.peek()?.id === id) keptUnread.value = null;
    const { hasMoreAfter, messages } = store.timeline(id);
    if (hasMoreAfter || messages.length > KEPT) store.release(id); // the end is where one begins the next time
  }, [id]);
  const marked = keptUnread.value;
  return {
    target,
    newAfter: marked?.id === id ? marked.after : newAfter,
    latest: () => void opened(null),
  };
}

function holds({ messages, isLoaded, hasMoreBefore, hasMoreAfter }, seq) {
  if (!isLoaded || messages.length === 0) return false;
  const seqs = messages.filter((message) => message.seq !== null);
  const first = seqs[0]?.seq ?? Infinity;
  const last = seqs[seqs.length - 1]?.seq ?? -1;
  return (first <= seq || !hasMoreBefore) && (last >= seq || !hasMoreAfter);
}

/** `isWanted`: there is something to be read elsewhere than in sight. */
function UnreadBar({ channel, isWanted }) {
  const { store } = engine.value;
  const isKept = keptUnread.value?.id === channel.channel_id;
  if (channel.unread_count === 0) return null;
  const read = () => {
    keptUnread.value = null;
    return attempt(store.markRead({ channelId: channel.channel_id }, channel.head_seq));
  };
  if (!isKept && !isWanted) return null;
  return html`<div class="unread-bar">
    <button
      type="button"
      class="link"
      onClick=${() => go(to.channel(channel.channel_id, { pane: route.peek().pane }))}
    >${counted(channel.unread_count, channel.unread_capped)} unread</button>
    <button type="button" class="link" onClick=${read}>Mark as read</button>
  </div>`;
}

function Intro({ channel, name }) {
  if (channel.kind === "direct") return html`<div class="intro"><h2>${name}</h2><p>This is the beginning of your conversation.</p></div>`;
  return html`<div class="intro">
    <span class="intro-icon"><${KindIcon} channel=${channel} size=${26} /></span>
    <h2>#${name}</h2>
    <p>${channel.topic || "This is the beginning of the channel."}</p>
    <p class="muted">Created ${fullTime(channel.created_at)} by <${Name} userId=${channel.created_by} /></p>
  </div>`;
}
