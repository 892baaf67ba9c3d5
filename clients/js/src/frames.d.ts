// Made by tools/js_types.py from the server's AsyncAPI document. Do not edit.

/**
 * Opens the connection, within 10 s. Later: with `token` alone it renews the token; after `resync_required` it says
 * where to go on. Without `last_event_id` the connection starts live.
 */
export interface ConnectFrame {
  type: "connect";
  /** Comes back in the answer, or in the `error`. */
  ref?: string;
  data?: Connect;
}

/** Post a message. The same frame again, on any connection and at any time, gets the first answer. */
export interface MessageFrame {
  type: "message";
  /** Comes back in the answer, or in the `error`. */
  ref?: string;
  data: Message;
}

/** Change the content of one's own message. */
export interface EditMessageFrame {
  type: "edit_message";
  /** Comes back in the answer, or in the `error`. */
  ref?: string;
  data: EditMessage;
}

/** Delete a message; it keeps its place, empty. */
export interface DeleteMessageFrame {
  type: "delete_message";
  /** Comes back in the answer, or in the `error`. */
  ref?: string;
  data: DeleteMessage;
}

/** Put an emoji on a message. */
export interface AddReactionFrame {
  type: "add_reaction";
  /** Comes back in the answer, or in the `error`. */
  ref?: string;
  data: AddReaction;
}

/** Take back one's own emoji. */
export interface RemoveReactionFrame {
  type: "remove_reaction";
  /** Comes back in the answer, or in the `error`. */
  ref?: string;
  data: RemoveReaction;
}

/** Join a public channel. */
export interface JoinChannelFrame {
  type: "join_channel";
  /** Comes back in the answer, or in the `error`. */
  ref?: string;
  data: JoinChannel;
}

/** Leave a channel. */
export interface LeaveChannelFrame {
  type: "leave_channel";
  /** Comes back in the answer, or in the `error`. */
  ref?: string;
  data: LeaveChannel;
}

/** Move the read marker of a channel or of a thread forward: one of `channel_id` and `parent_id`. */
export interface MarkReadFrame {
  type: "mark_read";
  /** Comes back in the answer, or in the `error`. */
  ref?: string;
  data: MarkRead;
}

/** Set the read marker of a channel or of a thread before a message: one of `channel_id` and `parent_id`. */
export interface MarkUnreadFrame {
  type: "mark_unread";
  /** Comes back in the answer, or in the `error`. */
  ref?: string;
  data: MarkUnread;
}

/** The person types. Not answered; repeat it every few seconds while it goes on. */
export interface TypingFrame {
  type: "typing";
  /** Comes back in the answer, or in the `error`. */
  ref?: string;
  data: Typing;
}

/** The person's presence on this connection. Not answered. */
export interface StatusUpdateFrame {
  type: "status_update";
  /** Comes back in the answer, or in the `error`. */
  ref?: string;
  data: StatusUpdate;
}

/** An application's ping, for clients that cannot see protocol pings. */
export interface PingFrame {
  type: "ping";
  /** Comes back in the answer, or in the `error`. */
  ref?: string;
  data?: Ping;
}

/** The answer to `connect`: the first frame of every connection, and the answer to a renewed token. */
export interface ConnectedFrame {
  type: "connected";
  /** Of the frame that this answers, where it had one. */
  ref?: string;
  data: Connected;
}

/** The backlog is complete; live follows. */
export interface ResumedFrame {
  type: "resumed";
  /** Of the frame that this answers, where it had one. */
  ref?: string;
  data: Resumed;
}

/**
 * The connection cannot go on from there. Load `GET /v1/me/channels`, then `connect` with its `position` and `epoch` on
 * this connection, within 60 s.
 */
export interface ResyncRequiredFrame {
  type: "resync_required";
  /** Of the frame that this answers, where it had one. */
  ref?: string;
  data: ResyncRequired;
}

