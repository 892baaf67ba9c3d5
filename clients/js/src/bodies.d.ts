// Made by tools/js_types.py from the server's OpenAPI document. Do not edit.

/** The process answers. */
export interface Alive {
  status?: string;
}

/** Somebody whom I block. */
export interface Block {
  user_id: string;
  blocked_at: string;
}

/** A page of people whom I block, by id. */
export interface Blocks {
  blocks: Block[];
  next_cursor: string | null;
}

/** A channel after a write. */
export interface ChangedChannel {
  channel_id: string;
  kind: ChannelKind;
  name: string;
  topic: string;
  created_by: string;
  created_at: string;
  member_count: number;
  archived_at?: string | null;
  position: number;
}

/** A message after a write. */
export interface ChangedMessage {
  message_id: string;
  channel_id: string;
  /** Its number in the channel's feed. */
  seq: number;
  author_id: string;
  content: string;
  created_at: string;
  edited_at?: string | null;
  deleted_at?: string | null;
  /** Of a reply: the root of its thread. */
  parent_id?: string | null;
  also_to_channel?: boolean;
  mentions?: string[];
  mentions_channel?: boolean;
  attachments?: MessageAttachment[];
  /** In the order of their first ones that stand. */
  reactions?: Reaction[];
  reply_count?: number;
  last_reply_at?: string | null;
  pinned?: boolean;
  redacted?: boolean;
  position: number;
}

/** A person after a change. */
export interface ChangedUser {
  user_id: string;
  username: string;
  display_name: string;
  status_text?: string;
  /** Of the whole server. */
  is_admin?: boolean;
  /** Since when the person is shut out. */
  deactivated_at?: string | null;
  position: number;
}

/** A channel. A direct one has no name; its people are its members. */
export interface Channel {
  channel_id: string;
  kind: ChannelKind;
  name: string;
  topic: string;
  created_by: string;
  created_at: string;
  member_count: number;
  archived_at?: string | null;
}

/** What to change; the rest stays. */
export interface ChannelChange {
  name?: string;
  topic?: string;
}

export type ChannelKind = "direct" | "private" | "public";

/** A page of channels, by name. */
export interface Channels {
  channels: Channel[];
  next_cursor: string | null;
}

/** Nothing to say. */
export interface Empty {
}

/** What happened in my feeds after a position. */
export interface EventsPage {
  /** Event frames as on the socket, in order. */
  frames: (Record<string, unknown>)[];
  /** Ask for what comes after it next; it moves on also over what is not mine. */
  position: number;
  epoch: string;
}

export interface Farewell {
  /** Mine, again: a token alone does not end an account. */
  password: string;
}

/** A report, as its author sees it. */
export interface FiledReport {
  report_id: string;
  message_id: string;
  /** Of the first time. */
  reason: string;
  reported_at: string;
  position: number;
}

/** A page of versions, oldest first; the present one is the last of all. */
export interface History {
  versions: Version[];
  next_cursor: string | null;
}

/** An invitation, as those see it who may revoke it. */
export interface Invitation {
  invitation_id: string;
  /** What the link carries. Whoever has it may join. */
  code: string;
  created_by: string;
  created_at: string;
  expires_at: string;
  max_uses: number | null;
  uses: number;
}

/** A page of living invitations, oldest first. */
export interface Invitations {
  invitations: Invitation[];
  next_cursor: string | null;
}

/** Who made an invitation. */
export interface Inviter {
  user_id: string;
  username: string;
  display_name: string;
}

/** The channel that one is in now. */
export interface JoinedChannel {
  position: number;
  channel_id: string;
}

/** What of a channel a person wants to be told; counts are the same at each level. */
export type Level = "all" | "mentions" | "muted";

export interface Login {
  username: string;
  password: string;
}

/** An invitation that was just made. */
export interface MadeInvitation {
  invitation_id: string;
  /** What the link carries. Whoever has it may join. */
  code: string;
  created_by: string;
  created_at: string;
  expires_at: string;
  max_uses: number | null;
  uses: number;
  position: number;
}

/** A person in a channel. */
export interface Member {
  user_id: string;
  role: Role;
  joined_at: string;
}

/** A page of members, by id. */
export interface Members {
  members: Member[];
  next_cursor: string | null;
}

/** A message. A deleted one keeps its place; its content is empty. */
export interface Message {
  message_id: string;
  channel_id: string;
  /** Its number in the channel's feed. */
  seq: number;
  author_id: string;
  content: string;
  created_at: string;
  edited_at?: string | null;
  deleted_at?: string | null;
  /** Of a reply: the root of its thread. */
  parent_id?: string | null;
  also_to_channel?: boolean;
  mentions?: string[];
  mentions_channel?: boolean;
  attachments?: MessageAttachment[];
  /** In the order of their first ones that stand. */
  reactions?: Reaction[];
  reply_count?: number;
  last_reply_at?: string | null;
  pinned?: boolean;
  redacted?: boolean;
}

