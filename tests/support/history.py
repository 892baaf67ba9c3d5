"""Random histories: what a lively workspace may do, by seed, as the events that the domain makes of it; and their rows.

Every event comes from a command that the domain accepted, so a history is one that can happen. Between them stand events
of types that this program does not know.
"""

import random
from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from psycopg import AsyncConnection

from domain import catalog
from domain.attachment import AttachmentUploaded, UploadAttachment
from domain.block import SetBlock
from domain.channel import ArchiveChannel, ChangeChannel, ChannelCreated, CreateChannel, CreateDirect, DeleteChannel
from domain.channel_state import ChannelKind, ChannelState, Role
from domain.collection import CollectAttachment
from domain.decider import Command, Event, Recorded, Unknown
from domain.errors import Refusal
from domain.ids import invitation_id, membership_id
from domain.invitation import CreateInvitation, JoinByInvitation, RevokeInvitation
from domain.membership import (
    JoinChannel,
    LeaveChannel,
    MemberJoined,
    MemberLeft,
    MemberRemoved,
    RemoveMember,
    SetMember,
)
from domain.message import DeleteMessage, EditMessage, MessagePosted, PinMessage, PostMessage
from domain.reaction import AddReaction, RemoveReaction
from domain.reading import FollowThread, Level, MarkRead, MarkUnread, SetLevel
from domain.report import FileReport, ResolveReport
from domain.user import ChangeProfile, DeactivateUser, ReactivateUser, RegisterUser, SetAdmin, UserState
from tests.support.builders import AT
from tests.support.cast import v7
from tests.support.spec import World

UNKNOWN_TOPIC = "weather.changed.1"