/** Catch-ups are admitted a few at a time, and this one waits for its turn. For information; nothing is to be done. */
export interface WaitingFrame {
  type: "waiting";
  /** Of the frame that this answers, where it had one. */
  ref?: string;
  data: Waiting;
}

/** Everything of yours up to `id` has been sent: a quiet client's position moves too. */
export interface HeartbeatFrame {
  type: "heartbeat";
  /** A position of the log. */
  id: number;
}

/** A frame was refused, and nothing was done. The connection stays open. */
export interface ErrorFrame {
  type: "error";
  /** Of the frame that this answers, where it had one. */
  ref?: string;
  data: Error;
}

/** The answer to `ping`. */
export interface PongFrame {
  type: "pong";
  /** Of the frame that this answers, where it had one. */
  ref?: string;
}

/** Several event frames at once, as when they came one after the other. */
export interface BatchFrame {
  type: "batch";
  data: Batch;
}

/** The answer to `message`: it is in the log, durably. */
export interface MessageSentFrame {
  type: "message_sent";
  /** Of the frame that this answers, where it had one. */
  ref?: string;
  data: MessageSent;
}

/** The answer to `edit_message`, `delete_message`, `add_reaction`, `remove_reaction`, `mark_read` and `mark_unread`. */
export interface DoneFrame {
  type: "done";
  /** Of the frame that this answers, where it had one. */
  ref?: string;
  data: Done;
}

/** The answer to `join_channel`. */
export interface ChannelJoinedFrame {
  type: "channel_joined";
  /** Of the frame that this answers, where it had one. */
  ref?: string;
  data: ChannelJoined;
}

/** The other answer to `join_channel`. */
export interface ChannelJoinErrorFrame {
  type: "channel_join_error";
  /** Of the frame that this answers, where it had one. */
  ref?: string;
  data: ChannelJoinError;
}

/** The answer to `leave_channel`. */
export interface ChannelLeftFrame {
  type: "channel_left";
  /** Of the frame that this answers, where it had one. */
  ref?: string;
  data: ChannelLeft;
}

/** A signal: the presence of somebody with whom you share a channel. */
export interface UserStatusFrame {
  type: "user_status";
  data: UserStatus;
}

/** A signal: somebody types. It is over after 6 s without another one. */
export interface TypingSignalFrame {
  type: "typing";
  data: TypingSignal;
}

/** A message was posted. */
export interface NewMessageFrame {
  type: "new_message";
  /** The event's position in the log: rises strictly, and is what a resume names. */
  id: number;
  /** `workspace`, `me`, or `channel:` and the channel's id. */
  feed: string;
  /** The event's number in its feed: rises by exactly one as long as the feed is followed. */
  seq: number;
  /** When the event was recorded. */
  at: string;
  /** Of events of a channel. */
  channel_id: string;
  data: NewMessage;
}

/** A reply was posted, on the channel's page too (`also_to_channel`) or not. */
export interface NewReplyFrame {
  type: "new_reply";
  /** The event's position in the log: rises strictly, and is what a resume names. */
  id: number;
  /** `workspace`, `me`, or `channel:` and the channel's id. */
  feed: string;
  /** The event's number in its feed: rises by exactly one as long as the feed is followed. */
  seq: number;
  /** When the event was recorded. */
  at: string;
  /** Of events of a channel. */
  channel_id: string;
  data: NewReply;
}

/** A message was edited. */
export interface MessageUpdatedFrame {
  type: "message_updated";
  /** The event's position in the log: rises strictly, and is what a resume names. */
  id: number;
  /** `workspace`, `me`, or `channel:` and the channel's id. */
  feed: string;
  /** The event's number in its feed: rises by exactly one as long as the feed is followed. */
  seq: number;
  /** When the event was recorded. */
  at: string;
  /** Of events of a channel. */
  channel_id: string;
  data: MessageUpdated;
}

