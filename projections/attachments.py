"""Attachments: who may have the file of each, and which files somebody may still ask for.

A state only goes forward, so a batch amounts to the furthest that it brings each row to. Whoever may not have a file gets no
row at all, like for a file that is not there.
"""

from collections.abc import Sequence
from datetime import datetime
from enum import IntEnum
from typing import Any
from uuid import UUID

import msgspec
from psycopg import AsyncConnection
from psycopg.rows import class_row

from domain.attachment import AttachmentAttached, AttachmentCollected, AttachmentUploaded
from domain.channel import ChannelDeleted
from domain.decider import Recorded
from domain.message import MessageDeleted
from projections.projection import Write, may_see

name = "attachments"
version = 1


class State(IntEnum):
    """What became of a file."""

    WAITING = 0
    """For a message: its uploader alone may have it."""
    ATTACHED = 1
    """Who may see its message may have it."""
    RELEASED = 2
    """Its message or channel was deleted: nobody may have it, and it is to be collected."""
    COLLECTED = 3
    """Its content may be gone."""


def tables(schema: str) -> str:
    """See `View.tables`."""
    return f"""
        create table {schema}.attachments (
            attachment_id uuid primary key, channel_id uuid not null, uploaded_by uuid not null, name text not null,
            media_type text not null, size bigint not null, sha256 text not null, uploaded_at timestamptz not null,
            message_id uuid, state smallint not null default 0
        );
        -- Whether anything that was not collected has this content.
        create index attachments_content on {schema}.attachments (sha256) where state < 3;
        -- What a deletion releases.
        create index attachments_message on {schema}.attachments (message_id) where message_id is not null;
        create index attachments_channel on {schema}.attachments (channel_id);
        -- What may have to be collected.
        create index attachments_waiting on {schema}.attachments (uploaded_at) where state = 0;
        create index attachments_released on {schema}.attachments (attachment_id) where state = 2;
    """


def fold(schema: str, batch: Sequence[Recorded]) -> list[Write]:
    """See `View.fold`. In this order of the writes each finds the rows that it needs, whichever of them are of the batch."""
    uploaded: list[tuple[Any, ...]] = []
    attached: dict[UUID, UUID] = {}
    collected: list[UUID] = []
    messages: list[UUID] = []
    channels: list[UUID] = []
    for recorded in batch:
        match recorded.event:
            case AttachmentUploaded() as e:
                uploaded.append((recorded.stream_id, e.channel_id, e.by, e.name, e.media_type, e.size, e.sha256, e.at))
            case AttachmentAttached() as e:
                attached[recorded.stream_id] = e.message_id
            case AttachmentCollected():
                collected.append(recorded.stream_id)
            case MessageDeleted():
                messages.append(recorded.stream_id)
            case ChannelDeleted() as e:
                channels.append(e.channel_id)
    return [
        *_inserts(schema, uploaded),
        *_attach(schema, attached),
        *_forward(schema, "message_id", messages, State.RELEASED),
        *_forward(schema, "channel_id", channels, State.RELEASED),
        *_forward(schema, "attachment_id", collected, State.COLLECTED),
    ]


def _inserts(schema: str, uploaded: list[tuple[Any, ...]]) -> list[Write]:
    if not uploaded:
        return []
    statement = (
        f"insert into {schema}.attachments (attachment_id, channel_id, uploaded_by, name, media_type, size, sha256,"
        " uploaded_at) select * from unnest(%b::uuid[], %b::uuid[], %b::uuid[], %b::text[], %b::text[], %b::int8[],"
        " %b::text[], %b::timestamptz[])"
    )
    return [(statement, [list(column) for column in zip(*uploaded, strict=True)])]


def _attach(schema: str, attached: dict[UUID, UUID]) -> list[Write]:
    if not attached:
        return []
    statement = (
        f"update {schema}.attachments a set message_id = u.message, state = greatest(a.state, {State.ATTACHED})"
        " from unnest(%b::uuid[], %b::uuid[]) as u(id, message) where a.attachment_id = u.id"
    )
    return [(statement, [list(attached), list(attached.values())])]


def _forward(schema: str, column: str, ids: list[UUID], state: State) -> list[Write]:
    if not ids:
        return []
    return [(f"update {schema}.attachments set state = {state} where {column} = any(%b) and state < {state}", [ids])]


class AttachmentRow(msgspec.Struct, frozen=True):
    attachment_id: UUID
    channel_id: UUID
    name: str
    media_type: str
    size: int
    sha256: str


async def attachment(connection: AsyncConnection[Any], attachment_id: UUID, for_user: UUID) -> AttachmentRow | None:
    """A file that the person may have. One row by primary key."""
    async with connection.cursor(row_factory=class_row(AttachmentRow), binary=True) as cursor:
        await cursor.execute(
            "select a.attachment_id, a.channel_id, a.name, a.media_type, a.size, a.sha256"
            " from attachments_v1.attachments a where a.attachment_id = %(id)b and case a.state"
            f" when {State.WAITING} then a.uploaded_by = %(me)b"
            f" when {State.ATTACHED} then {may_see('a.channel_id', '%(me)b')} else false end",
            {"id": attachment_id, "me": for_user},
        )
        return await cursor.fetchone()


async def collectable(connection: AsyncConnection[Any], uploaded_before: datetime, limit: int) -> list[UUID]:
    """Attachments that nobody needs: released, or waiting since before then. Indexes `attachments_released`, `_waiting`."""
    cursor = await connection.execute(
        "(select attachment_id from attachments_v1.attachments where state = 2 limit %(limit)b) union all"
        " (select attachment_id from attachments_v1.attachments where state = 0 and uploaded_at < %(before)b"
        " order by uploaded_at limit %(limit)b) limit %(limit)b",
        {"before": uploaded_before, "limit": limit},
        binary=True,
    )
    return [row[0] for row in await cursor.fetchall()]


async def unneeded(connection: AsyncConnection[Any], hashes: Sequence[str]) -> list[str]:
    """Those of these contents that no attachment has which was not collected. Index `attachments_content`, a look-up each."""
    cursor = await connection.execute(
        # The limit keeps this a look-up for each: as a join it might read the whole table.
        "select u.hash from unnest(%b::text[]) as u(hash) where"
        " (select true from attachments_v1.attachments a where a.sha256 = u.hash and a.state < 3 limit 1) is null",
        [list(hashes)],
        binary=True,
    )
    return [row[0] for row in await cursor.fetchall()]
