"""docs/access.md, walked: every cell of its tables is what the domain answers."""

from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from uuid import UUID

import pytest

from domain.channel_state import Role
from domain.decider import Command
from domain.errors import Refusal
from domain.ids import direct_id
from domain.reading import Level
from tests.support.cast import (
    ADMIN,
    GUEST,
    MEMBER,
    OTHER,
    OWNER,
    PRIVATE,
    PUBLIC,
    ROOT,
    accept,
    archive,
    block,
    change,
    create,
    deactivate,
    delete,
    delete_channel,
    direct,
    edit,
    follow,
    invite,
    join,
    leave,
    level,
    mark,
    pin,
    post,
    react,
    reactivate,
    remove,
    report,
    resolve,
    revoke,
    set_admin,
    set_member,
    town,
    unmark,
    upload,
)
from tests.support.spec import World, changed

TABLES = Path(__file__).parents[2] / "docs" / "access.md"
DIRECT = direct_id(frozenset({MEMBER, OTHER}))
CHANNELS = {"public": PUBLIC, "private": PRIVATE, "direct": DIRECT}
PEOPLE = {"outsider": GUEST, "member": MEMBER, "channel admin": ADMIN, "channel owner": OWNER, "server admin": ROOT}
COLUMNS = {"public": list(PEOPLE), "private": list(PEOPLE), "direct": ["outsider", "member", "server admin"]}

ACTIONS: dict[str, Callable[[UUID, UUID], Command]] = {
    "post": lambda who, where: post(who, 50, channel_id=where),
    "react": lambda who, where: react(who, _own(OTHER, where)),
    "mark as read": lambda who, where: mark(who, 1, where),
    "mark as unread": lambda who, where: unmark(who, 2, where),
    "follow a thread": lambda who, where: follow(who, _own(OTHER, where)),
    "set a level": lambda who, where: level(who, Level.MUTED, where),
    "join": join,
    "leave": leave,
    "edit an own message": lambda who, where: edit(who, _own(who, where)),
    "edit another's message": lambda who, where: edit(who, _own(OTHER, where)),
    "delete an own message": lambda who, where: delete(who, _own(who, where)),
    "delete another's message": lambda who, where: delete(who, _own(OTHER, where)),
    "pin a message": lambda who, where: pin(who, _own(OTHER, where)),
    "rename": lambda who, where: change(who, where, name="renamed"),
    "set the topic": lambda who, where: change(who, where, topic="a topic"),
    "add a person": lambda who, where: set_member(who, v_new(), channel_id=where),
    "remove a member": lambda who, where: remove(who, OTHER, where),
    "remove an owner": lambda who, where: remove(who, OWNER, where, witness=SECOND_OWNER),
    "give a role": lambda who, where: set_member(who, OTHER, Role.ADMIN, where),
    "invite by link": lambda who, where: invite(who, "another", where),
    "revoke a link": lambda who, where: revoke(who, f"to {where}", where),
    "join by a link": lambda who, where: accept(who, f"to {where}"),
    "archive": archive,
    "delete the channel": delete_channel,
}
NEWCOMER, SECOND_OWNER = (UUID(int=MEMBER.int + 0x500 + n) for n in range(2))


def v_new() -> UUID:
    """A person who is in no channel."""
    return NEWCOMER


def _own(who: UUID, where: UUID) -> int:
    return 100 + 10 * list(CHANNELS.values()).index(where) + [*PEOPLE.values(), OTHER].index(who)


@pytest.fixture(scope="module")
def world() -> World:
    """Everybody has written once in each channel; the outsider and the server admin have left since."""
    from domain.user import RegisterUser
    from tests.support.builders import AT

    made = town()
    for user_id, name in ((NEWCOMER, "newcomer"), (SECOND_OWNER, "second")):
        made.given(RegisterUser(user_id=user_id, username=name, display_name=name, at=AT))
    for where in (PUBLIC, PRIVATE):
        made.given(set_member(OWNER, SECOND_OWNER, Role.OWNER, where))
        made.given(invite(OWNER, f"to {where}", where))
        for who in (GUEST, ROOT, OTHER):
            made.given(set_member(OWNER, who, channel_id=where))
        made.given(*(post(who, _own(who, where), channel_id=where) for who in (*PEOPLE.values(), OTHER)))
        made.given(leave(GUEST, where), leave(ROOT, where))
    made.given(direct(MEMBER, OTHER))
    return made.given(*(post(who, _own(who, DIRECT), channel_id=DIRECT) for who in (MEMBER, OTHER)))


def answer(world: World, kind: str, action: str, person: str) -> str:
    """`yes`, `nothing` where it is so already, the refusal's code, or `-` where there is nothing to ask."""
    who, where = PEOPLE[person], CHANNELS[kind]
    if kind == "direct" and "own message" in action and person != "member":
        return "-"
    return outcome(world, ACTIONS[action](who, where))


