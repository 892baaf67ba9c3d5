"""What a fake server knows: people, channels, and one log of events from which all else follows. In memory, small, and as
strict as the real one about what a client must mind: ids, seqs, follow intervals, who may do what.
"""

from datetime import UTC, datetime
from typing import Any, TypeAlias
from uuid import UUID, uuid4

import msgspec

from sermo_client.errors import ServerRefusal
from sermo_client.ids import new_id

Json: TypeAlias = dict[str, Any]
WORKSPACE = "workspace"


class Person(msgspec.Struct, frozen=True):
    """Somebody; `token` opens connections."""

    user_id: UUID
    username: str
    token: str
    refresh_token: str


class Entry(msgspec.Struct, frozen=True):
    """An event, and whose it is: the workspace's, a channel's or a person's own."""

    owner: UUID | None
    frame: Json

    @property
    def position(self) -> int:
        """Its place in the log."""
        return int(self.frame["id"])


class Post(msgspec.Struct):
    """A message as it is now."""

    seq: int
    position: int
    channel_id: UUID
    author_id: UUID
    content: str
    created_at: str
    parent_id: UUID | None
    also_to_channel: bool
    edited_at: str | None = None
    deleted_at: str | None = None
    pinned: bool = False
    reactions: dict[str, list[UUID]] = {}


class Room(msgspec.Struct):
    """A channel as it is now."""

    kind: str
    name: str
    created_by: UUID
    created_at: str
    roles: dict[UUID, str] = {}
    joined_at: dict[UUID, str] = {}
    read_seqs: dict[UUID, int] = {}
    levels: dict[UUID, str] = {}