/** A file of a message; `GET /v1/attachments/{attachment_id}` has its content. */
export interface MessageAttachment {
  attachment_id: string;
  name: string;
  /** As the uploader declared it. */
  media_type: string;
  /** Bytes. */
  size: number;
}

/** A channel that I am in. */
export interface MyChannel {
  channel_id: string;
  kind: ChannelKind;
  name: string;
  topic: string;
  created_by: string;
  created_at: string;
  member_count: number;
  archived_at?: string | null;
  role: Role;
  /** What I want to be told. A muted channel counts like any other. */
  level: Level;
  /** At most the cap; `unread_capped` says that there are more. */
  unread_count: number;
  unread_capped: boolean;
  /** At most the cap, threads that I follow included; `mention_capped` says that there may be more. */
  mention_count: number;
  mention_capped: boolean;
  read_seq: number;
  /** The last seq of the channel's feed. */
  head_seq: number;
  last_message: Message | null;
}

/** All my channels. */
export interface MyChannels {
  channels: MyChannel[];
  /** At which all of this is true: `connect` with it and `epoch` continues from here. */
  position: number;
  epoch: string;
}

export interface NewChannel {
  kind: ChannelKind;
  name: string;
  topic?: string | null;
  /** UUID version 7. With it a repeat finds the channel that was made. */
  channel_id?: string | null;
}

export interface NewContent {
  content: string;
}

export interface NewDirect {
  /** The others, 1 to 8. */
  user_ids: string[];
}

export interface NewInvitation {
  /** 1 to 2,592,000 seconds, which is 30 days; 7 days where it is left out. */
  expires_in_s?: number | null;
  /** How many people may join by it; any number where it is left out. */
  max_uses?: number | null;
}

export interface NewLevel {
  level: Level;
}

export interface NewMessage {
  /** UUID version 7, made by the client. A resend with the same id is never posted twice. */
  message_id: string;
  content: string;
  parent_id?: string | null;
  also_to_channel?: boolean | null;
  /** At most 10 files that I uploaded for this channel, which no message has. With them the content may be empty. */
  attachment_ids?: string[] | null;
}

export interface NewReport {
  /** 1 to 1,000 characters, for the admins. */
  reason: string;
}

export interface NewRole {
  role: Role;
}

/** Chosen numbers of the node that answers; counters are since it started. */
export interface NodeMetrics {
  /** By the node's clock. */
  at: string;
  /** The connections, commands, deliveries, resumes, refusals, and how far the views are; `process_start_time_seconds` tells one node from another, and from itself before a restart. */
  numbers: Number[];
}

/** One number of a metric. */
export interface Number {
  /** As in /metrics. */
  metric: string;
  labels: Record<string, unknown>;
  value: number;
}

/** Messages in seq order. */
export interface Page {
  messages: Message[];
  has_more_before: boolean;
  has_more_after: boolean;
  /** At which all of this was true. */
  position: number;
}

/** A page of pinned messages, newest pin first. */
export interface Pins {
  messages: Message[];
  next_cursor: string | null;
}

/** The answer of a write that has nothing else to say. */
export interface Position {
  position: number;
}

/** What an invitation leads to. */
export interface Preview {
  channel_id: string;
  kind: ChannelKind;
  name: string;
  topic: string;
  member_count: number;
  invited_by: Inviter;
  expires_at: string;
}

/** A problem document. */
export interface Problem {
  type: string;
  title: string;
  status: number;
  detail: string;
  /** Stable; what a program should look at. */
  code: "archived" | "attachment_id_taken" | "bad_frame" | "bad_request" | "channel_access_denied" | "channel_id_taken" | "conflict" | "content_empty" | "content_too_long" | "forbidden" | "invalid" | "invalid_credentials" | "invalid_id" | "key_reused" | "last_admin" | "last_owner" | "limit_reached" | "message_id_taken" | "name_taken" | "not_a_member" | "not_found" | "overloaded" | "rate_limited" | "resync_required" | "token_expired" | "too_large" | "unauthenticated" | "unavailable" | "unknown_type";
  /** The field, parameter or header that is wrong. */
  field?: string | null;
  retry_after_ms?: number | null;
  /** Of `resync_required`: epoch or ahead. */
  reason?: string | null;
}

/** What to change; the rest stays. */
export interface Profile {
  display_name?: string;
  status_text?: string;
}

/** One emoji on a message, and whose it is. */
export interface Reaction {
  emoji: string;
  count: number;
  /** The first 100, in order. */
  user_ids: string[];
}