def outcome(world: World, command: Command) -> str:
    """`yes`, `nothing` where it is so already, or the refusal's code."""
    try:
        return "yes" if deepcopy(world).do(command) else "nothing"
    except Refusal as refusal:
        return refusal.code


def documented() -> dict[str, dict[str, dict[str, str]]]:
    """Kind of channel -> action -> person -> cell, from the document."""
    tables: dict[str, dict[str, dict[str, str]]] = {}
    header: list[str] = []
    for line in TABLES.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip().strip("`") for cell in line.strip("|").split("|")]
        if not line.startswith("|") or set(line) <= set("|- "):
            continue
        if cells[0] in (*CHANNELS, "between two people", "people and reports"):
            header = cells[1:]
            table = tables.setdefault(cells[0], {})
        elif header:
            table[cells[0]] = dict(zip(header, cells[1:], strict=True))
    return tables


BETWEEN: dict[str, Callable[[UUID, UUID], Command]] = {
    "post in the direct channel of the two": lambda who, _: post(who, 50, channel_id=DIRECT),
    "edit there": lambda who, _: edit(who, _own(who, DIRECT)),
    "delete there": lambda who, _: delete(who, _own(who, DIRECT)),
    "react there": lambda who, other: react(who, _own(other, DIRECT)),
    "upload a file there": lambda who, _: upload(who, 50, DIRECT),
    "mark as read there": lambda who, _: mark(who, 1, DIRECT),
    "post in a channel of both": lambda who, _: post(who, 50, channel_id=PRIVATE),
    "find the direct channel of the two": direct,
    "make a direct channel of three": lambda who, other: direct(who, other, GUEST),
    "add the other to a channel": lambda who, other: set_member(who, other, channel_id=OWN[who]),
    "block the other": block,
}
OWN = {MEMBER: UUID(int=PRIVATE.int + 0x10), OTHER: UUID(int=PRIVATE.int + 0x11)}
"""A private channel of each."""


def test_a_block_is_between_two_as_the_document_says(world: World) -> None:
    """Every cell, for the one who blocks and the one who is blocked."""
    made = deepcopy(world).given(
        *(changed(create(PRIVATE, by=who), channel_id=channel_id) for who, channel_id in OWN.items()),
        block(MEMBER, OTHER),
    )
    sides = {"who blocks": (MEMBER, OTHER), "who is blocked": (OTHER, MEMBER)}
    found = {a: {s: outcome(made, BETWEEN[a](*pair)) for s, pair in sides.items()} for a in BETWEEN}
    assert documented()["between two people"] == found


ABOUT: dict[str, Callable[[UUID], Command]] = {
    "deactivate oneself, with the password": lambda who: deactivate(who, who, is_own_wish=True),
    "deactivate another": lambda who: deactivate(who, OTHER),
    "reactivate another": lambda who: reactivate(who, NEWCOMER),
    "make another a server admin": lambda who: set_admin(who, OTHER),
    "block another": lambda who: block(who, OTHER),
    "report a message of a public channel": lambda who: report(who, _own(OTHER, PUBLIC)),
    "report a message of a private channel": lambda who: report(who, _own(OTHER, PRIVATE)),
    "resolve a report": lambda who: resolve(who, OTHER, _own(OTHER, PUBLIC)),
}


def test_what_one_may_do_to_people_is_as_the_document_says(world: World) -> None:
    """Every cell."""
    made = deepcopy(world).given(deactivate(ROOT, NEWCOMER), report(OTHER, _own(OTHER, PUBLIC)))
    columns = {"anybody": GUEST, "server admin": ROOT}
    found = {a: {c: outcome(made, ABOUT[a](who)) for c, who in columns.items()} for a in ABOUT}
    assert documented()["people and reports"] == found


@pytest.mark.parametrize("kind", CHANNELS)
def test_the_domain_answers_as_the_document_says(world: World, kind: str) -> None:
    """Every action of every person, and nothing is left out of the tables."""
    found = {a: {p: answer(world, kind, a, p) for p in COLUMNS[kind]} for a in ACTIONS}
    assert documented()[kind] == found


def test_who_may_not_know_of_a_channel_learns_nothing_from_a_refusal(world: World) -> None:
    """For an outsider a private channel, a direct one and none at all look the same, whatever is asked."""
    nowhere = UUID(int=MEMBER.int + 0x999)
    for action in (
        "post",
        "mark as read",
        "mark as unread",
        "set a level",
        "join",
        "leave",
        "rename",
        "set the topic",
        "remove a member",
        "archive",
    ):
        texts = set()
        for where in (PRIVATE, DIRECT, nowhere):
            with pytest.raises(Refusal) as refused:
                deepcopy(world).do(ACTIONS[action](GUEST, where))
            texts.add((refused.value.code, str(refused.value).replace(str(where), "it")))
        assert len(texts) == 1