class World:
    """All of one fake server's."""

    def __init__(self) -> None:
        self.epoch = f"epoch-{uuid4().hex[:8]}"
        self.log: list[Entry] = []
        self.people: dict[UUID, Person] = {}
        self.rooms: dict[UUID, Room] = {}
        self.posts: dict[UUID, Post] = {}
        self._seqs: dict[UUID | None, int] = {}
        self._follows: dict[tuple[UUID, UUID], list[tuple[int, int | None]]] = {}
        """Person and channel -> the intervals of positions in which the person follows it, ends included."""

    @property
    def head(self) -> int:
        """The last position."""
        return len(self.log)

    def person(self, username: str) -> Person:
        """A new person."""
        person = Person(new_id(), username, f"token-{username}-{uuid4().hex[:6]}", f"refresh-{uuid4().hex}")
        self.people[person.user_id] = person
        self._append(None, "user_updated", {"user_id": person.user_id, "username": username})
        return person

    def channel(self, name: str, *members: Person, kind: str = "public") -> UUID:
        """A new channel; the first member owns it."""
        channel_id, at = new_id(), _now()
        self.rooms[channel_id] = Room(kind, name, members[0].user_id, at)
        if kind == "public":
            data = {"kind": kind, "name": name, "topic": "", "created_by": members[0].user_id, "created_at": at}
            self._append(None, "channel_created", data, channel_id)
        for member in members:
            self.join(member.user_id, channel_id, "member" if self.rooms[channel_id].roles else "owner")
        return channel_id

    def is_followed(self, entry: Entry, user_id: UUID) -> bool:
        """Whether this person hears of it."""
        if entry.owner is None or entry.owner == user_id:
            return True
        intervals = self._follows.get((user_id, entry.owner), ())
        return any(since <= entry.position <= (until or self.head) for since, until in intervals)

    # What people do. Each answers the entry; None where nothing changed

    def join(self, user_id: UUID, channel_id: UUID, role: str = "member") -> Entry | None:
        """Become a member."""
        room = self._room(channel_id)
        if user_id in room.roles:
            return None
        room.roles[user_id], room.joined_at[user_id] = role, _now()
        self._follows.setdefault((user_id, channel_id), []).append((self.head + 1, None))
        data = {"user_id": user_id, "role": role, "kind": room.kind, "name": room.name, "topic": ""}
        entry = self._append(channel_id, "member_joined", data)
        room.read_seqs[user_id] = entry.frame["seq"]
        return entry

    def leave(self, user_id: UUID, channel_id: UUID) -> Entry:
        """Be a member no more."""
        room = self._member(user_id, channel_id)
        if room.roles.pop(user_id) == "owner":
            room.roles[user_id] = "owner"
            raise ServerRefusal("last_owner")
        entry = self._append(channel_id, "member_left", {"user_id": user_id})
        since, _ = self._follows[user_id, channel_id].pop()
        self._follows[user_id, channel_id].append((since, entry.position))
        return entry

    def post(self, user_id: UUID, message: Json) -> tuple[Post, bool]:
        """A message, or the one that it is already; whether it is new."""
        message_id, channel_id = UUID(message["message_id"]), UUID(message["channel_id"])
        room = self._room(channel_id)
        known = self.posts.get(message_id)
        if known is not None:
            if (known.author_id, known.channel_id, known.content) != (user_id, channel_id, message["content"]):
                raise ServerRefusal("message_id_taken", field="message_id")
            return known, False
        if user_id not in room.roles:
            raise ServerRefusal("not_a_member")
        if not message["content"]:
            raise ServerRefusal("content_empty", field="content")
        parent_id = UUID(message["parent_id"]) if message.get("parent_id") else None
        if parent_id is not None:
            parent_id = self._post(parent_id).parent_id or parent_id
        at = _now()
        data = {
            "message_id": message_id,
            "author_id": user_id,
            "content": message["content"],
            "created_at": at,
            "also_to_channel": bool(message.get("also_to_channel")),
            "mentions": [],
            "mentions_channel": False,
        }
        kind = "new_message" if parent_id is None else "new_reply"
        entry = self._append(channel_id, kind, data if parent_id is None else {**data, "parent_id": parent_id})
        post = Post(
            entry.frame["seq"],
            entry.position,
            channel_id,
            user_id,
            message["content"],
            at,
            parent_id,
            data["also_to_channel"],
        )
        self.posts[message_id] = post
        return post, True

    def edit(self, user_id: UUID, message_id: UUID, content: str) -> Entry | None:
        """Change one's own message."""
        post = self._post(message_id)
        if post.author_id != user_id:
            raise ServerRefusal("forbidden")
        if post.deleted_at is not None:
            raise ServerRefusal("not_found", field="message_id")
        if post.content == content:
            return None
        post.content, post.edited_at = content, _now()
        data = {"message_id": message_id, "content": content, "edited_at": post.edited_at, "by": user_id}
        return self._append(post.channel_id, "message_updated", {**data, "mentions": [], "mentions_channel": False})

    def delete(self, user_id: UUID, message_id: UUID) -> Entry | None:
        """Delete one's own message."""
        post = self._post(message_id)
        if post.author_id != user_id:
            raise ServerRefusal("forbidden")
        if post.deleted_at is not None:
            return None
        post.content, post.deleted_at, post.pinned, post.reactions = "", _now(), False, {}
        return self._append(post.channel_id, "message_deleted", {"message_id": message_id, "by": user_id})

    def react(self, user_id: UUID, message_id: UUID, emoji: str, *, is_there: bool) -> Entry | None:
        """Put an emoji on a message, or take it back."""
        post = self._post(message_id)
        self._member(user_id, post.channel_id)
        if post.deleted_at is not None:
            raise ServerRefusal("not_found", field="message_id")
        people = post.reactions.get(emoji, [])
        if (user_id in people) is is_there:
            return None
        people = [*people, user_id] if is_there else [one for one in people if one != user_id]
        post.reactions = {**post.reactions, emoji: people}
        if not people:
            del post.reactions[emoji]
        kind = "reaction_added" if is_there else "reaction_removed"
        return self._append(post.channel_id, kind, {"message_id": message_id, "user_id": user_id, "emoji": emoji})

    def mark(self, user_id: UUID, channel_id: UUID, seq: int, *, is_forward: bool) -> Entry | None:
        """Move the read marker."""
        room = self._member(user_id, channel_id)
        if not 0 < seq <= self._seqs.get(channel_id, 0):
            raise ServerRefusal("invalid", field="seq")
        marker = seq if is_forward else seq - 1
        if marker == room.read_seqs[user_id] or (is_forward and marker < room.read_seqs[user_id]):
            return None
        room.read_seqs[user_id] = marker
        data = {"read_seq": marker, **self.unread(user_id, channel_id), "as_of": self.head + 1}
        return self._append(user_id, "unread_count_updated", data, channel_id)

    # What is there

    def unread(self, user_id: UUID, channel_id: UUID) -> Json:
        """The counts of one channel."""
        marker = self.rooms[channel_id].read_seqs[user_id]
        unread = [one for one in self.posts.values() if one.channel_id == channel_id and one.seq > marker]
        others = [one for one in unread if one.author_id != user_id and one.deleted_at is None]
        return {"unread_count": len(others), "unread_capped": False, "mention_count": 0}

    def head_seq(self, owner: UUID) -> int:
        """The last seq of a feed."""
        return self._seqs.get(owner, 0)

    def _append(self, owner: UUID | None, kind: str, data: Json, channel_id: UUID | None = None) -> Entry:
        self._seqs[owner] = seq = self._seqs.get(owner, 0) + 1
        feed = WORKSPACE if owner is None else "me" if owner in self.people else f"channel:{owner}"
        channel_id = owner if owner in self.rooms else channel_id
        frame: Json = {"type": kind, "id": self.head + 1, "feed": feed, "seq": seq, "at": _now()}
        if channel_id is not None:
            frame["channel_id"] = channel_id
        self.log.append(Entry(owner, {**frame, "data": data}))
        return self.log[-1]

    def _room(self, channel_id: UUID) -> Room:
        room = self.rooms.get(channel_id)
        if room is None:
            raise ServerRefusal("not_found", field="channel_id")
        return room

    def _member(self, user_id: UUID, channel_id: UUID) -> Room:
        room = self._room(channel_id)
        if user_id not in room.roles:
            raise ServerRefusal("not_a_member")
        return room

    def _post(self, message_id: UUID) -> Post:
        post = self.posts.get(message_id)
        if post is None:
            raise ServerRefusal("not_found", field="message_id")
        return post


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
