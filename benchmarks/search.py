"""Search: milliseconds of a page of 50 results over a million messages.

The log is the one of `benchmarks/corpus.py`, with every fourth channel private; both groups of views are built from it by
their runners. 200 searches of each kind: words sampled over deciles of document frequency, half of them over deciles of the
vocabulary and half over deciles of all that is written, so that rare and common words have their share. One connection
asks, in this process, with the queries that the API asks; the time is from the call to the decoded rows.
"""

import gc
import random
import time
from bisect import bisect
from collections.abc import Callable, Iterator
from itertools import accumulate
from typing import Any
from uuid import UUID

import msgspec
from psycopg import AsyncConnection

from benchmarks.catchup import build_views
from benchmarks.corpus import BUILD_DEADLINE_S, CORPUS, GROUPS, Town, make_town
from benchmarks.support import Figure, Plan, checkpoint, postgres, quantile, run_loop
from domain.channel import ChannelCreated
from domain.channel_state import ChannelKind
from domain.decider import Recorded
from projections import found
from projections.found import Wanted
from projections.search import MARK, Search, search_group
from sermo import log

NAME = "search"
SEARCHES = 200
DECILES = 10
SAMPLED_PERCENT = 20


def _events(town: Town) -> Iterator[Recorded]:
    """The town's, with every fourth channel private."""
    private = set(list(town.channels.values())[3::4])
    for recorded in town.events():
        event = recorded.event
        if isinstance(event, ChannelCreated) and event.channel_id in private:
            event = msgspec.structs.replace(event, kind=ChannelKind.PRIVATE)
            recorded = msgspec.structs.replace(recorded, event=event)
        yield recorded


class _Words:
    """The vocabulary, by how many messages have a word."""

    def __init__(self, counted: list[tuple[int, str]], chance: random.Random) -> None:
        self._counted = sorted(counted)
        self._written = list(accumulate(count for count, _ in self._counted))
        self._chance = chance

    def word(self, number: int) -> str:
        """One of the decile whose turn it is: of the vocabulary, or of all that is written."""
        size, decile = len(self._counted), number // 2 % DECILES
        if number % 2:
            return self._counted[self._chance.randrange(decile * size // DECILES, (decile + 1) * size // DECILES)][1]
        share = self._written[-1] / DECILES
        place = bisect(self._written, self._chance.uniform(decile * share, (decile + 1) * share))
        return self._counted[min(place, size - 1)][1]


async def _words(connection: AsyncConnection[Any], chance: random.Random) -> _Words:
    """Of a sample of the documents; without marks, and without the words that only one message has by its making."""
    cursor = await connection.execute(
        "select ndoc, word from ts_stat('select lexemes from search_english_v2.documents"
        f" tablesample system ({SAMPLED_PERCENT}) repeatable (1)') where left(word, 1) <> %s and word !~ '^ref[0-9a-f]+$'",
        [MARK],
    )
    return _Words([(row[0], row[1]) for row in await cursor.fetchall()], chance)


Ask = Callable[[int], tuple[Wanted, UUID, bool]]


def _kinds(town: Town, words: _Words, chance: random.Random) -> dict[str, Ask]:
    channels, people = list(town.channels.values()), list(town.people.values())
    busy, idle = town.readers[0], people[-1]
    return {
        "one word": lambda n: (Wanted(text=words.word(n)), busy, False),
        "two words": lambda n: (Wanted(text=f"{words.word(n)} {words.word(n + 5)}"), busy, False),
        "in a channel": lambda n: (
            Wanted(text=words.word(n), channel_id=chance.choice(channels[: 10 * GROUPS])),
            busy,
            False,
        ),
        "by an author": lambda n: (Wanted(text=words.word(n), author_id=chance.choice(people)), busy, False),
        "a person with few channels": lambda n: (Wanted(text=words.word(n)), idle, False),
        "by rank": lambda n: (Wanted(text=words.word(n)), busy, True),
    }


async def _measure(dsn: str, town: Town, plan: Plan) -> list[Figure]:
    chance = random.Random(1)
    figures: list[Figure] = []
    async with await log.connect(dsn) as connection:
        await connection.execute("set statement_timeout = 0")
        words = await _words(connection, chance)
        gc.freeze()
        for kind, ask in _kinds(town, words, chance).items():
            median: list[float] = []
            slowest: list[float] = []
            for run in range(plan.few + 1):
                taken = []
                for number in range(plan.size(SEARCHES, 20)):
                    wanted, person, by_rank = ask(number)
                    began = time.perf_counter()
                    await found.find(connection, Search(), wanted, person, by_rank=by_rank)
                    taken.append((time.perf_counter() - began) * 1e3)
                if run:  # the first one warms
                    median.append(quantile(taken, 0.5))
                    slowest.append(quantile(taken, 0.99))
            plan.tell(f"{kind}: p50 {median[-1]:.1f} ms, p99 {slowest[-1]:.1f} ms")
            figures.append(Figure(name=f"Search, {kind}, p50", unit="ms", values=median))
            figures.append(Figure(name=f"Search, {kind}, p99", unit="ms", values=slowest, target=50, at_most=True))
    return figures


def run(plan: Plan) -> list[Figure]:
    """See the top of this file."""
    if not CORPUS.exists():
        plan.tell(f"skipped: there is no {CORPUS}")
        return []
    with postgres() as server:
        dsn, town, size = make_town(server, plan, _events)
        seconds = run_loop(build_views(dsn, size, search_group(), deadline_s=BUILD_DEADLINE_S))
        plan.tell(f"built the search in {seconds:.0f} s")
        checkpoint(dsn)
        figures: list[Figure] = run_loop(_measure(dsn, town, plan))
        return [*figures, Figure(name="Search, building", unit="messages/s", values=[town.posted / seconds])]
