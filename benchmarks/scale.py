"""Reading and writing where a million messages are: pages, a person's channels, posts into a large channel, appends.

The workspace is made from the shared corpus (`benchmarks/corpus.py`), the views are built from its log by the runner, and
statistics are fresh. One connection asks, in this process, with the queries that the API asks; the time is from the call to
the decoded rows, so it holds more than the database's share.

- Page: 50 messages, of a channel drawn by its size, at a random seq: newest, before, after or around.
- `me/channels`: for each of ten people who are in 100 channels, ten of them never read and ninety with at most 20 unread.
- Posts: a message over REST into a channel of 10,000 members and into one of 10, in turn, from the write of the request to
  the answer; nobody is connected by socket. The ratio is of the medians of a run.
- Appends: `benchmarks/append.py`'s batches on this log and on an empty one, in turn, in the same PostgreSQL.
"""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any
from uuid import UUID

import httpx
from psycopg import AsyncConnection

from benchmarks.append import Rooms, append_batches
from benchmarks.corpus import CORPUS, Town, make_town
from benchmarks.filling import Writer, mint
from benchmarks.support import (
    Figure,
    Plan,
    checkpoint,
    create_database,
    new_id,
    postgres,
    quantile,
    ratios,
    reach,
    run_loop,
    sermo_serve,
)
from projections import timeline, unread_counts
from projections.counting import LIST_CAP
from sermo import log
from sermo.migrate import migrate

NAME = "scale"
MANY, FEW = 10_000, 10
BATCHES = 150


async def _times(calls: Sequence[Callable[[], Awaitable[Any]]]) -> list[float]:
    taken = []
    for call in calls:
        began = time.perf_counter()
        answer = await call()
        taken.append((time.perf_counter() - began) * 1e3)
        assert answer is not None
    return taken


async def _heads(connection: AsyncConnection[Any], channels: Sequence[UUID]) -> dict[UUID, int]:
    cursor = await connection.execute(
        "select channel_id, max(seq), count(*) from timeline_v2.messages where channel_id = any(%s) group by channel_id",
        [list(channels)],
    )
    return {row[0]: row[1] for row in await cursor.fetchall()}


def _page(connection: AsyncConnection[Any], chance: random.Random, heads: dict[UUID, int], person: UUID) -> Any:
    (channel_id,) = chance.choices(list(heads), list(heads.values()))
    way = chance.choice(["newest", "before", "after", "around"])
    where = {} if way == "newest" else {way: chance.randint(1, heads[channel_id])}
    return lambda: timeline.page(connection, channel_id, person, limit=50, **where)


async def _read(dsn: str, town: Town, plan: Plan) -> list[Figure]:
    chance = random.Random(1)
    pages: list[float] = []
    mine: list[float] = []
    async with await log.connect(dsn) as connection:
        heads = await _heads(connection, list(town.channels.values()))
        for run in range(plan.runs + 1):
            asked = [_page(connection, chance, heads, town.readers[0]) for _ in range(plan.size(2_000, 50))]
            page_times = await _times(asked)
            readers = town.readers * plan.size(20, 1)
            mine_times = await _times([lambda r=r: unread_counts.my_channels(connection, r) for r in readers])
            if run:  # the first one warms
                pages.append(quantile(page_times, 0.99))
                mine.append(quantile(mine_times, 0.99))
                plan.tell(f"run {run}: page p99 {pages[-1]:.2f} ms, me/channels p99 {mine[-1]:.2f} ms")
        await _check(connection, town)
    return [
        Figure(name="A page of 50 messages, p99", unit="ms", values=pages, target=5, at_most=True),
        Figure(name="`me/channels` of 100 channels, p99", unit="ms", values=mine, target=15, at_most=True),
    ]


async def _check(connection: AsyncConnection[Any], town: Town) -> None:
    """What was measured is what the figure says."""
    for reader in town.readers:
        found = (await unread_counts.my_channels(connection, reader)).channels
        over = sum(row.unread_capped for row in found)
        if len(found) != 100 or over < 8:
            raise RuntimeError(f"{len(found)} channels, {over} of them over the cap: not what is to be measured")
        if max(row.unread_count for row in found if not row.unread_capped) > LIST_CAP:
            raise RuntimeError("a channel has more unread than its cap")


async def _post(dsn: str, plan: Plan) -> list[Figure]:
    many: list[float] = []
    few: list[float] = []
    async with sermo_serve(dsn) as url:
        async with await log.connect(dsn) as connection:
            made = Writer(connection)
            people = await made.people(plan.size(MANY, 100), prefix="member")
            large = await made.channel("large", people)
            small = await made.channel("small", people[:FEW])
            await made.flush()
        await reach(url, made.position)
        (author,) = mint(dsn, people[:1])
        headers = {"authorization": f"Bearer {author.token}"}
        async with httpx.AsyncClient(base_url=url, headers=headers, timeout=60.0) as client:
            for run in range(plan.runs + 1):
                times: dict[UUID, list[float]] = {large: [], small: []}
                for number in range(plan.size(1_000, 20)):
                    channel_id = (large, small)[number % 2]
                    body = {"message_id": str(new_id()), "content": "x" * 200}
                    began = time.perf_counter()
                    answer = await client.post(f"/v1/channels/{channel_id}/messages", json=body)
                    times[channel_id].append((time.perf_counter() - began) * 1e3)
                    answer.raise_for_status()
                if run:
                    many.append(quantile(times[large], 0.5))
                    few.append(quantile(times[small], 0.5))
                    plan.tell(f"run {run}: post to {len(people):,} members {many[-1]:.2f} ms, to 10 {few[-1]:.2f} ms")
    return [
        Figure(name="Post into a channel of 10,000 members, p50", unit="ms", values=many),
        Figure(name="Post into a channel of 10, p50", unit="ms", values=few, is_baseline=True),
        Figure(name="Post: 10,000 members / 10", unit="x", values=ratios(many, few), target=1.2, at_most=True),
    ]


async def _append(dsn: str, server: str, plan: Plan) -> list[Figure]:
    large: list[float] = []
    empty: list[float] = []
    async with await log.connect(dsn) as connection:
        rooms = await Rooms.make(connection)
        await append_batches(connection, rooms, BATCHES)
        for run in range(plan.runs):
            fresh = create_database(server, f"empty_{run}")
            await asyncio.to_thread(migrate, fresh)
            async with await log.connect(fresh) as other:
                others = await Rooms.make(other)
                await append_batches(other, others, 20)
                await asyncio.to_thread(checkpoint, fresh)
                large.append(await append_batches(connection, rooms, plan.size(BATCHES, 5)))
                empty.append(await append_batches(other, others, plan.size(BATCHES, 5)))
            plan.tell(f"run {run + 1}: append {large[-1]:,.0f} events/s, on an empty log {empty[-1]:,.0f}")
    return [
        Figure(name="Append at 1,000,000 events", unit="events/s", values=large),
        Figure(name="Append on an empty log", unit="events/s", values=empty, is_baseline=True),
        Figure(
            name="Append: time at 1,000,000 / empty", unit="x", values=ratios(empty, large), target=1.3, at_most=True
        ),
    ]


def run(plan: Plan) -> list[Figure]:
    """See the top of this file."""
    if not CORPUS.exists():
        plan.tell(f"skipped: there is no {CORPUS}")
        return []
    with postgres() as server:
        dsn, town, _ = make_town(server, plan)
        checkpoint(dsn)
        appends: list[Figure] = run_loop(_append(dsn, server, plan))
        checkpoint(dsn)
        return [*run_loop(_read(dsn, town, plan)), *run_loop(_post(dsn, plan)), *appends]
