"""What a page shows of each message equals a naive reading of the log: content, reactions, pin, counts of replies."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

import pytest

from domain.channel import ChannelDeleted
from domain.decider import Recorded
from domain.membership import MemberJoined, MemberLeft, MemberRemoved
from domain.message import MessageDeleted, MessageEdited, MessagePinned, MessagePosted, MessageUnpinned
from domain.reaction import ReactionAdded, ReactionRemoved
from projections import reactions, threads, timeline, unread_counts
from projections.reactions import ReactionRow
from projections.timeline import MessageRow
from sermo import log
from tests.support.history import History, store
from tests.support.views import apply, batches

EVERYTHING = 10_000


@dataclass
class Message:
    """A message as the log leaves it."""

    message_id: UUID
    seq: int
    posted: MessagePosted
    edited: MessageEdited | None = None
    deleted_at: datetime | None = None
    pinned: int | None = None
    reactions: list[tuple[str, UUID]] = field(default_factory=list)
    """In order."""

    @property
    def on_page(self) -> bool:
        """A root, or a reply also sent to the channel."""
        return self.posted.parent_id is None or self.posted.also_to_channel


@dataclass
class Naive:
    """The log read from its beginning, without any thought of speed."""

    events: Sequence[Recorded]
    messages: dict[UUID, Message] = field(default_factory=dict)
    members: dict[UUID, set[UUID]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for recorded in self.events:
            self._take(recorded)

    def _take(self, recorded: Recorded) -> None:
        stream_id = recorded.stream_id
        match recorded.event:
            case MessagePosted() as e:
                assert recorded.seq is not None
                self.messages[stream_id] = Message(stream_id, recorded.seq, e)
            case MessageEdited() as e:
                self.messages[stream_id].edited = e
            case MessageDeleted() as e:
                message = self.messages[stream_id]
                message.deleted_at, message.pinned, message.reactions = e.at, None, []
            case MessagePinned():
                self.messages[stream_id].pinned = recorded.position
            case MessageUnpinned():
                self.messages[stream_id].pinned = None
            case ReactionAdded() as e:
                self.messages[e.message_id].reactions.append((e.emoji, e.user_id))
            case ReactionRemoved() as e:
                self.messages[e.message_id].reactions.remove((e.emoji, e.user_id))
            case MemberJoined() as e:
                self.members.setdefault(e.channel_id, set()).add(e.user_id)
            case MemberLeft() | MemberRemoved() as e:
                self.members[e.channel_id].remove(e.user_id)
            case ChannelDeleted() as e:
                del self.members[e.channel_id]

    def row(self, message: Message) -> MessageRow:
        """What readers see of it."""
        is_gone, last = message.deleted_at is not None, message.edited or message.posted
        replies = [r for r in self.of(message.posted.channel_id, message.message_id) if r.deleted_at is None]
        return MessageRow(
            message_id=message.message_id,
            channel_id=message.posted.channel_id,
            seq=message.seq,
            author_id=message.posted.author_id,
            content="" if is_gone else last.content,
            created_at=message.posted.created_at,
            edited_at=message.edited.at if message.edited is not None else None,
            deleted_at=message.deleted_at,
            parent_id=message.posted.parent_id,
            also_to_channel=message.posted.also_to_channel,
            mentions=() if is_gone else last.mentions,
            mentions_channel=last.mentions_channel and not is_gone,
            attachments=() if is_gone else message.posted.attachments,
            reply_count=len(replies),
            last_reply_at=replies[-1].posted.created_at if replies else None,
            pinned=message.pinned is not None,
            reactions=tuple(
                ReactionRow(emoji, len(people), tuple(people)) for emoji, people in _by_emoji(message).items()
            ),
        )

    def of(self, channel_id: UUID, root_id: UUID | None = None) -> list[Message]:
        """The messages of the channel's page, or the replies of a root, by seq."""
        return [
            m
            for m in self.messages.values()
            if m.posted.channel_id == channel_id and (m.on_page if root_id is None else m.posted.parent_id == root_id)
        ]


def _by_emoji(message: Message) -> dict[str, list[UUID]]:
    found: dict[str, list[UUID]] = {}
    for emoji, user_id in message.reactions:
        found.setdefault(emoji, []).append(user_id)
    return found


@pytest.mark.parametrize("seed", range(3))
async def test_every_message_is_as_a_naive_reading_of_the_log_has_it(database: str, seed: int) -> None:
    """At several positions, each reached in batches of any size: pages, threads, pins, who reacted, and the last messages."""
    events = History(seed + 40).run(900).log
    seen = {"reactions": 0, "pins": 0, "gone": 0, "last": 0}
    async with await log.connect(database) as connection:
        await store(connection, events)
        applied = 0
        for position in (250, 500, 501, 720, len(events)):
            await apply(connection, batches(events[applied:position], seed))
            applied = position
            naive = Naive(events[:position])
            for channel_id, members in naive.members.items():
                if not members:
                    continue
                reader = min(members)
                page = await timeline.page(connection, channel_id, reader, limit=EVERYTHING)
                assert page is not None
                assert page.position == position
                assert page.messages == [naive.row(m) for m in naive.of(channel_id)]
                for message in naive.of(channel_id):
                    seen["gone"] += message.deleted_at is not None
                    replies = await threads.replies(connection, message.message_id, reader, limit=EVERYTHING)
                    assert replies is not None
                    assert replies.messages == [naive.row(m) for m in naive.of(channel_id, message.message_id)]
                    for emoji, people in _by_emoji(message).items():
                        seen["reactions"] += len(people)
                        found = await reactions.who(
                            connection, message.message_id, reader, emoji, after=None, limit=EVERYTHING
                        )
                        assert found is not None
                        assert [row.user_id for row in found[1]] == people
                pinned = [m for m in naive.messages.values() if m.posted.channel_id == channel_id and m.pinned]
                pins = await timeline.pins(connection, channel_id, reader, after=None, limit=EVERYTHING)
                assert pins is not None
                assert pins[0] == [naive.row(m) for m in sorted(pinned, key=lambda m: -(m.pinned or 0))]
                seen["pins"] += len(pinned)
            for user_id in {user_id for members in naive.members.values() for user_id in members}:
                mine = await unread_counts.my_channels(connection, user_id)
                for channel in mine.channels:
                    standing = [m for m in naive.of(channel.channel.channel_id) if m.deleted_at is None]
                    assert channel.last_message == (naive.row(standing[-1]) if standing else None)
                    seen["last"] += bool(standing)
    assert all(seen.values()), "the history has some of everything"