/** A message was deleted; it keeps its place, empty. */
export interface MessageDeletedFrame {
  type: "message_deleted";
  /** The event's position in the log: rises strictly, and is what a resume names. */
  id: number;
  /** `workspace`, `me`, or `channel:` and the channel's id. */
  feed: string;
  /** The event's number in its feed: rises by exactly one as long as the feed is followed. */
  seq: number;
  /** When the event was recorded. */
  at: string;
  /** Of events of a channel. */
  channel_id: string;
  data: MessageDeleted;
}

/** A message was pinned. */
export interface MessagePinnedFrame {
  type: "message_pinned";
  /** The event's position in the log: rises strictly, and is what a resume names. */
  id: number;
  /** `workspace`, `me`, or `channel:` and the channel's id. */
  feed: string;
  /** The event's number in its feed: rises by exactly one as long as the feed is followed. */
  seq: number;
  /** When the event was recorded. */
  at: string;
  /** Of events of a channel. */
  channel_id: string;
  data: MessagePinned;
}

/** A message is pinned no more. One that is deleted loses its pin without this. */
export interface MessageUnpinnedFrame {
  type: "message_unpinned";
  /** The event's position in the log: rises strictly, and is what a resume names. */
  id: number;
  /** `workspace`, `me`, or `channel:` and the channel's id. */
  feed: string;
  /** The event's number in its feed: rises by exactly one as long as the feed is followed. */
  seq: number;
  /** When the event was recorded. */
  at: string;
  /** Of events of a channel. */
  channel_id: string;
  data: MessageUnpinned;
}

/** Somebody has put an emoji on a message. */
export interface ReactionAddedFrame {
  type: "reaction_added";
  /** The event's position in the log: rises strictly, and is what a resume names. */
  id: number;
  /** `workspace`, `me`, or `channel:` and the channel's id. */
  feed: string;
  /** The event's number in its feed: rises by exactly one as long as the feed is followed. */
  seq: number;
  /** When the event was recorded. */
  at: string;
  /** Of events of a channel. */
  channel_id: string;
  data: ReactionAdded;
}

/** Somebody has taken an emoji back. */
export interface ReactionRemovedFrame {
  type: "reaction_removed";
  /** The event's position in the log: rises strictly, and is what a resume names. */
  id: number;
  /** `workspace`, `me`, or `channel:` and the channel's id. */
  feed: string;
  /** The event's number in its feed: rises by exactly one as long as the feed is followed. */
  seq: number;
  /** When the event was recorded. */
  at: string;
  /** Of events of a channel. */
  channel_id: string;
  data: ReactionRemoved;
}

/** A public channel was made. Of other channels the members see `member_joined` alone. */
export interface ChannelCreatedFrame {
  type: "channel_created";
  /** The event's position in the log: rises strictly, and is what a resume names. */
  id: number;
  feed: "workspace";
  /** The event's number in its feed: rises by exactly one as long as the feed is followed. */
  seq: number;
  /** When the event was recorded. */
  at: string;
  /** Of events of a channel. */
  channel_id: string;
  data: ChannelCreated;
}

/** A channel was renamed, got another topic, was archived or opened again. */
export interface ChannelUpdatedFrame {
  type: "channel_updated";
  /** The event's position in the log: rises strictly, and is what a resume names. */
  id: number;
  /** `workspace`, `me`, or `channel:` and the channel's id. */
  feed: string;
  /** The event's number in its feed: rises by exactly one as long as the feed is followed. */
  seq: number;
  /** When the event was recorded. */
  at: string;
  /** Of events of a channel. */
  channel_id: string;
  data: ChannelUpdated;
}

/** A channel was deleted: the last frame of its feed. */
export interface ChannelDeletedFrame {
  type: "channel_deleted";
  /** The event's position in the log: rises strictly, and is what a resume names. */
  id: number;
  /** `workspace`, `me`, or `channel:` and the channel's id. */
  feed: string;
  /** The event's number in its feed: rises by exactly one as long as the feed is followed. */
  seq: number;
  /** When the event was recorded. */
  at: string;
  /** Of events of a channel. */
  channel_id: string;
  data: ChannelDeleted;
}