class History(World):
    """A world in which random things happen."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.rng = random.Random(seed)
        self.users: list[UUID] = []
        self.usernames: dict[UUID, str] = {}
        self.channels: list[UUID] = []
        self.members: dict[UUID, dict[UUID, None]] = {}
        """Of each channel, in order of joining."""
        self._joins: dict[tuple[UUID, UUID], int] = {}
        """Of a channel and a person, the seq of the last one."""
        self.messages: dict[UUID, list[UUID]] = {}
        self.authors: dict[UUID, UUID] = {}
        self.codes: list[tuple[str, UUID, UUID]] = []
        """Of invitations, with their channel and who made them."""
        self.files: dict[UUID, tuple[UUID, UUID]] = {}
        """Of each attachment: its channel and who uploaded it."""
        self.reports: list[UUID] = []
        self._ids = 0x1_0000

    # What happens

    def run(self, events: int) -> "History":
        """Let random things happen until there are so many events, at least."""
        for _ in range(4):
            self._person()
        self._channel()
        actions = [(weight, getattr(self, f"_{name}")) for name, weight in _WEIGHTS.items()]
        weights, calls = [a[0] for a in actions], [a[1] for a in actions]
        while len(self.log) < events:
            self.rng.choices(calls, weights)[0]()
        return self

    def attempt(self, command: Command) -> tuple[Event | Unknown, ...]:
        """Do it, or not when it is refused."""
        try:
            events = self.do(command)
        except Refusal:
            return ()
        for recorded in self.log[len(self.log) - len(events) :]:
            self._note(recorded)
        return events

    def _note(self, recorded: Recorded) -> None:
        match recorded.event:
            case ChannelCreated() as e:
                self.channels.append(e.channel_id)
                self.members[e.channel_id], self.messages[e.channel_id] = {}, []
            case MemberJoined() as e:
                self.members[e.channel_id][e.user_id] = None
                self._joins[e.channel_id, e.user_id] = recorded.seq or 0
            case MemberLeft() | MemberRemoved() as e:
                del self.members[e.channel_id][e.user_id]
            case MessagePosted() as e:
                self.messages[e.channel_id].append(recorded.stream_id)
                self.authors[recorded.stream_id] = e.author_id
            case AttachmentUploaded() as e:
                self.files[recorded.stream_id] = (e.channel_id, e.by)

    def new_id(self) -> UUID:
        """A fresh id, version 7."""
        self._ids += 1
        return v7(self._ids)

    @property
    def now(self) -> Any:
        """The time that a client tells: mostly later than before."""
        return AT + timedelta(seconds=len(self.log), milliseconds=self.rng.randint(-3_000, 3_000))

    def _place(self) -> tuple[UUID, UUID] | None:
        """A channel and one of its members."""
        channel_id = self.rng.choice(self.channels[-12:])
        members = list(self.members[channel_id])
        return (channel_id, self.rng.choice(members)) if members else None

    def _content(self) -> str:
        words = self.rng.choices(["so", "ça", "va?", "🙂", "naïve", "\\n", "'quoted'", "{a,b}", "NULL"], k=3)
        for _ in range(self.rng.choice([0, 0, 0, 1, 1, 2])):
            words.append("@" + self.usernames[self.rng.choice(self.users)])
        if self.rng.random() < 0.12:
            words.append("@channel")
        words.append(str(self.rng.randrange(10**6)))
        if words[-1].endswith("7"):
            words.append("https://example.org/naïve?so=va")
        return " ".join(words)

    def _person(self) -> None:
        if len(self.users) >= 10:
            return
        user_id, name = self.new_id(), f"Pérson{len(self.users)}"
        self.usernames[user_id] = name
        self.users.append(user_id)
        self.attempt(RegisterUser(user_id=user_id, username=name, display_name=name.upper(), at=self.now))

    def _profile(self) -> None:
        user_id, text = self.rng.choice(self.users), f"Name {self.rng.randrange(99)}"
        field = self.rng.choice(["display_name", "status_text"])
        self.attempt(ChangeProfile(user_id=user_id, at=self.now, **{field: text}))  # type: ignore[arg-type]

    def _standing(self) -> None:
        """Somebody is shut out, for a short while mostly, or becomes a server admin."""
        user_id, draw = self.rng.choice(self.users), self.rng.random()
        state = self.states[user_id]
        if draw < 0.3:
            is_admin = not (isinstance(state, UserState) and state.is_admin)
            self.attempt(SetAdmin(user_id=user_id, is_admin=is_admin, by=None, at=self.now, witness_id=self.users[0]))
        elif draw < 0.5:
            self.attempt(DeactivateUser(user_id=user_id, by=None, at=self.now))
        for user_id in self.users:
            if self.rng.random() < 0.7:
                self.attempt(ReactivateUser(user_id=user_id, by=None, at=self.now))

    def _block(self) -> None:
        """Somebody blocks another, for a while."""
        one, other = self.rng.sample(self.users, 2)
        self.attempt(SetBlock(user_id=one, blocked_id=other, is_blocked=self.rng.random() < 0.6, at=self.now))

    def _report(self) -> None:
        """A message is reported, or a report is closed by whoever is an admin."""
        if self.reports and self.rng.random() < 0.4:
            by, report_id = self.rng.choice(self.users), self.rng.choice(self.reports)
            self.attempt(SetAdmin(user_id=by, is_admin=True, by=None, at=self.now))
            self.attempt(ResolveReport(report_id=report_id, by=by, note="seen", at=self.now))
        elif message_id := self._message():
            command = FileReport(message_id=message_id, by=self.rng.choice(self.users), reason="rude", at=self.now)
            if self.attempt(command):
                self.reports.append(command.report_id)

    def _channel(self) -> None:
        if len(self.channels) >= 10:
            return
        by, kind = self.rng.choice(self.users), self.rng.choice(list(ChannelKind))
        if kind is ChannelKind.DIRECT:
            others = self.rng.sample([u for u in self.users if u != by], self.rng.randint(1, 2))
            self.attempt(CreateDirect(created_by=by, user_ids=frozenset(others), at=self.now))
            return
        name = f"room-{self.rng.randrange(40)}"
        self.attempt(
            CreateChannel(channel_id=self.new_id(), kind=kind, name=name, topic="t", created_by=by, at=self.now)
        )

    def _join(self) -> None:
        command = JoinChannel(
            channel_id=self.rng.choice(self.channels[-12:]), user_id=self.rng.choice(self.users), at=self.now
        )
        self.attempt(command)

    def _witness(self, channel_id: UUID, going: UUID) -> UUID | None:
        for user_id in self.members[channel_id]:
            state = self.states[membership_id(channel_id, user_id)]
            if user_id != going and getattr(state, "role", None) is Role.OWNER:
                return user_id
        return None

    def _leave(self) -> None:
        if place := self._place():
            witness = self._witness(*place)
            self.attempt(LeaveChannel(channel_id=place[0], user_id=place[1], at=self.now, witness_id=witness))

    def _member(self) -> None:
        """Somebody is added, gets a role, or is removed."""
        if not (place := self._place()):
            return
        channel_id, by = place
        user_id = self.rng.choice([*self.users, *self.members[channel_id]])
        witness = self._witness(channel_id, user_id)
        if self.rng.random() < 0.35:
            self.attempt(RemoveMember(channel_id=channel_id, user_id=user_id, by=by, at=self.now, witness_id=witness))
        else:
            role = self.rng.choice(list(Role))
            self.attempt(
                SetMember(channel_id=channel_id, user_id=user_id, role=role, by=by, at=self.now, witness_id=witness)
            )

    def _invitation(self) -> None:
        """A link to a channel is made, used or revoked."""
        draw = self.rng.random()
        if draw < 0.4 or not self.codes:
            if place := self._place():
                code, uses = f"code-{len(self.log)}", self.rng.choice([None, 1, 2])
                if self.attempt(
                    CreateInvitation(channel_id=place[0], code=code, by=place[1], at=self.now, max_uses=uses)
                ):
                    self.codes.append((code, *place))
            return
        code, channel_id, by = self.rng.choice(self.codes[-6:])
        if draw < 0.9:
            self.attempt(JoinByInvitation(code=code, user_id=self.rng.choice(self.users), at=self.now))
        else:
            self.attempt(RevokeInvitation(channel_id=channel_id, invitation_id=invitation_id(code), by=by, at=self.now))

    def _change(self) -> None:
        if not (place := self._place()):
            return
        channel_id, by = place
        draw = self.rng.random()
        if draw < 0.4:
            self.attempt(
                ChangeChannel(
                    channel_id=channel_id,
                    by=by,
                    at=self.now,
                    name=f"Straße-{self.rng.randrange(60)}",
                    topic=f"topic {self.rng.randrange(9)}" if draw < 0.2 else None,
                )
            )
        elif draw < 0.9 or len(self.channels) < 6:
            state = self.states[channel_id]
            archived = not (isinstance(state, ChannelState) and state.is_archived)
            self.attempt(ArchiveChannel(channel_id=channel_id, by=by, at=self.now, archived=archived))
        else:
            self.attempt(DeleteChannel(channel_id=channel_id, by=by, at=self.now))

    def _post(self) -> None:
        if not (place := self._place()):
            return
        channel_id, by = place
        parent_id = None
        if self.messages[channel_id] and self.rng.random() < 0.55:
            parent_id = self.rng.choice(self.messages[channel_id][-15:])
        self.attempt(
            PostMessage(
                message_id=self.new_id(),
                channel_id=channel_id,
                author_id=by,
                content=self._content(),
                at=self.now,
                parent_id=parent_id,
                also_to_channel=self.rng.random() < 0.3,
                attachment_ids=self._waiting_files(channel_id, by),
            )
        )

    def _waiting_files(self, channel_id: UUID, by: UUID) -> tuple[UUID, ...]:
        """Mostly none; else some of the person's for this channel, perhaps taken or collected already."""
        mine = [file_id for file_id, place in list(self.files.items())[-25:] if place == (channel_id, by)]
        return tuple(self.rng.sample(mine, min(len(mine), self.rng.choice([0, 0, 1, 2]))))

    def _upload(self) -> None:
        if place := self._place():
            content = self.rng.randrange(5)
            self.attempt(
                UploadAttachment(
                    attachment_id=self.new_id(),
                    channel_id=place[0],
                    by=place[1],
                    name=f"Plän {content}.png",
                    media_type="image/png",
                    size=content + 1,
                    sha256=f"{content:064x}",
                    at=self.now,
                )
            )

    def _collect(self) -> None:
        if self.files:
            file_id = self.rng.choice(list(self.files)[-25:])
            self.attempt(CollectAttachment(attachment_id=file_id, uploaded_before=self.now, at=self.now))

    def _message(self) -> UUID | None:
        messages = self.messages[self.rng.choice(self.channels[-12:])]
        return self.rng.choice(messages[-25:]) if messages else None

    def _edit(self) -> None:
        if message_id := self._message():
            by = self.authors[message_id]
            self.attempt(EditMessage(message_id=message_id, content=self._content(), by=by, at=self.now))

    def _delete(self) -> None:
        if message_id := self._message():
            self.attempt(DeleteMessage(message_id=message_id, by=self.authors[message_id], at=self.now))

    def _pin(self) -> None:
        if (place := self._place()) and (messages := self.messages[place[0]][-6:]):
            message_id, pinned = self.rng.choice(messages), self.rng.random() < 0.7
            self.attempt(PinMessage(message_id=message_id, by=place[1], at=self.now, pinned=pinned))

    def _react(self) -> None:
        """Somebody reacts, or takes a reaction back; mostly to one of few messages, with one of few emoji."""
        if not (place := self._place()):
            return
        channel_id, by = place
        if messages := self.messages[channel_id][-4:]:
            emoji = self.rng.choice(["👍", "👍", "❤️", "🎉", "👩🏽\u200d🚀", ":party:"])
            kind = self.rng.choice([AddReaction, AddReaction, RemoveReaction])
            self.attempt(kind(message_id=self.rng.choice(messages), user_id=by, emoji=emoji, at=self.now))

    def _mark(self) -> None:
        if not (place := self._place()):
            return
        channel_id, by = place
        head = self._seqs.get(channel_id, 0)
        seq = max(head - self.rng.choice([0, 0, 2, 5, 9]), 0)
        joined = self._joins[channel_id, by]
        target: dict[str, Any] = {"channel_id": channel_id}
        if root_id := self._thread(channel_id):
            target = {"parent_id": root_id}
        common: dict[str, Any] = {"user_id": by, "head_seq": head, "joined_seq": joined, "at": self.now, **target}
        if self.rng.random() < 0.35:
            self.attempt(MarkUnread(seq=max(seq - self.rng.choice([0, 5, 20]), 1), **common))
            return
        threads = "channel_id" in target and self.rng.random() < 0.3
        self.attempt(MarkRead(seq=seq, with_threads=threads, **common))

    def _thread(self, channel_id: UUID) -> UUID | None:
        """Sometimes one of the channel's messages, which may be a root."""
        messages = self.messages[channel_id]
        return self.rng.choice(messages[-25:]) if messages and self.rng.random() < 0.6 else None

    def _follow(self) -> None:
        if (place := self._place()) and (root_id := self._thread(place[0])):
            head, followed = self._seqs.get(place[0], 0), self.rng.random() < 0.5
            self.attempt(
                FollowThread(user_id=place[1], parent_id=root_id, followed=followed, head_seq=head, at=self.now)
            )

    def _level(self) -> None:
        if place := self._place():
            level = self.rng.choice(list(Level))
            self.attempt(SetLevel(user_id=place[1], channel_id=place[0], level=level, at=self.now))

    def _unknown(self) -> None:
        """An event of a later program: in a stream of its own, on some feed or none."""
        feed_id = self.rng.choice([None, *self.channels[-12:]])
        seq = None
        if feed_id is not None:
            seq = self._seqs[feed_id] = self._seqs.get(feed_id, 0) + 1
        event = Unknown(UNKNOWN_TOPIC)
        self.log.append(Recorded(len(self.log) + 1, self.new_id(), 1, event, feed_id, seq, AT))


_WEIGHTS = {
    "person": 2,
    "profile": 1,
    "standing": 1,
    "report": 1,
    "block": 1,
    "channel": 2,
    "join": 6,
    "leave": 2,
    "member": 4,
    "invitation": 4,
    "change": 3,
    "post": 40,
    "edit": 8,
    "delete": 5,
    "mark": 14,
    "follow": 6,
    "level": 2,
    "pin": 8,
    "react": 24,
    "upload": 8,
    "collect": 3,
    "unknown": 3,
}


async def store(connection: AsyncConnection[Any], events: Sequence[Recorded]) -> None:
    """Write the events into the log as they are: their positions, versions and seqs are right already."""
    async with (
        connection.cursor() as cursor,
        cursor.copy(
            "copy stored_events (originator_id, originator_version, topic, state, notification_id, feed_id, feed_seq,"
            " recorded_at) from stdin"
        ) as copy,
    ):
        for e in events:
            topic, state = (e.event.topic, b"{}") if isinstance(e.event, Unknown) else catalog.encode(e.event)
            await copy.write_row((e.stream_id, e.version, topic, state, e.position, e.feed_id, e.seq, e.recorded_at))
