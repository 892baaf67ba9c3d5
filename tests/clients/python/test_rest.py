"""Calls of REST: against a real server what they do, against a failing one when they are tried again."""

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest
from sermo_client import (
    Conflict,
    Invalid,
    Missing,
    RefreshedToken,
    SermoRest,
    ServerRefusal,
    Unauthenticated,
    Unreachable,
    new_id,
)
from sermo_client.rest import Rest
from sermo_client.testing.wire import Call, Socket, WireServer
from sermo_client.tokens import CallbackToken, FixedToken, Pair

from tests.fixtures.server import PASSWORD, Person, Server

ROOT = Path(__file__).parents[3]


@pytest.fixture
async def rest(server: Server, ann: Person) -> Any:
    """Ann's calls."""
    async with SermoRest(server.url, FixedToken(ann.access_token), trust_env=False) as calls:
        yield calls


async def test_a_person_and_their_channels(rest: SermoRest, ann: Person, ben: Person) -> None:
    """Made, changed, found, left."""
    assert (await rest.change_me(display_name="Ann")).display_name == "Ann"
    assert (await rest.me()).user_id == ann.user_id
    channel = await rest.make_channel("plans", topic="for later")
    assert (await rest.change_channel(channel.channel_id, topic="now")).topic == "now"
    position = await rest.set_member(channel.channel_id, ben.user_id)
    members = await rest.members(channel.channel_id, min_position=position)
    assert {member.user_id for member in members} == {ann.user_id, ben.user_id}
    assert [one.name for one in await rest.channels("plan")] == ["plans"]
    assert "ben" in [one.username for one in await rest.users("be")]
    direct = await rest.make_direct(ben.user_id)
    assert direct.channel_id == (await rest.make_direct(ben.user_id)).channel_id
    invitation = await rest.invite(channel.channel_id, max_uses=2)
    preview = await rest.invitation(invitation.code, min_position=invitation.position)
    assert preview.channel_id == channel.channel_id
    await rest.remove_member(channel.channel_id, ben.user_id)
    await rest.delete_channel(channel.channel_id)
    with pytest.raises(Missing, match="not_found"):
        await rest.join_channel(channel.channel_id)


async def test_messages_and_what_is_read(rest: SermoRest) -> None:
    """Posted, answered, found, and marked."""
    channel = await rest.make_channel("talk")
    message_id = new_id()
    posted = await rest.post(channel.channel_id, "hello world", message_id=message_id)
    assert posted.seq == (await rest.post(channel.channel_id, "hello world", message_id=message_id)).seq
    with pytest.raises(Conflict, match="message_id_taken"):
        await rest.post(channel.channel_id, "another", message_id=message_id)
    with pytest.raises(Invalid) as refused:
        await rest.post(channel.channel_id, "")
    assert (refused.value.code, refused.value.field) == ("content_empty", "content")
    await rest.post(channel.channel_id, "a reply", parent_id=message_id)
    await rest.react(message_id, "👍")
    await rest.pin(message_id)
    edited = await rest.edit_message(message_id, "hello all")
    assert [one.content for one in await rest.history(message_id)] == ["hello world", "hello all"]
    page = await rest.messages(channel.channel_id, min_position=edited.position)
    assert [(one.content, one.reply_count, one.pinned) for one in page.messages] == [("hello all", 1, True)]
    assert [one.emoji for one in page.messages[0].reactions] == ["👍"]
    assert [one.content for one in (await rest.replies(message_id)).messages] == ["a reply"]
    await rest.mark_read(channel.channel_id, posted.seq)
    snapshot = await rest.snapshot(min_position=await rest.mark_unread(channel.channel_id, posted.seq))
    assert [one.read_seq for one in snapshot.channels] == [posted.seq - 1]
    uploaded = await rest.upload(channel.channel_id, "notes.txt", b"some notes", "text/plain")
    assert await rest.download(uploaded.attachment_id) == b"some notes"
    await rest.delete_message(message_id)


async def test_a_refresh_token_keeps_a_person_logged_in(server: Server, ann: Person) -> None:
    """The pair is told before it is used; many who ask at once make one refresh."""
    told: list[Pair] = []

    async def keep(pair: Pair) -> None:
        told.append(pair)

    async with SermoRest(server.url, trust_env=False) as rest:

        async def refresh(token: str) -> Pair:
            found = await rest.refresh(token)
            return Pair(access_token=found.access_token, refresh_token=found.refresh_token, expires_in=found.expires_in)

        rest.tokens = RefreshedToken(refresh, ann.refresh_token, "not.a.token", on_pair=keep)
        found = await asyncio.gather(*(rest.me() for _ in range(5)))
        assert [one.user_id for one in found] == [ann.user_id] * 5
        assert len(told) == 1
        await rest.logout(told[0].refresh_token)
        with pytest.raises(Unauthenticated):
            await rest.refresh(told[0].refresh_token)


