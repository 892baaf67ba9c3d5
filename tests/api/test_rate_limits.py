"""Too much of one person or address is 429 `rate_limited` with the time to wait; nobody else notices."""

import pytest

from api.limits import REMEMBERED_MAX, Rate, RateLimits
from domain.errors import RateLimited
from tests.api.test_code_table import refused
from tests.fixtures.server import PASSWORD, Person, Server


class Clock:
    """A clock that stands until it is moved."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_who_waits_as_long_as_was_said_is_let_in() -> None:
    """And asking on meanwhile makes it no longer; another key has its own bucket."""
    clock = Clock()
    limits = RateLimits({"writes": Rate(10, 2)}, clock)
    limits.take("writes", "ann")
    limits.take("writes", "ann")
    for _ in range(5):
        with pytest.raises(RateLimited) as refusal:
            limits.take("writes", "ann")
    assert refusal.value.retry_after_ms == 100
    limits.take("writes", "ben")
    clock.now = 0.1
    limits.take("writes", "ann")
    assert limits.refused["writes"] == 5


def test_a_flood_of_addresses_takes_bounded_memory_and_frees_nobody_who_asks_on() -> None:
    """The longest quiet are forgotten first."""
    limits = RateLimits({"anonymous": Rate(0.001, 2)}, Clock())
    limits.take("anonymous", "ann")
    limits.take("anonymous", "ann")
    for number in range(3 * REMEMBERED_MAX):
        limits.take("anonymous", number)
        if number % 1_000 == 0:
            with pytest.raises(RateLimited):
                limits.take("anonymous", "ann")
    assert len(limits._buckets["anonymous"]) == REMEMBERED_MAX


async def test_a_guesser_of_passwords_has_to_wait(server: Server, ann: Person, ben: Person) -> None:
    """Also with the right password then, and in another spelling of the name; others log in, and success forgets failures."""
    limits = server.node.rate_limits
    limits._rates["failed_logins"] = Rate(1 / 60, 3)

    async def login(username: str, password: str) -> int:
        answer = await server.http.post("/v1/auth/login", json={"username": username, "password": password})
        if answer.status_code == 429:
            refused(answer, 429, "rate_limited")
            assert 0 < int(answer.headers["retry-after"]) <= 60
        return answer.status_code

    assert [await login("ann", word) for word in ("wrong", "wrong", PASSWORD)] == [401, 401, 200]
    assert [await login(name, "wrong") for name in ("ann", "ANN", "ann")] == [401, 401, 401]
    assert [await login(name, PASSWORD) for name in ("ann", "Ann")] == [429, 429]
    assert await login("ben", PASSWORD) == 200
    assert (await ann.get("/me")).status_code == 200


async def test_reads_and_writes_of_a_person_and_calls_without_a_token_are_limited(
    server: Server, ann: Person, ben: Person
) -> None:
    """Each apart, and the metrics tell."""
    rates = server.node.rate_limits._rates
    server.node.rate_limits._buckets["reads"].clear()
    rates["reads"] = rates["writes"] = Rate(0.01, 1)
    assert [(await ann.get("/me")).status_code for _ in range(2)] == [200, 429]
    change = {"display_name": "A"}
    assert [(await ann.patch("/me", change)).status_code for _ in range(2)] == [200, 429]
    assert (await ben.get("/me")).status_code == 200
    server.node.rate_limits._buckets["anonymous"].clear()
    rates["anonymous"] = Rate(0.01, 1)
    bodies = [{"username": name, "password": PASSWORD} for name in ("cy", "di")]
    answers = [await server.http.post("/v1/auth/register", json=body) for body in bodies]
    assert [answer.status_code for answer in answers] == [201, 429]
    refused(answers[1], 429, "rate_limited")
    assert 'sermo_rate_limited_total{limit="reads"} 1.0' in (await server.http.get("/metrics")).text