/** Somebody joined or was added; one's own join begins the channel's feed, and says what the channel is. */
export interface MemberJoinedFrame {
  type: "member_joined";
  /** The event's position in the log: rises strictly, and is what a resume names. */
  id: number;
  /** `workspace`, `me`, or `channel:` and the channel's id. */
  feed: string;
  /** The event's number in its feed: rises by exactly one as long as the feed is followed. */
  seq: number;
  /** When the event was recorded. */
  at: string;
  /** Of events of a channel. */
  channel_id: string;
  data: MemberJoined;
}

/** Somebody left or was removed; one's own end is the last frame of the channel's feed. */
export interface MemberLeftFrame {
  type: "member_left";
  /** The event's position in the log: rises strictly, and is what a resume names. */
  id: number;
  /** `workspace`, `me`, or `channel:` and the channel's id. */
  feed: string;
  /** The event's number in its feed: rises by exactly one as long as the feed is followed. */
  seq: number;
  /** When the event was recorded. */
  at: string;
  /** Of events of a channel. */
  channel_id: string;
  data: MemberLeft;
}

/** Somebody has another role. */
export interface MemberUpdatedFrame {
  type: "member_updated";
  /** The event's position in the log: rises strictly, and is what a resume names. */
  id: number;
  /** `workspace`, `me`, or `channel:` and the channel's id. */
  feed: string;
  /** The event's number in its feed: rises by exactly one as long as the feed is followed. */
  seq: number;
  /** When the event was recorded. */
  at: string;
  /** Of events of a channel. */
  channel_id: string;
  data: MemberUpdated;
}

/** Your read marker of a channel moved, here or on another device. The counts are of the time of sending. */
export interface UnreadCountUpdatedFrame {
  type: "unread_count_updated";
  /** The event's position in the log: rises strictly, and is what a resume names. */
  id: number;
  feed: "me";
  /** The event's number in its feed: rises by exactly one as long as the feed is followed. */
  seq: number;
  /** When the event was recorded. */
  at: string;
  /** Of events of a channel. */
  channel_id: string;
  data: UnreadCountUpdated;
}

/** Your read marker of a thread moved, or you follow it or not, by your own choice. One of the two. */
export interface ThreadUpdatedFrame {
  type: "thread_updated";
  /** The event's position in the log: rises strictly, and is what a resume names. */
  id: number;
  feed: "me";
  /** The event's number in its feed: rises by exactly one as long as the feed is followed. */
  seq: number;
  /** When the event was recorded. */
  at: string;
  /** Of events of a channel. */
  channel_id: string;
  data: ThreadUpdated;
}

/** What you want to be told of a channel. */
export interface LevelUpdatedFrame {
  type: "level_updated";
  /** The event's position in the log: rises strictly, and is what a resume names. */
  id: number;
  feed: "me";
  /** The event's number in its feed: rises by exactly one as long as the feed is followed. */
  seq: number;
  /** When the event was recorded. */
  at: string;
  /** Of events of a channel. */
  channel_id: string;
  data: LevelUpdated;
}

/** Somebody registered, changed these of their fields, or was deactivated. */
export interface UserUpdatedFrame {
  type: "user_updated";
  /** The event's position in the log: rises strictly, and is what a resume names. */
  id: number;
  feed: "workspace";
  /** The event's number in its feed: rises by exactly one as long as the feed is followed. */
  seq: number;
  /** When the event was recorded. */
  at: string;
  data: UserUpdated;
}

/** You block somebody, or block them no more. */
export interface BlockUpdatedFrame {
  type: "block_updated";
  /** The event's position in the log: rises strictly, and is what a resume names. */
  id: number;
  feed: "me";
  /** The event's number in its feed: rises by exactly one as long as the feed is followed. */
  seq: number;
  /** When the event was recorded. */
  at: string;
  data: BlockUpdated;
}

