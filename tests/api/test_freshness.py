"""Read your writes: positions, `min_position`, `Sermo-Stale`; and whether a node is ready."""

import time

from tests.fixtures.server import Person, Server


async def test_a_read_at_a_position_sees_what_was_written_there(ann: Person) -> None:
    """Write, then read with the position of the answer: never the old state, never stale."""
    for number in range(10):
        changed = await ann.patch("/me", {"status_text": f"step {number}"})
        read = await ann.get("/me", min_position=changed.json()["position"])
        assert read.json()["status_text"] == f"step {number}"
        assert "sermo-stale" not in read.headers


async def test_every_write_tells_its_position_twice(ann: Person) -> None:
    """In the object and in the header; later writes have later positions."""
    channel_id = await ann.make_channel()
    message = await ann.say(channel_id, "hi")
    positions = [message["position"]]
    for answer in (
        await ann.patch("/me", {"status_text": "x"}),
        await ann.patch(f"/channels/{channel_id}", {"topic": "x"}),
        await ann.patch(f"/messages/{message['message_id']}", {"content": "ho"}),
        await ann.put(f"/channels/{channel_id}/read", {"seq": message["seq"]}),
        await ann.delete(f"/messages/{message['message_id']}"),
        await ann.post(f"/channels/{channel_id}/archive"),
        await ann.delete(f"/channels/{channel_id}"),
    ):
        assert answer.status_code == 200
        assert answer.headers["sermo-position"] == str(answer.json()["position"])
        positions.append(answer.json()["position"])
    assert positions == sorted(set(positions))


async def test_a_position_that_does_not_come_is_waited_for_2_s_and_then_said(ann: Person) -> None:
    """The answer is what is there, marked as stale."""
    began = time.monotonic()
    answer = await ann.get("/me", min_position=2**53 - 1)
    assert 1.9 < time.monotonic() - began < 10
    assert (answer.status_code, answer.headers["sermo-stale"]) == (200, "true")
    assert answer.json()["username"] == "ann"


async def test_a_node_that_works_lives_and_is_ready(server: Server) -> None:
    """Neither asks who is asking."""
    assert (await server.http.get("/health/live")).json() == {"status": "ok"}
    answer = await server.http.get("/health/ready")
    assert answer.status_code == 200
    assert (answer.json()["ready"], answer.json()["database"]) == (True, True)
