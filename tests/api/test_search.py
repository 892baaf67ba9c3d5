"""Search over REST: what it finds, for whom, in which order, and what it refuses."""

from typing import Any

import psycopg
import pytest

from tests.api.test_code_table import refused
from tests.fixtures.server import Person, Server
from tests.support.wait import await_until


async def _found(person: Person, q: str, position: int = 0, **more: Any) -> list[str]:
    answer = await person.get("/search", q=q, min_position=position, **more)
    assert answer.status_code == 200, answer.text
    assert "sermo-stale" not in answer.headers
    return [result["message"]["content"] for result in answer.json()["results"]]


async def test_a_result_is_the_message_with_its_matches_marked(ann: Person) -> None:
    """The message as every other read shows it; an excerpt in parts; the position."""
    channel_id = await ann.make_channel()
    said = await ann.say(channel_id, "Two quick foxes & a <b>dog</b>")
    answer = await ann.get("/search", q="fox dog", min_position=said["position"])
    body = answer.json()
    assert body.keys() == {"results", "next_cursor", "position"}
    assert body["position"] >= said["position"]
    assert body["next_cursor"] is None
    (result,) = body["results"]
    assert result["message"] == (await ann.get(f"/messages/{said['message_id']}")).json()
    assert [part["text"] for part in result["highlights"] if part["is_match"]] == ["foxes", "dog"]
    assert "".join(part["text"] for part in result["highlights"]).startswith("Two quick foxes & a ")


async def test_only_who_may_read_a_message_finds_it(ann: Person, ben: Person) -> None:
    """A private channel's are found by its members of now; a search of that channel is 404 for others, as the channel is."""
    public, private = await ann.make_channel("open"), await ann.make_channel("closed", "private")
    await ann.say(public, "apples in the open")
    position = (await ann.say(private, "apples in secret"))["position"]
    assert await _found(ann, "apples", position) == ["apples in secret", "apples in the open"]
    for sort in ("time", "rank"):
        assert await _found(ben, "apples", position, sort=sort) == ["apples in the open"]
    refused(await ben.get("/search", q="apples", channel_id=private), 404, "not_found", "channel_id")
    position = await ann.add(private, ben)
    assert await _found(ben, "apples", position, channel_id=private) == ["apples in secret"]
    position = (await ann.delete(f"/channels/{private}/members/{ben.user_id}")).json()["position"]
    assert await _found(ben, "apples", position) == ["apples in the open"]
    refused(await ben.get("/search", q="apples", channel_id=private, min_position=position), 404, "not_found")


async def test_edits_and_deletions_take_effect_at_their_position(ann: Person) -> None:
    """Old words are found no longer, new ones are; a deleted message and a deleted channel are gone."""
    channel_id, other_id = await ann.make_channel("one"), await ann.make_channel("two")
    message = await ann.say(channel_id, "apples")
    await ann.say(other_id, "apples elsewhere")
    edited = await ann.patch(f"/messages/{message['message_id']}", {"content": "pears"})
    assert await _found(ann, "apples", edited.json()["position"]) == ["apples elsewhere"]
    assert await _found(ann, "pears") == ["pears"]
    deleted = await ann.delete(f"/messages/{message['message_id']}")
    assert await _found(ann, "pears", deleted.json()["position"]) == []
    deleted = await ann.delete(f"/channels/{other_id}")
    assert await _found(ann, "apples", deleted.json()["position"]) == []


async def test_filters_are_all_wanted(ann: Person, ben: Person) -> None:
    """Channel, author, time, and what a message has."""
    one, two = await ann.make_channel("one"), await ann.make_channel("two")
    await ben.post(f"/channels/{one}/join")
    await ann.say(one, "tea https://tea.example/green")
    between = (await ann.say(two, "tea @ben https://tea.example"))["created_at"]
    position = (await ben.say(one, "tea @ann"))["position"]
    link, mention, by_ben = "tea https://tea.example/green", "tea @ben https://tea.example", "tea @ann"
    assert await _found(ann, "tea", position) == [by_ben, mention, link]
    assert await _found(ann, "tea", channel_id=one) == [by_ben, link]
    assert await _found(ann, "tea", author_id=ben.user_id) == [by_ben]
    assert await _found(ann, "tea", author_id=ann.user_id, channel_id=one) == [link]
    assert await _found(ann, "tea", has="link") == [mention, link]
    assert await _found(ann, "tea", has="link,mention") == [mention]
    assert await _found(ann, "tea", has="attachment") == []
    assert await _found(ann, "tea", before=between) == [link]
    assert await _found(ann, "tea", after=between) == [by_ben]
    assert await _found(ann, "tea -tea.example") == [by_ben]
    assert await _found(ann, '"tea ann" or ben') == [by_ben, mention]


