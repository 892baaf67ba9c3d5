"""Invitations by link: those of a channel, and what a code leads to."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from psycopg import AsyncConnection

from domain.decider import Recorded
from domain.invitation import InvitationCreated, InvitationRevoked, InvitationUsed
from projections.projection import Write, may_govern, may_see

name = "invitations"
version = 1


def tables(schema: str) -> str:
    """See `View.tables`."""
    return f"""
        create table {schema}.invitations (
            invitation_id uuid primary key, channel_id uuid not null, code text not null, created_by uuid not null,
            created_at timestamptz not null, expires_at timestamptz not null, max_uses int, uses int not null default 0,
            revoked_at timestamptz
        );
        create index on {schema}.invitations (channel_id, created_at, invitation_id) where revoked_at is null;
    """


def fold(schema: str, batch: Sequence[Recorded]) -> list[Write]:
    """See `View.fold`. What is made in the batch is inserted first, so that the rest finds it."""
    created: list[tuple[Any, ...]] = []
    uses: dict[UUID, int] = {}
    revoked: dict[UUID, datetime] = {}
    for recorded in batch:
        match recorded.event:
            case InvitationCreated() as e:
                made = (recorded.stream_id, e.channel_id, e.code, e.by, e.at, e.expires_at, e.max_uses)
                created.append(made)
            case InvitationUsed():
                uses[recorded.stream_id] = uses.get(recorded.stream_id, 0) + 1
            case InvitationRevoked() as e:
                revoked[recorded.stream_id] = e.at
    writes: list[Write] = []
    if created:
        statement = (
            f"insert into {schema}.invitations select u.* from unnest(%b::uuid[], %b::uuid[], %b::text[], %b::uuid[],"
            " %b::timestamptz[], %b::timestamptz[], %b::int4[]) as u"
        )
        writes.append((statement, [list(column) for column in zip(*created, strict=True)]))
    if uses:
        statement = (
            f"update {schema}.invitations i set uses = i.uses + u.more"
            " from unnest(%b::uuid[], %b::int4[]) as u(id, more) where i.invitation_id = u.id"
        )
        writes.append((statement, [list(uses), list(uses.values())]))
    if revoked:
        statement = (
            f"update {schema}.invitations i set revoked_at = u.value"
            " from unnest(%b::uuid[], %b::timestamptz[]) as u(id, value) where i.invitation_id = u.id"
        )
        writes.append((statement, [list(revoked), list(revoked.values())]))
    return writes


class InvitationRow(msgspec.Struct, frozen=True):
    invitation_id: UUID
    channel_id: UUID
    code: str
    created_by: UUID
    created_at: datetime
    expires_at: datetime
    max_uses: int | None
    uses: int


class InvitationsAfter(msgspec.Struct, frozen=True):
    """Where the next page of invitations begins."""

    created_at: datetime
    invitation_id: UUID


class PreviewRow(msgspec.Struct, frozen=True):
    channel_id: UUID
    kind: str
    name: str
    topic: str
    member_count: int
    invited_by: UUID
    username: str
    display_name: str
    expires_at: datetime


_COLUMNS = "i.invitation_id, i.channel_id, i.code, i.created_by, i.created_at, i.expires_at, i.max_uses, i.uses"  # InvitationRow
_LIVING = "i.revoked_at is null and i.expires_at > %(now)b and (i.max_uses is null or i.uses < i.max_uses)"


async def invitation(connection: AsyncConnection[Any], invitation_id: UUID) -> InvitationRow | None:
    """One invitation, for who has its code. One row by primary key."""
    cursor = await connection.execute(
        f"select {_COLUMNS} from invitations_v1.invitations i where i.invitation_id = %b", [invitation_id], binary=True
    )
    row = await cursor.fetchone()
    return InvitationRow(*row) if row is not None else None


async def uses(connection: AsyncConnection[Any], invitation_id: UUID, for_user: UUID) -> int | None:
    """How often it was used; None for who does not govern its channel. One row by primary key."""
    cursor = await connection.execute(
        "select i.uses from invitations_v1.invitations i where i.invitation_id = %(id)b"
        f" and {may_govern('i.channel_id', '%(me)b')}",
        {"id": invitation_id, "me": for_user},
        binary=True,
    )
    row = await cursor.fetchone()
    return row[0] if row is not None else None


async def of_channel(
    connection: AsyncConnection[Any],
    channel_id: UUID,
    for_user: UUID,
    now: datetime,
    *,
    after: InvitationsAfter | None,
    limit: int,
) -> tuple[bool, bool, list[InvitationRow], InvitationsAfter | None]:
    """Whether the person may see the channel and whether govern it; then its living invitations, oldest first, and where
    the next page begins. A range of the index of invitations by channel, filtered.
    """
    cursor = await connection.execute(
        f"select may.see, may.govern, i.* from (select {may_see('%(channel)b', '%(me)b')} as see,"
        f" {may_govern('%(channel)b', '%(me)b')} as govern) as may"
        f" left join lateral (select {_COLUMNS} from invitations_v1.invitations i where i.channel_id = %(channel)b"
        f" and {_LIVING} and (i.created_at, i.invitation_id) > (%(at)b, %(id)b)"
        " order by i.created_at, i.invitation_id limit %(limit)b) as i on may.govern",
        {
            "channel": channel_id,
            "me": for_user,
            "now": now,
            "at": after.created_at if after else datetime.min.replace(tzinfo=now.tzinfo),
            "id": after.invitation_id if after else UUID(int=0),
            "limit": limit + 1,
        },
        binary=True,
    )
    rows = await cursor.fetchall()
    found = [InvitationRow(*row[2:]) for row in rows[:limit] if row[2] is not None]
    further = InvitationsAfter(found[-1].created_at, found[-1].invitation_id) if len(rows) > limit else None
    return rows[0][0], rows[0][1], found, further


async def preview(connection: AsyncConnection[Any], invitation_id: UUID, now: datetime) -> PreviewRow | None:
    """What a living invitation leads to, for whoever has its code. Three rows by primary key."""
    cursor = await connection.execute(
        "select c.channel_id, c.kind, c.name, c.topic, c.member_count, i.created_by, p.username, p.display_name,"
        " i.expires_at from invitations_v1.invitations i join channels_v2.channels c using (channel_id)"
        " join people_v2.people p on p.user_id = i.created_by"
        f" where i.invitation_id = %(id)b and {_LIVING} and c.deleted_at is null and c.archived_at is null",
        {"id": invitation_id, "now": now},
        binary=True,
    )
    row = await cursor.fetchone()
    return PreviewRow(*row) if row is not None else None