/** Who has put one emoji on a message, in order. */
export interface Reactions {
  reactions: WhoReacted[];
  next_cursor: string | null;
}

export interface Read {
  /** The last one read. */
  seq: number;
}

/** Whether this node should get traffic, and why not. */
export interface Readiness {
  ready: boolean;
  /** The database answered within the last seconds. */
  database: boolean;
  /** How far the views are behind the log. */
  views_lag_s: number;
  /** How far this node has followed the log. */
  position: number;
  /** Events that the views could not apply, with those that wait behind them in their feeds; 1,000 stands for more. They do not make the node unready: the other feeds go on, every node has the same views, and reads of what is held say `Sermo-Stale`. Somebody has to look: docs/operations.md. */
  parked: number;
  /** Events between the log and the search, which may be behind without making the node unready. */
  search_lag_events: number;
}

export interface RefreshToken {
  refresh_token: string;
}

export interface Register {
  username: string;
  password: string;
  /** The user name, where it is left out. */
  display_name?: string | null;
}

/** A report, as admins see it. */
export interface Report {
  report_id: string;
  reason: string;
  reported_by: string;
  reported_at: string;
  resolved_by?: string | null;
  note?: string | null;
  resolved_at?: string | null;
  /** As it is now; null while the views lack it (then the answer is `Sermo-Stale`). */
  message: Message | null;
}

/** A page of reports, oldest first. */
export interface Reports {
  reports: Report[];
  next_cursor: string | null;
}

export interface Resolution {
  /** What was done, for the other admins: at most 1,000 characters. */
  note?: string | null;
}

/** A message that was found. */
export interface Result {
  message: Message;
  /** An excerpt of its text, in parts: those that match, and what is between them. */
  highlights: Segment[];
}

/** A page of what was found. */
export interface Results {
  results: Result[];
  next_cursor: string | null;
  /** At which it was true. */
  position: number;
}

export type Role = "admin" | "member" | "owner";

/** A part of an excerpt. */
export interface Segment {
  text: string;
  is_match: boolean;
}

/** A thread that I follow. */
export interface Thread {
  /** Its root. A deleted one keeps its place; its content is empty. */
  message: Message;
  /** Unread replies, at most 100; `unread_capped` says that there are more. */
  unread_count: number;
  unread_capped: boolean;
  mention_count: number;
  /** My marker: the later of my own and what the join or the start of following has set. */
  read_seq: number;
}

/** A page of the threads that I follow, newest activity first. */
export interface Threads {
  threads: Thread[];
  next_cursor: string | null;
  /** At which all of this page is true. */
  position: number;
}

export interface Ticket {
  /** Good for one socket, within 30 s. */
  ticket: string;
}

/** Who somebody is now. */
export interface Tokens {
  user: User;
  access_token: string;
  /** Works once, and for 30 s more with the same answer. */
  refresh_token: string;
  /** Seconds that the access token is good for. */
  expires_in: number;
  position: number;
}

/** What is unread in all my channels; each channel counts at most its cap. */
export interface Unread {
  unread_count: number;
  /** One of the channels has more. */
  unread_capped: boolean;
  mention_count: number;
  /** One of the channels may have more. */
  mention_capped: boolean;
  channels: UnreadChannel[];
  threads: UnreadThreads;
  position: number;
}

export interface UnreadAgain {
  /** The first one that is unread again. */
  seq: number;
}

/** What is unread in one channel. */
export interface UnreadChannel {
  channel_id: string;
  level: Level;
  unread_count: number;
  unread_capped: boolean;
  mention_count: number;
  mention_capped: boolean;
}

/** What is unread in the threads that I follow. */
export interface UnreadThreads {
  /** Threads with unread replies, at most 100. */
  thread_count: number;
  /** Their unread replies, at most 100. */
  unread_count: number;
  /** There may be more of both. */
  unread_capped: boolean;
}

/** A file that waits for its message. */
export interface UploadedAttachment {
  attachment_id: string;
  channel_id: string;
  name: string;
  /** As it was declared. */
  media_type: string;
  /** Bytes. */
  size: number;
  /** Of the content, in hexadecimal. */
  sha256: string;
  position: number;
}

/** A person, as everyone sees them. */
export interface User {
  user_id: string;
  username: string;
  display_name: string;
  status_text?: string;
  /** Of the whole server. */
  is_admin?: boolean;
  /** Since when the person is shut out. */
  deactivated_at?: string | null;
}

/** A page of people, by user name. */
export interface Users {
  users: User[];
  next_cursor: string | null;
}

/** What a message said, and since when. */
export interface Version {
  content: string;
  at: string;
  by: string;
}

/** One person's reaction. */
export interface WhoReacted {
  user_id: string;
  reacted_at: string;
}