async def test_a_login_answers_a_pair(server: Server, ann: Person) -> None:
    """And a wrong password its code."""
    async with SermoRest(server.url, trust_env=False) as rest:
        assert (await rest.login("ann", PASSWORD)).user.user_id == ann.user_id
        with pytest.raises(Unauthenticated, match="invalid_credentials"):
            await rest.login("ann", "wrong password")


class Failing:
    """Answers what it is told, one after the other."""

    def __init__(self, *answers: tuple[int, Any] | None) -> None:
        self.answers = list(answers)
        self.calls: list[Call] = []
        self.wire = WireServer(self.answer, self.refuse)

    async def answer(self, call: Call) -> tuple[int, Any]:
        """The next; None breaks the connection."""
        self.calls.append(call)
        found = self.answers.pop(0)
        if found is None:
            raise ConnectionResetError
        return found

    async def refuse(self, socket: Socket) -> None:
        """No sockets."""


async def called(failing: Failing, **options: Any) -> Any:
    """The outcome of one call."""
    async with failing.wire, Rest(failing.wire.url, FixedToken("t"), trust_env=False) as rest:
        return await rest.call("POST", "/x", dict[str, Any], body={}, **options)


LATER = 503, {"code": "overloaded", "retry_after_ms": 1}


async def test_what_may_be_repeated_is_tried_again() -> None:
    """After a refusal for now, and after a lost answer."""
    failing = Failing(LATER, None, (200, {"position": 1}))
    assert await called(failing) == {"position": 1}


@pytest.mark.parametrize("answer", [LATER, None])
async def test_what_may_not_be_repeated_is_tried_once(answer: tuple[int, Any] | None) -> None:
    """A login, say."""
    failing = Failing(answer, (200, {}))
    with pytest.raises((ServerRefusal, Unreachable)):
        await called(failing, is_repeatable=False)
    assert len(failing.calls) == 1


async def test_in_the_end_the_refusal_is_raised() -> None:
    """With its code; and one that says nothing of later at once."""
    with pytest.raises(ServerRefusal, match="overloaded"):
        await called(Failing(*[LATER] * 4))
    failing = Failing((409, {"code": "a_code_of_later", "detail": "no"}))
    with pytest.raises(ServerRefusal) as refused:
        await called(failing)
    assert (refused.value.code, refused.value.message) == ("a_code_of_later", "no")


async def test_a_page_of_a_proxy_is_a_refusal_too() -> None:
    """With a code of its status."""
    with pytest.raises(ServerRefusal, match="http_404"):
        await called(Failing((404, "<html>")))


async def test_a_token_that_is_refused_is_asked_for_anew_once() -> None:
    """By the application's function."""
    given = iter(("old", "new"))

    async def token() -> str:
        return next(given)

    failing = Failing((401, {"code": "token_expired"}), (200, {}))
    async with failing.wire, Rest(failing.wire.url, CallbackToken(token), trust_env=False) as rest:
        assert await rest.call("GET", "/x", dict[str, Any]) == {}
    assert [call.token for call in failing.calls] == ["old", "new"]


def test_every_call_that_has_a_method_is_documented() -> None:
    """In docs/protocol.md, with the same method and path."""
    documented = re.findall(
        r"^\| `([A-Z]+) (/v1/[^`]*|/v1[^`]*)` \|", (ROOT / "docs/protocol.md").read_text(), re.MULTILINE
    )
    known = {(method, re.sub(r"\{\w+\}", "{}", path.removeprefix("/v1"))) for method, path in documented}
    source = "".join(
        (ROOT / "clients/python/src/sermo_client" / name).read_text() for name in ("calls.py", "channel_calls.py")
    )
    made = set(re.findall(r'(?:call|_done|request)\(\s*"([A-Z]+)",\s*f?"([^"]*)"', source))
    made |= {("GET", path) for path in re.findall(r'_all\(\s*f?"([^"]*)"', source)}
    assert made
    plain = {(method, re.sub(r"\{[^}]*\}", "{}", path)) for method, path in made}
    assert plain - known - {("POST", "/auth/{}")} == set()


def test_the_kinds_of_codes_are_those_of_the_documentation() -> None:
    """Each code that the client knows has the kind that docs/codes.md gives it."""
    rows = re.findall(r"^\| `(\w+)` \| (\w+) \|", (ROOT / "docs/codes.md").read_text(), re.MULTILINE)
    kinds = {code: kind.__name__ for code, kind in ServerRefusal.kinds.items()}
    assert kinds.items() <= dict(rows).items()
