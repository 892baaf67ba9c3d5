"""Check a log against its invariants, the views against the log, and the files. Reads only; a check is one statement."""

import asyncio
from typing import Any

import msgspec
from psycopg import AsyncConnection

from domain import catalog
from sermo.files import Files


class Finding(msgspec.Struct, frozen=True):
    """What one check found."""

    check: str
    wrong: int
    """How many places are wrong; 0 is good."""
    example: str | None


FOLLOWING = {
    "name.claimed.1",
    "name.released.1",
    "membership.joined.1",
    "attachment.attached.1",
    "channel.topic_changed.1",
    "user.status_text_set.1",
}
"""Events that may stand behind another one of their command. With any other that we know a command begins."""

_BEGINNING = ", ".join(f"'{name}'" for name in catalog.EVENTS if name not in FOLLOWING)

_CHECKS: dict[str, str] = {
    "positions are dense from 1": (
        "select notification_id::text from (select notification_id,"
        " row_number() over (order by notification_id) as place from stored_events) as p where notification_id <> place"
    ),
    "versions of a stream are 1, 2, 3 ...": (
        "select originator_id::text from (select originator_id, originator_version, row_number() over"
        " (partition by originator_id order by originator_version) as place from stored_events"
        " where command_id is null or feed_id is not null or topic ~ '^[a-z_]+\\.[a-z_]+\\.[0-9]+$') as v"
        " where originator_version <> place"
    ),
    "seqs of a feed are 1, 2, 3 ... in position order": (
        "select feed_id || ' at ' || notification_id from (select feed_id, feed_seq, notification_id, row_number() over"
        " (partition by feed_id order by notification_id) as place from stored_events where feed_id is not null) as f"
        " where feed_seq <> place"
    ),
    "recorded times do not run backwards": (
        "select notification_id::text from (select notification_id, recorded_at, lag(recorded_at) over"
        " (order by notification_id) as before from stored_events) as t where recorded_at < before"
    ),
    "every command begins with its id": (
        # Where commands begin is written nowhere else. It is known of the first row of an append call, since all its rows
        # have one time and the next call has a later one, and of events that follow no other.
        "select notification_id::text from (select notification_id, command_id, topic, recorded_at, lag(recorded_at) over"
        " (order by notification_id) as before from stored_events) as c where command_id is null and"
        f" (before is null or recorded_at > before or topic in ({_BEGINNING}))"
    ),
    "checkpoints are not beyond the log": (
        "select application_name from notification_tracking where application_name <> '__migration__'"
        " and notification_id > (select coalesce(max(notification_id), 0) from stored_events)"
    ),
    "follow intervals equal the log's": (
        # Joins and ends of one membership alternate in its stream; a deletion ends what is open.
        "with checkpoint as (select notification_id as through from notification_tracking where application_name = 'core'),"
        " joins as (select convert_from(j.state, 'UTF8')::jsonb as body, j.originator_id, j.originator_version,"
        " j.notification_id as joined from stored_events j, checkpoint where j.topic = 'membership.joined.1'"
        " and j.notification_id <= through),"
        " expected as (select (body->>'channel_id')::uuid as channel_id, (body->>'user_id')::uuid as user_id, joined,"
        " least((select min(e.notification_id) from stored_events e, checkpoint where e.originator_id = joins.originator_id"
        " and e.originator_version > joins.originator_version and e.notification_id <= through"
        " and e.topic in ('membership.left.1', 'membership.removed.1')),"
        " (select min(d.notification_id) from stored_events d, checkpoint where d.originator_id = (body->>'channel_id')::uuid"
        " and d.topic = 'channel.deleted.1' and d.notification_id <= through)) as ended from joins),"
        " actual as (select channel_id, user_id, joined_position, left_position from memberships_v2.memberships)"
        " select coalesce(e.channel_id, a.channel_id) || ' ' || coalesce(e.user_id, a.user_id) from expected e"
        " full join actual a on (a.channel_id, a.user_id, a.joined_position) = (e.channel_id, e.user_id, e.joined)"
        " where e.channel_id is null or a.channel_id is null or a.left_position is distinct from e.ended"
    ),
}


async def examine(connection: AsyncConnection[Any]) -> list[Finding]:
    """Run every check. Cost: a scan of the log for each."""
    await connection.execute("set statement_timeout = 0")
    findings = []
    for check, query in _CHECKS.items():
        cursor = await connection.execute(f"select count(*), min(place) from ({query}) as wrong(place)")
        row = await cursor.fetchone()
        assert row is not None
        findings.append(Finding(check, row[0], row[1]))
    return findings


async def examine_files(connection: AsyncConnection[Any], files: Files) -> Finding:
    """Look for the content of each attachment that was not collected. Cost: a scan of the log, and every file's bytes."""
    cursor = await connection.execute(
        "select distinct convert_from(u.state, 'UTF8')::jsonb->>'sha256' from stored_events u"
        " where u.topic = 'attachment.uploaded.1' and not exists (select from stored_events c"
        " where c.originator_id = u.originator_id and c.topic = 'attachment.collected.1')"
    )
    hashes = [row[0] for row in await cursor.fetchall()]
    wrong = [sha256 for sha256 in hashes if not await asyncio.to_thread(files.is_whole, sha256)]
    return Finding(f"files of attachments are whole in {files.folder}", len(wrong), min(wrong, default=None))