export interface ConnectionLimits {
  /** A larger frame closes with 1009. */
  frame_max_bytes: number;
  content_max_characters: number;
  /** Commands without an answer yet; one more is answered `overloaded`. */
  commands_waiting_max: number;
  frames_per_s: number;
  /** Of one person at once. */
  user_connections: number;
}

export interface Connect {
  /** An access token, where neither `Authorization` nor a ticket came with the handshake. */
  token?: string | null;
  /** The largest `id` that was handled, of event frames and heartbeats: what lies after it is sent. With `epoch`. */
  last_event_id?: number | null;
  /** The epoch of that id, from `connected`. */
  epoch?: string | null;
  /** Rather `resync_required` than more missed events than this. */
  max_backlog?: number | null;
  /** Follow this channel alone, and be closed with 4001 when access to it is lost. */
  channel_id?: string | null;
  /** Name and version of the program. */
  client?: string | null;
}

export interface Message {
  channel_id: string;
  /** Made by the client: a UUID of version 7. */
  message_id: string;
  /** 1 to 4,096 characters; with attachments it may be empty. */
  content: string;
  /** The message that this one answers; a reply to a reply joins its root. */
  parent_id?: string | null;
  /** Show a reply on the channel's page too. */
  also_to_channel?: boolean | null;
  /** At most 10 files that you uploaded for this channel. */
  attachment_ids?: string[] | null;
}

export interface EditMessage {
  message_id: string;
  content: string;
}

export interface DeleteMessage {
  message_id: string;
}

export interface AddReaction {
  message_id: string;
  /** 1 to 32 code points, no white space, control character or `/`. */
  emoji: string;
}

export interface RemoveReaction {
  message_id: string;
  emoji: string;
}

export interface JoinChannel {
  channel_id: string;
}

export interface LeaveChannel {
  channel_id: string;
}

export interface MarkRead {
  /** The last message's `seq` that was read. */
  seq: number;
  channel_id?: string | null;
  /** The thread's root. */
  parent_id?: string | null;
}

export interface MarkUnread {
  /** This message and what follows is unread again. */
  seq: number;
  channel_id?: string | null;
  /** The thread's root. */
  parent_id?: string | null;
}

export interface Typing {
  channel_id: string;
  /** The thread's root, when the reply is being written there. */
  parent_id?: string | null;
}

export interface StatusUpdate {
  status: "away" | "busy" | "offline" | "online";
}

export interface Ping {
}

export interface Connected {
  user_id: string;
  /** Of this connection, for support: it stands in the server's log. */
  session_id: string;
  /** Goes with every position of this connection. 1 to 40 of letters, digits and `-`. */
  epoch: string;
  /** Without `last_event_id`: everything after it will be sent. */
  head_id: number;
  heartbeat_interval_s: number;
  limits: ConnectionLimits;
}

export interface Resumed {
  /** Events of the backlog. */
  count: number;
  /** Everything of yours up to here has been sent. */
  through: number;
}

export interface ResyncRequired {
  /** `epoch`: the log has another history now; `ahead`: the position is beyond the log; `backlog`: more than `max_backlog`. */
  reason: "ahead" | "backlog" | "epoch";
}

export interface Waiting {
  /** About how long. */
  retry_after_ms: number;
}

export interface Error {
  /** Stable; see the table of codes. */
  code: "archived" | "attachment_id_taken" | "bad_frame" | "bad_request" | "channel_access_denied" | "channel_id_taken" | "conflict" | "content_empty" | "content_too_long" | "forbidden" | "invalid" | "invalid_credentials" | "invalid_id" | "key_reused" | "last_admin" | "last_owner" | "limit_reached" | "message_id_taken" | "name_taken" | "not_a_member" | "not_found" | "overloaded" | "rate_limited" | "resync_required" | "token_expired" | "too_large" | "unauthenticated" | "unavailable" | "unknown_type";
  /** For people; may change. */
  message: string;
  /** The field that is wrong. */
  field?: string;
  /** The same frame may be sent again after that. */
  retry_after_ms?: number;
}

