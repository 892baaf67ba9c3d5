"""My channels with what is unread in them: the snapshot from which a socket continues without a hole."""

from typing import Annotated
from uuid import UUID

import msgspec
from litestar import Response, get
from litestar.params import QueryParameter

from api.channels import Channel, to_channel
from api.freshness import MinPosition, reading
from api.messages import Message, to_message
from api.paging import LIMIT_DEFAULT, Cursor, Limit, from_cursor, to_cursor
from api.requests import ApiRequest
from domain.channel_state import Role
from domain.reading import Level
from projections import followed_threads, unread_counts
from projections.counting import LIST_CAP, mentions_capped


class MyChannel(Channel, frozen=True, kw_only=True):
    """A channel that I am in."""

    role: Role
    level: Level
    """What I want to be told. A muted channel counts like any other."""
    unread_count: int
    """At most the cap; `unread_capped` says that there are more."""
    unread_capped: bool
    mention_count: int
    """At most the cap, threads that I follow included; `mention_capped` says that there may be more."""
    mention_capped: bool
    read_seq: int
    head_seq: int
    """The last seq of the channel's feed."""
    last_message: Message | None


class MyChannels(msgspec.Struct, frozen=True, kw_only=True):
    """All my channels."""

    channels: list[MyChannel]
    position: int
    """At which all of this is true: `connect` with it and `epoch` continues from here."""
    epoch: str


class Thread(msgspec.Struct, frozen=True, kw_only=True):
    """A thread that I follow."""

    message: Message
    """Its root. A deleted one keeps its place; its content is empty."""
    unread_count: int
    """Unread replies, at most 100; `unread_capped` says that there are more."""
    unread_capped: bool
    mention_count: int
    read_seq: int
    """My marker: the later of my own and what the join or the start of following has set."""


class Threads(msgspec.Struct, frozen=True, kw_only=True):
    """A page of the threads that I follow, newest activity first."""

    threads: list[Thread]
    next_cursor: str | None
    position: int
    """At which all of this page is true."""


class UnreadChannel(msgspec.Struct, frozen=True, kw_only=True):
    """What is unread in one channel."""

    channel_id: UUID
    level: Level
    unread_count: int
    unread_capped: bool
    mention_count: int
    mention_capped: bool


class UnreadThreads(msgspec.Struct, frozen=True, kw_only=True):
    """What is unread in the threads that I follow."""

    thread_count: int
    """Threads with unread replies, at most 100."""
    unread_count: int
    """Their unread replies, at most 100."""
    unread_capped: bool
    """There may be more of both."""


class Unread(msgspec.Struct, frozen=True, kw_only=True):
    """What is unread in all my channels; each channel counts at most its cap."""

    unread_count: int
    unread_capped: bool
    """One of the channels has more."""
    mention_count: int
    mention_capped: bool
    """One of the channels may have more."""
    channels: list[UnreadChannel]
    threads: UnreadThreads
    position: int


@get("/me/channels", tags=["reading"])
async def my_channels(request: ApiRequest, min_position: MinPosition = 0) -> Response[MyChannels]:
    """The channels that I am in. Not paged: it is one snapshot at one position."""
    # The epoch is read first: if it changes meanwhile, the pair is refused by `connect`, never taken for right.
    epoch = request.services.epoch()
    async with reading(request, min_position) as view:
        mine = await unread_counts.my_channels(view.connection, request.me)
    view.concerns(*(row.channel.channel_id for row in mine.channels))
    return view.answer(
        MyChannels(channels=[_to_my_channel(row) for row in mine.channels], position=mine.position, epoch=epoch)
    )


def _to_my_channel(row: unread_counts.MyChannelRow) -> MyChannel:
    return MyChannel(
        **msgspec.structs.asdict(to_channel(row.channel)),
        role=Role(row.role),
        level=Level(row.level),
        unread_count=row.unread_count,
        unread_capped=row.unread_capped,
        mention_count=row.mention_count,
        mention_capped=mentions_capped(row.mention_count, LIST_CAP),
        read_seq=row.read_seq,
        head_seq=row.head_seq,
        last_message=to_message(row.last_message) if row.last_message is not None else None,
    )


@get("/me/unread", tags=["reading"])
async def my_unread(request: ApiRequest, min_position: MinPosition = 0) -> Response[Unread]:
    """How much is unread, in all and by channel."""
    async with reading(request, min_position) as view:
        counts = await unread_counts.my_unread(view.connection, request.me)
    view.concerns(*(row.channel_id for row in counts.channels))
    rows = [
        UnreadChannel(
            channel_id=row.channel_id,
            level=Level(row.level),
            unread_count=row.unread_count,
            unread_capped=row.unread_capped,
            mention_count=row.mention_count,
            mention_capped=mentions_capped(row.mention_count, LIST_CAP),
        )
        for row in counts.channels
    ]
    return view.answer(
        Unread(
            unread_count=sum(row.unread_count for row in rows),
            unread_capped=any(row.unread_capped for row in rows),
            mention_count=sum(row.mention_count for row in rows),
            mention_capped=any(row.mention_capped for row in rows),
            channels=rows,
            threads=UnreadThreads(**msgspec.structs.asdict(counts.threads)),
            position=counts.position,
        )
    )


@get("/me/threads", tags=["reading"])
async def my_threads(
    request: ApiRequest,
    *,
    unread: Annotated[bool, QueryParameter(name="unread", description="Only those with unread replies.")] = False,
    cursor: Cursor = None,
    limit: Limit = LIMIT_DEFAULT,
    min_position: MinPosition = 0,
) -> Response[Threads]:
    """The threads that I follow in my channels, newest activity first; on all pages together each of them once."""
    after = from_cursor(cursor, followed_threads.ThreadsAfter)
    async with reading(request, min_position) as view:
        found = await followed_threads.my_threads(
            view.connection, request.me, after=after, only_unread=unread, limit=limit
        )
    view.concerns(*(row.root.channel_id for row in found.threads))
    next_cursor = to_cursor(found.further)
    return view.answer(
        Threads(threads=[_to_thread(row) for row in found.threads], next_cursor=next_cursor, position=found.position)
    )


def _to_thread(row: followed_threads.ThreadRow) -> Thread:
    return Thread(
        message=to_message(row.root),
        unread_count=row.unread_count,
        unread_capped=row.unread_capped,
        mention_count=row.mention_count,
        read_seq=row.read_seq,
    )
