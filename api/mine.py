"""My channels with what is unread in them: the snapshot from which a socket continues without a hole."""

from uuid import UUID

import msgspec
from litestar import Response, get

from api.channels import Channel, to_channel
from api.freshness import MinPosition, reading
from api.messages import Message, to_message
from api.requests import ApiRequest
from domain.channel_state import Role
from domain.reading import Level
from projections import unread_counts


class MyChannel(Channel, frozen=True, kw_only=True):
    """A channel that I am in."""

    role: Role
    level: Level
    """What I want to be told. A muted channel counts like any other."""
    unread_count: int
    """At most the cap; `unread_capped` says that there are more."""
    unread_capped: bool
    mention_count: int
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


class UnreadChannel(msgspec.Struct, frozen=True, kw_only=True):
    """What is unread in one channel."""

    channel_id: UUID
    level: Level
    unread_count: int
    unread_capped: bool
    mention_count: int


class Unread(msgspec.Struct, frozen=True, kw_only=True):
    """What is unread in all my channels; each channel counts at most its cap."""

    unread_count: int
    mention_count: int
    channels: list[UnreadChannel]
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
        )
        for row in counts.channels
    ]
    return view.answer(
        Unread(
            unread_count=sum(row.unread_count for row in rows),
            mention_count=sum(row.mention_count for row in rows),
            channels=rows,
            position=counts.position,
        )
    )