export interface Batch {
  /** Event frames in order. */
  frames: (NewMessageFrame | NewReplyFrame | MessageUpdatedFrame | MessageDeletedFrame | MessagePinnedFrame | MessageUnpinnedFrame | ReactionAddedFrame | ReactionRemovedFrame | ChannelCreatedFrame | ChannelUpdatedFrame | ChannelDeletedFrame | MemberJoinedFrame | MemberLeftFrame | MemberUpdatedFrame | UnreadCountUpdatedFrame | ThreadUpdatedFrame | LevelUpdatedFrame | UserUpdatedFrame | BlockUpdatedFrame)[];
}

export interface MessageSent {
  message_id: string;
  channel_id: string;
  /** The position of the event; its own frame comes too. */
  id: number;
  seq: number;
  created_at: string;
}

export interface Done {
  /** The position of the event; where nothing changed, one at which that was so. */
  id: number;
  /** Null where nothing changed. */
  seq: number | null;
}

export interface ChannelJoined {
  channel_id: string;
  role: string | null;
  id: number;
  /** Null for one who was in it already. */
  seq: number | null;
}

export interface ChannelJoinError {
  channel_id: string;
  /** `channel_access_denied` also where there is no such channel, or none that you may know of. */
  code: "archived" | "attachment_id_taken" | "bad_frame" | "bad_request" | "channel_access_denied" | "channel_id_taken" | "conflict" | "content_empty" | "content_too_long" | "forbidden" | "invalid" | "invalid_credentials" | "invalid_id" | "key_reused" | "last_admin" | "last_owner" | "limit_reached" | "message_id_taken" | "name_taken" | "not_a_member" | "not_found" | "overloaded" | "rate_limited" | "resync_required" | "token_expired" | "too_large" | "unauthenticated" | "unavailable" | "unknown_type";
  message: string;
}

export interface ChannelLeft {
  channel_id: string;
  id: number;
  seq: number | null;
}

export interface UserStatus {
  user_id: string;
  status: "away" | "busy" | "offline" | "online";
}

export interface TypingSignal {
  user_id: string;
  channel_id: string;
  parent_id?: string;
}

export interface NewMessage {
  message_id: string;
  author_id: string;
  content: string;
  /** The event's own time: of an imported message, when it was first written. */
  created_at: string;
  also_to_channel: boolean;
  /** The people who were mentioned by name. */
  mentions: string[];
  mentions_channel: boolean;
  /** Its files: `GET /v1/attachments/` and the id. */
  attachments?: Attachment[];
  /** The message was deleted since: its content is empty, and so are its mentions and attachments. */
  redacted?: boolean;
}

/** A file of a message. */
export interface Attachment {
  attachment_id: string;
  name: string;
  media_type: string;
  size: number;
}

export interface NewReply {
  message_id: string;
  author_id: string;
  content: string;
  /** The event's own time: of an imported message, when it was first written. */
  created_at: string;
  also_to_channel: boolean;
  /** The people who were mentioned by name. */
  mentions: string[];
  mentions_channel: boolean;
  /** Its files: `GET /v1/attachments/` and the id. */
  attachments?: Attachment[];
  /** The message was deleted since: its content is empty, and so are its mentions and attachments. */
  redacted?: boolean;
  /** The thread's root. */
  parent_id: string;
}

export interface MessageUpdated {
  message_id: string;
  content: string;
  edited_at: string;
  mentions: string[];
  mentions_channel: boolean;
  by: string;
  /** The message was deleted since: its content is empty, and so are its mentions. */
  redacted?: boolean;
}

export interface MessageDeleted {
  message_id: string;
  by: string;
}