@pytest.mark.parametrize("sort", ["time", "rank"])
async def test_pages_hold_each_result_once(ann: Person, sort: str) -> None:
    """While others write: the cursor goes on where the page ended."""
    channel_id = await ann.make_channel()
    for number in range(7):
        position = (await ann.say(channel_id, f"tea {'tea ' * (number % 3)}{number}"))["position"]
    pages: list[list[str]] = []
    cursor: dict[str, Any] = {}
    while True:
        answer = (await ann.get("/search", q="tea", sort=sort, limit=3, min_position=position, **cursor)).json()
        pages.append([result["message"]["content"][-1] for result in answer["results"]])
        position = (await ann.say(channel_id, "tea tea tea tea x"))["position"]
        if answer["next_cursor"] is None:
            break
        cursor = {"cursor": answer["next_cursor"]}
    expected = ["6", "5", "4", "3", "2", "1", "0"] if sort == "time" else ["5", "2", "4", "1", "6", "3", "0"]
    assert pages == [expected[:3], expected[3:6], expected[6:]]


@pytest.mark.parametrize("q", ["the", "of the and", "''", "!", "& | !", "🙂", '"'])
async def test_a_query_without_words_finds_nothing(ann: Person, q: str) -> None:
    """It is no error: who types a word has typed its beginning before."""
    await ann.say(await ann.make_channel(), "the hello")
    assert await _found(ann, q) == []


@pytest.mark.parametrize(
    ("field", "params"),
    [
        ("q", {}),
        ("q", {"q": ""}),
        ("q", {"q": "x" * 201}),
        ("q", {"q": "a\0b"}),
        ("has", {"q": "x", "has": "wings"}),
        ("has", {"q": "x", "has": "link,"}),
        ("sort", {"q": "x", "sort": "beauty"}),
        ("before", {"q": "x", "before": "2026"}),
        ("before", {"q": "x", "before": "2026-11-23T07:00:00"}),
        ("after", {"q": "x", "after": "0001-01-01T00:00:00+14:00"}),
        ("channel_id", {"q": "x", "channel_id": "here"}),
        ("author_id", {"q": "x", "author_id": "me"}),
        ("limit", {"q": "x", "limit": 101}),
        ("cursor", {"q": "x", "cursor": "nonsense"}),
        ("query", {"q": "x", "query": "x"}),
    ],
)
async def test_what_cannot_be_meant_is_refused(ann: Person, field: str, params: dict[str, Any]) -> None:
    """With the parameter that is to blame."""
    refused(await ann.get("/search", **params), 422, "invalid", field)


async def test_a_cursor_of_another_order_is_refused(ann: Person) -> None:
    """Its place is none in this list."""
    channel_id = await ann.make_channel()
    await ann.say(channel_id, "tea")
    position = (await ann.say(channel_id, "tea"))["position"]
    for sort, other in (("time", "rank"), ("rank", "time")):
        page = (await ann.get("/search", q="tea", sort=sort, limit=1, min_position=position)).json()
        answer = await ann.get("/search", q="tea", sort=other, cursor=page["next_cursor"])
        refused(answer, 422, "invalid", "cursor")


async def test_a_search_that_is_behind_says_so_and_the_node_is_ready(
    server: Server, ann: Person, database: str
) -> None:
    """Who waits for a position is told that the wait was over; all other reads go on."""
    channel_id = await ann.make_channel()
    await ann.say(channel_id, "tea")
    async with await psycopg.AsyncConnection.connect(database) as other:
        await other.execute("select from notification_tracking where application_name = 'search' for update")
        position = (await ann.say(channel_id, "more tea"))["position"]
        answer = await ann.get("/search", q="tea", min_position=position)
        assert answer.headers["sermo-stale"] == "true"
        page = await ann.get(f"/channels/{channel_id}/messages", min_position=position)
        assert "sermo-stale" not in page.headers
        ready = await server.http.get("/health/ready")
        assert (ready.status_code, ready.json()["search_lag_events"] > 0) == (200, True)
    await await_until(lambda: server.node.search.runner.position >= position, what="the search has caught up")
    assert await _found(ann, "tea", position) == ["more tea", "tea"]
    assert server.node.search.outcomes["found"] >= 1
