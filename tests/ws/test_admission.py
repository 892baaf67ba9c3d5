"""Turns at the log: bounded, fair to people, and never lost."""

import asyncio
from uuid import UUID

from ws.admission import Admission

ANN, BEN = UUID(int=1), UUID(int=2)


async def _take(admission: Admission, user_id: UUID, order: list[UUID], release: asyncio.Event) -> None:
    async with admission.turn(user_id):
        order.append(user_id)
        await release.wait()


async def test_no_more_than_the_slots_have_a_turn_at_once() -> None:
    """The third of two slots waits, and is told about how long."""
    admission, order, release = Admission(2), [], asyncio.Event()
    assert admission.delay_ms == 0
    tasks = [asyncio.create_task(_take(admission, UUID(int=number), order, release)) for number in range(3)]
    await asyncio.sleep(0)
    assert (len(order), admission.waiting) == (2, 1)
    assert admission.delay_ms > 0
    release.set()
    await asyncio.gather(*tasks)
    assert (len(order), admission.waiting, admission.delay_ms) == (3, 0, 0)


async def test_turns_go_round_the_people() -> None:
    """Somebody with many connections does not come before somebody with one."""
    admission, order, release = Admission(1), [], asyncio.Event()
    tasks = [asyncio.create_task(_take(admission, user, order, release)) for user in (ANN, ANN, ANN, ANN, BEN)]
    await asyncio.sleep(0)
    release.set()
    await asyncio.gather(*tasks)
    assert order == [ANN, ANN, BEN, ANN, ANN]


async def test_who_goes_away_while_waiting_takes_no_turn_with_them() -> None:
    """Cancelled before the turn, in the same moment as it, and during it: the others still get theirs."""
    admission, order, release = Admission(1), [], asyncio.Event()
    first, second, third = (asyncio.create_task(_take(admission, UUID(int=n), order, release)) for n in range(3))
    await asyncio.sleep(0)
    second.cancel()
    release.set()
    await asyncio.gather(first, second, third, return_exceptions=True)
    assert order == [UUID(int=0), UUID(int=2)]
    release.clear()
    holder, lucky, last = (asyncio.create_task(_take(admission, UUID(int=n), order, release)) for n in range(3))
    await asyncio.sleep(0)
    holder.cancel()
    await asyncio.sleep(0)  # the turn is handed on in this step
    lucky.cancel()
    release.set()
    await asyncio.gather(holder, lucky, last, return_exceptions=True)
    assert order[2] == UUID(int=0)
    assert order[-1] == UUID(int=2)
    assert (admission.waiting, admission.delay_ms) == (0, 0)