export interface MessagePinned {
  message_id: string;
  by: string;
}

export interface MessageUnpinned {
  message_id: string;
  by: string;
}

export interface ReactionAdded {
  message_id: string;
  user_id: string;
  emoji: string;
}

export interface ReactionRemoved {
  message_id: string;
  user_id: string;
  emoji: string;
}

export interface ChannelCreated {
  kind: ChannelKind;
  name: string;
  topic: string;
  created_by: string;
  created_at: string;
}

export type ChannelKind = "direct" | "private" | "public";

export interface ChannelUpdated {
  by: string;
  name?: string;
  topic?: string;
  /** Null when it was opened again. */
  archived_at?: string | null;
}

export interface ChannelDeleted {
  by: string;
}

export interface MemberJoined {
  user_id: string;
  role: Role;
  /** Who added the person. */
  by?: string;
  kind: ChannelKind;
  name: string;
  topic: string;
}

export type Role = "admin" | "member" | "owner";

export interface MemberLeft {
  user_id: string;
  /** Who removed the person. */
  by?: string;
}

export interface MemberUpdated {
  user_id: string;
  role: Role;
  by: string;
}

export interface UnreadCountUpdated {
  /** The marker: everything up to it has been read. */
  read_seq: number;
  unread_count: number;
  /** There are more than `unread_count`. */
  unread_capped: boolean;
  mention_count: number;
  /** There may be more than `mention_count`. */
  mention_capped?: boolean;
  /** The position at which the counts are true. */
  as_of: number;
}

export interface ThreadUpdated {
  /** The thread's root. */
  parent_id: string;
  followed?: boolean;
  read_seq?: number;
}

export interface LevelUpdated {
  level: Level;
}

/** What of a channel a person wants to be told; counts are the same at each level. */
export type Level = "all" | "mentions" | "muted";

export interface UserUpdated {
  user_id: string;
  username?: string;
  display_name?: string;
  status_text?: string;
  /** Of the whole server. A registration says it only where it is so. */
  is_admin?: boolean;
  /** Null when the person was reactivated. */
  deactivated_at?: string | null;
}

export interface BlockUpdated {
  /** The other one. */
  user_id: string;
  blocked: boolean;
}

/** What a client sends. */
export type ClientFrame =
  | ConnectFrame
  | MessageFrame
  | EditMessageFrame
  | DeleteMessageFrame
  | AddReactionFrame
  | RemoveReactionFrame
  | JoinChannelFrame
  | LeaveChannelFrame
  | MarkReadFrame
  | MarkUnreadFrame
  | TypingFrame
  | StatusUpdateFrame
  | PingFrame;

/** What an event of the log looks like. */
export type EventFrame =
  | NewMessageFrame
  | NewReplyFrame
  | MessageUpdatedFrame
  | MessageDeletedFrame
  | MessagePinnedFrame
  | MessageUnpinnedFrame
  | ReactionAddedFrame
  | ReactionRemovedFrame
  | ChannelCreatedFrame
  | ChannelUpdatedFrame
  | ChannelDeletedFrame
  | MemberJoinedFrame
  | MemberLeftFrame
  | MemberUpdatedFrame
  | UnreadCountUpdatedFrame
  | ThreadUpdatedFrame
  | LevelUpdatedFrame
  | UserUpdatedFrame
  | BlockUpdatedFrame;

/** What the server sends besides events. */
export type ControlFrame =
  | ConnectedFrame
  | ResumedFrame
  | ResyncRequiredFrame
  | WaitingFrame
  | HeartbeatFrame
  | ErrorFrame
  | PongFrame
  | BatchFrame
  | MessageSentFrame
  | DoneFrame
  | ChannelJoinedFrame
  | ChannelJoinErrorFrame
  | ChannelLeftFrame
  | UserStatusFrame
  | TypingSignalFrame;

/** What a client gets. */
export type ServerFrame =
  | EventFrame
  | ControlFrame;
