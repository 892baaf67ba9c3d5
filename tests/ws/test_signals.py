"""Who is told of whose presence and typing, on one node: a model of everybody's screen, and the rules one by one."""

from collections.abc import Coroutine, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid5

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.channel import ChannelDeleted
from domain.channel_state import ChannelKind, Role
from domain.decider import Event, Recorded
from domain.errors import NotAMember, NotFound, Refusal
from domain.membership import MemberJoined, MemberLeft, MemberRemoved
from ws import gossip, signals
from ws.gossip import Batch
from ws.limits import Limits
from ws.presence import Status
from ws.signals import Signals
from ws.wire import Encoded

AT = datetime(2026, 1, 2, tzinfo=UTC)
_ROOT = UUID(int=7)
HERE, THERE = uuid5(_ROOT, "here"), uuid5(_ROOT, "there")
NAMES = ("offline", "away", "online", "busy")


def person(name: object) -> UUID:
    """Somebody's id."""
    return uuid5(_ROOT, f"person {name}")


def channel(name: object) -> UUID:
    """A channel's id."""
    return uuid5(_ROOT, f"channel {name}")


ANN, BEN, CID, DAN = (person(name) for name in ("ann", "ben", "cid", "dan"))
GENERAL, OTHER = channel("general"), channel("other")


class Screen:
    """A client at its end: a listener that shows what it is told, and refuses what is none of its business."""

    def __init__(self, world: "World", user_id: UUID, channel_id: UUID | None = None) -> None:
        self.world = world
        self.user_id = user_id
        self.channel_id = channel_id
        self.is_live = True
        self.has_room = True
        self.shown: dict[UUID, str] = {}
        self.frames: list[dict[str, Any]] = []

    @property
    def takes_signals(self) -> bool:
        return self.is_live and self.has_room

    def signal(self, signals: Sequence[Encoded]) -> None:
        """Take frames."""
        assert self.takes_signals, "nobody writes to one that cannot take it"
        assert signals, "nothing is no reason to write"
        for signal in signals:
            assert signal.position is None
            frame = msgspec.json.decode(signal.payload)
            self.frames.append(frame)
            user_id = UUID(frame["data"]["user_id"])
            assert user_id == self.user_id or self.hears_of(user_id), "they share no channel"
            if frame["type"] == "user_status":
                self.shown[user_id] = frame["data"]["status"]
            else:
                assert user_id in self.world.members[UUID(frame["data"]["channel_id"])]

    def hears_of(self, user_id: UUID) -> bool:
        """Whether the person's presence is this client's business."""
        shared = [members for c, members in self.world.members.items() if self.channel_id in (None, c)]
        return any({user_id, self.user_id} <= members for members in shared)

    def forget(self) -> None:
        """As clients do when somebody leaves."""
        self.shown = {user_id: status for user_id, status in self.shown.items() if self.hears_of(user_id)}

    @property
    def others(self) -> dict[UUID, str]:
        """Whom it shows as not offline."""
        return {u: status for u, status in self.shown.items() if status != "offline" and u != self.user_id}

    def take(self) -> list[dict[str, Any]]:
        """What has come since the last call."""
        taken, self.frames = self.frames, []
        return taken


class World:
    """One node with the log, the views and the clock in the test's hand. Implements `ws.ports.Log` and, of `Reader`, a part."""

    def __init__(self, limits: Limits | None = None) -> None:
        self.now = 1_000.0
        self.epoch = "e"
        self.events: list[Recorded] = []
        self.members: dict[UUID, set[UUID]] = {}
        self.private: set[UUID] = set()
        self.screens: list[Screen] = []
        self.turn = 0
        self.view_lag = 0
        self.memory = 1_000
        self.meanwhile: list[Any] = []
        """What happens while the database is read."""
        self.signals = Signals(HERE, log=self, reader=self, limits=limits or Limits(), clock=lambda: self.now)  # type: ignore[arg-type]

    # As the log

    @property
    def position(self) -> int:
        return len(self.events)

    def recent(self, after: int) -> Sequence[Recorded] | None:
        return self.events[after:] if self.position - after <= self.memory else None

    async def wait_beyond(self, _position: int, _timeout_s: float) -> bool:
        return True

    # As the reader

    async def channels_of(self, user_ids: Sequence[UUID]) -> tuple[list[tuple[UUID, UUID]], int]:
        position = max(0, self.position - self.view_lag)
        members: dict[UUID, set[UUID]] = {}
        for recorded in self.events[:position]:
            _apply(members, recorded.event)
        for happen in self.meanwhile:
            happen()
        self.meanwhile.clear()
        return [(u, c) for c, inside in members.items() for u in user_ids if u in inside], position

    async def membership_events(self, after: int, through: int) -> list[Recorded]:
        return self.events[after:through]

    async def may_see(self, channel_id: UUID, _user_id: UUID, _position: int) -> bool:
        return channel_id in self.members and channel_id not in self.private

    # What happens

    def happen(self, event: Event) -> None:
        """An event comes from the log."""
        recorded = Recorded(self.position + 1, _ROOT, 1, event, None, None, AT)
        self.events.append(recorded)
        _apply(self.members, event)
        self.signals.publish([recorded])
        for screen in self.screens:
            screen.forget()

    def join(self, channel_id: UUID, *user_ids: UUID) -> None:
        """These people join."""
        for user_id in user_ids:
            joined = MemberJoined(
                channel_id=channel_id,
                user_id=user_id,
                role=Role.MEMBER,
                kind=ChannelKind.PUBLIC,
                name="c",
                topic="",
                at=AT,
            )
            self.happen(joined)

    def leave(self, channel_id: UUID, user_id: UUID) -> None:
        """Somebody leaves."""
        self.happen(MemberLeft(channel_id=channel_id, user_id=user_id, at=AT))

    def connect(self, user_id: UUID, channel_id: UUID | None = None) -> Screen:
        """A live connection."""
        screen = Screen(self, user_id, channel_id)
        self.screens.append(screen)
        self.signals.arrive(screen)
        return screen

    def end(self, screen: Screen) -> None:
        """A connection ends."""
        self.screens.remove(screen)
        self.signals.depart(screen)

    def hear(self, *words: tuple[UUID, Status], **more: Any) -> None:
        """Another node's words."""
        self.turn += 1
        self.signals.hear(gossip.pack(Batch(node_id=THERE, turn=self.turn, words=words, **more)))

    def read(self) -> None:
        """Let the node read the channels that it needs."""
        _finish(self.signals.read_channels())

    def tick(self, seconds: float = 0.1) -> None:
        """Time passes."""
        self.now += seconds
        self.signals.tick()

    def settle(self, ticks: int = 4) -> None:
        """Let all be told that is to be told."""
        for _ in range(ticks):
            self.read()
            self.tick()

    def typing(self, screen: Screen, channel_id: UUID, parent_id: UUID | None = None) -> Refusal | None:
        """A client types."""
        return _finish(self.signals.typing(screen, channel_id, parent_id))


def _apply(members: dict[UUID, set[UUID]], event: object) -> None:
    if isinstance(event, MemberJoined):
        members.setdefault(event.channel_id, set()).add(event.user_id)
    elif isinstance(event, MemberLeft | MemberRemoved):
        members[event.channel_id].discard(event.user_id)
    elif isinstance(event, ChannelDeleted):
        members.pop(event.channel_id, None)


def _finish(work: Coroutine[Any, Any, Any]) -> Any:
    """The result of what never waits here."""
    try:
        work.send(None)
    except StopIteration as end:
        return end.value
    raise AssertionError("it waits")


def status(user_id: UUID, name: str) -> dict[str, Any]:
    """The frame."""
    return {"type": "user_status", "data": {"user_id": str(user_id), "status": name}}


# Presence


def test_who_comes_is_told_of_those_present_and_they_of_the_one_who_came() -> None:
    """Once each, and never of themselves."""
    world = World()
    world.join(GENERAL, ANN, BEN, CID)
    ann = world.connect(ANN)
    world.settle()
    assert ann.take() == []
    ben = world.connect(BEN)
    world.settle()
    assert ben.take() == [status(ANN, "online")]
    assert ann.take() == [status(BEN, "online")]


def test_who_shares_no_channel_hears_nothing() -> None:
    """Neither when somebody comes nor of a change."""
    world = World()
    world.join(GENERAL, ANN)
    world.join(OTHER, BEN)
    ann, ben = world.connect(ANN), world.connect(BEN)
    world.settle()
    world.signals.set_status(ann, "busy")
    world.settle()
    assert (ann.take(), ben.take()) == ([], [])


def test_the_other_devices_of_a_person_hear_of_a_change_and_the_one_that_made_it_does_not() -> None:
    """It knows."""
    world = World()
    world.join(GENERAL, ANN)
    desk, phone = world.connect(ANN), world.connect(ANN)
    world.settle()
    world.signals.set_status(desk, "busy")
    world.settle()
    assert (desk.take(), phone.take()) == ([], [status(ANN, "busy")])


def test_a_connection_gets_nothing_until_it_is_live_and_then_everybody() -> None:
    """What changes while it catches up is in what it gets."""
    world = World()
    world.join(GENERAL, ANN, BEN, CID)
    ann = world.connect(ANN)
    ann.is_live = False
    ben, cid = world.connect(BEN), world.connect(CID)
    world.settle()
    world.signals.set_status(ben, "away")
    world.settle()
    ann.is_live = True
    world.settle()
    assert sorted(f["data"]["status"] for f in ann.take()) == ["away", "online"]
    assert ann.others == {BEN: "away", CID: "online"}
    assert cid.take()


def test_one_that_was_behind_gets_just_what_changed_meanwhile() -> None:
    """Also that somebody has gone; and nothing where nothing changed."""
    world = World()
    world.join(GENERAL, *(person(number) for number in range(20)), ANN)
    others = [world.connect(person(number)) for number in range(20)]
    ann = world.connect(ANN)
    world.settle()
    assert len(ann.take()) == 20
    ann.has_room = False
    world.tick()
    ann.has_room = True
    world.settle()
    assert ann.take() == []
    ann.has_room = False
    world.signals.set_status(others[3], "busy")
    world.tick()
    world.end(others[4])
    world.tick(Limits().presence_grace_s)
    world.tick()
    assert world.signals.statuses_shed == 2
    ann.has_room = True
    world.settle()
    assert sorted(ann.take(), key=str) == sorted([status(person(3), "busy"), status(person(4), "offline")], key=str)
    assert world.signals.owing == 0


def test_a_cut_herd_that_comes_back_within_the_grace_makes_no_change() -> None:
    """Nothing is told of them and nothing is said to the other nodes; each gets those present."""
    world = World()
    people = [person(number) for number in range(50)]
    world.join(GENERAL, *people)
    world.join(OTHER, people[0], ANN)
    ann = world.connect(ANN)
    herd = [world.connect(user_id) for user_id in people]
    world.settle()
    while world.signals.say() is not None:
        pass
    ann.take()
    for screen in herd:
        world.end(screen)
    world.tick(Limits().presence_grace_s - 1)
    herd = [world.connect(user_id) for user_id in people]
    world.settle()
    world.tick(Limits().presence_grace_s)
    assert ann.take() == []
    assert world.signals.say() is None
    assert [len(screen.take()) for screen in herd] == [50] + [49] * 49


def test_a_herd_is_told_of_itself_bit_by_bit_and_changes_are_not_starved() -> None:
    """At most so many frames at once; those who wait longest are first."""
    limits = Limits(signals_at_once=100)
    world = World(limits)
    people = [person(number) for number in range(40)]
    world.join(GENERAL, *people)
    herd = [world.connect(user_id) for user_id in people]
    world.read()
    ticks, before = 0, 0
    while world.signals.owing or ticks < 2:
        world.tick()
        ticks += 1
        assert world.signals.statuses_sent - before <= 100 + 40, "one more page at most"
        before = world.signals.statuses_sent
        if ticks == 10:
            world.signals.set_status(herd[-1], "busy")
    assert 10 < ticks < 60
    world.settle()
    for screen in herd:
        expected = {u: "busy" if u == people[-1] else "online" for u in people if u != screen.user_id}
        assert screen.others == expected


def test_a_large_channel_is_told_page_by_page() -> None:
    """A page is bounded, so that an outbox is never filled with signals."""
    world = World(Limits(signals_at_once=10_000))
    people = [person(number) for number in range(2 * signals.PAGE_FRAMES + 10)]
    world.join(GENERAL, *people, ANN)
    world.hear(*((user_id, Status.AWAY) for user_id in people[:280]))
    for start in range(280, len(people), 280):
        world.hear(*((user_id, Status.ONLINE) for user_id in people[start : start + 280]))
    world.settle()
    ann = world.connect(ANN)
    world.settle(1)
    pages = [len(ann.take())]
    while world.signals.owing:
        world.hear((people[len(pages)], Status.BUSY))
        world.tick()
        pages.append(len(ann.take()))
    assert pages[:2] == [signals.PAGE_FRAMES, signals.PAGE_FRAMES + 1]
    assert len(ann.others) == len(people)
    assert ann.others[people[1]] == "busy"


def test_who_joins_and_those_inside_are_told_of_each_other_unless_they_share_another_channel() -> None:
    """Nobody is told again what they know."""
    world = World()
    world.join(GENERAL, ANN, BEN)
    world.join(OTHER, BEN, CID, DAN)
    ann, ben, cid = world.connect(ANN), world.connect(BEN), world.connect(CID)
    world.settle()
    for screen in (ann, ben, cid):
        screen.take()
    world.join(OTHER, ANN)
    world.settle()
    assert ann.take() == [status(CID, "online")]
    assert cid.take() == [status(ANN, "online")]
    assert ben.take() == []


@pytest.mark.parametrize("is_owed", [False, True])
def test_who_joins_while_a_connection_is_behind_is_told_of_those_inside_when_it_has_caught_up(is_owed: bool) -> None:
    """Whether or not something was owed to it before."""
    world = World()
    world.join(GENERAL, ANN, BEN)
    world.join(OTHER, CID)
    ann, ben, _ = world.connect(ANN), world.connect(BEN), world.connect(CID)
    world.settle()
    ann.is_live = False
    if is_owed:
        world.signals.set_status(ben, "busy")
        world.tick()
    world.join(OTHER, ANN)
    world.settle()
    ann.is_live = True
    world.settle()
    assert ann.others == {BEN: "busy" if is_owed else "online", CID: "online"}


def test_who_is_removed_from_the_last_shared_channel_and_the_others_hear_nothing_more_of_each_other() -> None:
    """Nor do those of a deleted channel."""
    for end in (
        MemberRemoved(channel_id=GENERAL, user_id=BEN, by=ANN, at=AT),
        ChannelDeleted(channel_id=GENERAL, by=ANN, at=AT),
    ):
        world = World()
        world.join(GENERAL, ANN, BEN)
        ann, ben = world.connect(ANN), world.connect(BEN)
        world.settle()
        assert ben.take()
        ann.take()
        world.happen(end)
        world.signals.set_status(ben, "busy")
        world.signals.set_status(ann, "away")
        assert isinstance(world.typing(ben, GENERAL), Refusal)
        world.settle()
        assert (ann.take(), ben.take()) == ([], [])


def test_a_bound_connection_hears_of_its_channel_alone() -> None:
    """Of those in it, who come into it, and who type there."""
    world = World()
    world.join(GENERAL, ANN, BEN)
    world.join(OTHER, ANN, CID, DAN)
    ann = world.connect(ANN, GENERAL)
    ben, cid, dan = world.connect(BEN), world.connect(CID), world.connect(DAN)
    world.settle()
    assert ann.take() == [status(BEN, "online")]
    assert world.typing(cid, OTHER) is None
    assert ann.take() == []
    world.join(GENERAL, CID)
    world.settle()
    assert ann.take() == [status(CID, "online")], "though they shared another channel before"
    assert world.typing(cid, GENERAL) is None
    assert [frame["type"] for frame in ann.take()] == ["typing"]
    world.signals.set_status(dan, "busy")
    world.settle()
    assert ann.take() == []
    assert ben.take()


def test_who_has_long_been_gone_is_forgotten() -> None:
    """Memory follows those who are present, not those who ever were."""
    world = World()
    people = [person(number) for number in range(30)]
    world.join(GENERAL, *people)
    world.hear(*((user_id, Status.ONLINE) for user_id in people[:10]))
    screens = [world.connect(user_id) for user_id in people[10:]]
    world.signals.set_status(screens[0], "offline")
    world.settle()
    for screen in screens:
        world.end(screen)
    world.tick(Limits().presence_lease_s)
    world.settle()
    world.tick(signals.FORGET_AFTER_S)
    world.tick()
    assert world.signals.present == 0
    assert (world.signals._people, world.signals._rooms, world.signals._unread) == ({}, {}, {})


def test_after_another_history_the_channels_are_read_again() -> None:
    """A restored log may hold other memberships."""
    world = World()
    world.join(GENERAL, ANN, BEN)
    ann, ben = world.connect(ANN), world.connect(BEN)
    world.settle()
    world.leave(GENERAL, BEN)
    world.events, world.members, world.epoch = [], {}, "another"
    world.signals.reset()
    world.join(OTHER, ANN, BEN)
    world.settle()
    ann.take(), ben.take()
    world.signals.set_status(ben, "busy")
    world.settle()
    assert ann.take() == [status(BEN, "busy")]


# Typing


def test_typing_reaches_the_others_of_the_channel_and_not_the_connection_that_types() -> None:
    """Other devices of the person are told."""
    world = World()
    world.join(GENERAL, ANN, BEN)
    world.join(OTHER, CID)
    desk, phone, ben, cid = world.connect(ANN), world.connect(ANN), world.connect(BEN), world.connect(CID)
    world.settle()
    for screen in world.screens:
        screen.take()
    root = person("root")
    assert world.typing(desk, GENERAL, root) is None
    frame = {"type": "typing", "data": {"user_id": str(ANN), "channel_id": str(GENERAL), "parent_id": str(root)}}
    assert [desk.take(), phone.take(), ben.take(), cid.take()] == [[], [frame], [frame], []]
    world.now += 10
    assert world.typing(desk, GENERAL) is None
    assert ben.take() == [{"type": "typing", "data": {"user_id": str(ANN), "channel_id": str(GENERAL)}}]


def test_typing_reaches_who_has_just_connected_or_joined() -> None:
    """Before anything else is told."""
    world = World()
    world.join(GENERAL, ANN, BEN)
    ann, ben, cid = world.connect(ANN), world.connect(BEN), world.connect(CID)
    world.signals.live(ann, {GENERAL})
    world.signals.live(ben, {GENERAL})
    world.signals.live(cid, set())
    world.join(GENERAL, CID)
    assert world.typing(ann, GENERAL) is None
    assert [[frame["type"] for frame in screen.take()] for screen in (ann, ben, cid)] == [[], ["typing"], ["typing"]]


def test_typing_is_passed_on_once_in_a_while_for_each_person_channel_and_thread() -> None:
    """Before a client forgets it, it may come again."""
    world = World()
    world.join(GENERAL, ANN, BEN)
    ann, ben = world.connect(ANN), world.connect(BEN)
    world.settle()
    ben.take()
    for _ in range(60):
        world.typing(ann, GENERAL)
        world.typing(ann, GENERAL, OTHER)
        world.now += 0.1
    assert len(ben.take()) == 4
    assert world.signals.typing_coalesced == 116


def test_typing_where_one_is_not_in_is_refused() -> None:
    """As any other command: of a private channel it is not told that it is there."""
    world = World()
    world.join(GENERAL, ANN)
    world.join(OTHER, ANN)
    world.private.add(OTHER)
    ben = world.connect(BEN)
    world.settle()
    assert isinstance(world.typing(ben, GENERAL), NotAMember)
    for channel_id in (OTHER, channel("none")):
        assert isinstance(world.typing(ben, channel_id), NotFound)
    world.join(GENERAL, BEN)
    assert world.typing(ben, GENERAL) is None, "in the moment of joining"


def test_typing_is_dropped_under_pressure_and_counted() -> None:
    """By a sender or for a receiver that is behind, when the node is late, and when the interval's frames are used up."""
    world = World(Limits(signals_at_once=40, typing_interval_s=0.0))
    world.join(GENERAL, ANN, BEN, *(person(number) for number in range(10)))
    ann, ben = world.connect(ANN), world.connect(BEN)
    for number in range(10):
        world.connect(person(number))
    world.settle(20)
    for screen in world.screens:
        screen.take()

    def shed_by_typing() -> int:
        before = world.signals.typing_shed
        assert world.typing(ann, GENERAL) is None
        return world.signals.typing_shed - before

    ann.has_room = False
    assert (shed_by_typing(), ben.take()) == (1, [])
    ann.has_room, ben.has_room = True, False
    assert (shed_by_typing(), ben.take()) == (1, [])
    ben.has_room, world.signals.is_pressed = True, True
    assert (shed_by_typing(), ben.take()) == (1, [])
    world.signals.is_pressed = False
    world.tick()
    assert [shed_by_typing() for _ in range(4)] == [0, 0, 0, 12]
    assert len(ben.take()) == 3


def test_typing_that_waits_for_the_other_nodes_is_bounded() -> None:
    """The bus takes what fits; what is too much is dropped."""
    world = World(Limits(typing_interval_s=100.0))
    world.join(GENERAL, ANN, BEN)
    ann, ben = world.connect(ANN), world.connect(BEN)
    world.settle()
    ben.take()
    for number in range(2 * signals.TYPED_WAITING):
        world.typing(ann, GENERAL, channel(number))
        world.tick()
    assert world.signals.typing_shed == signals.TYPED_WAITING
    typed = []
    while (data := world.signals.say()) is not None:
        assert len(data) <= gossip.BATCH_MAX_BYTES
        typed += gossip.unpack(data).typed
    assert typed == [(ANN, GENERAL, channel(number)) for number in range(signals.TYPED_WAITING)]


def test_typing_of_another_node_reaches_the_channel_unless_the_person_has_been_removed() -> None:
    """The other node judged by its own tail, which may be a moment behind."""
    world = World()
    world.join(GENERAL, ANN, BEN, CID)
    ann = world.connect(ANN)
    world.hear((BEN, Status.ONLINE))
    world.settle()
    ann.take()
    world.hear(typed=[(BEN, GENERAL, None), (CID, GENERAL, None)])
    assert [UUID(frame["data"]["user_id"]) for frame in ann.take()] == [BEN, CID]
    world.leave(GENERAL, BEN)
    world.now += 10
    world.hear(typed=[(BEN, GENERAL, None)])
    assert ann.take() == []


# Other nodes


def test_a_node_asks_for_everything_when_it_joins_and_answers_who_asks() -> None:
    """Its own words do not concern it, and unreadable ones are counted."""
    world = World()
    world.join(GENERAL, ANN)
    world.connect(ANN)
    world.settle()
    world.signals.joined()
    data = world.signals.say()
    assert data is not None
    assert gossip.unpack(data) == Batch(node_id=HERE, turn=1, words=[(ANN, Status.ONLINE)], typed=[], asks=True)
    world.signals.hear(data)
    assert world.signals.say() is None
    world.signals.hear(b"what")
    assert world.signals.unreadable == 1
    world.hear(asks=True)
    again = world.signals.say()
    assert again is not None
    assert gossip.unpack(again).words == [(ANN, Status.ONLINE)]
    world.signals.leave()
    last = world.signals.say()
    assert last is not None
    assert gossip.unpack(last).leaves


# Everything at once

PEOPLE = [person(number) for number in range(5)]
CHANNELS = [channel(number) for number in range(3)]


class _Acts:
    def __init__(self, data: st.DataObject) -> None:
        self.data = data
        self.world = World(Limits(signals_at_once=data.draw(st.sampled_from((4, 20, 5_000)), "at once")))
        self.statuses: dict[Screen, str] = {}

    def one_of(self, values: Sequence[Any], label: str) -> Any:
        return self.data.draw(st.sampled_from(values), label)

    def membership(self) -> None:
        world = self.world
        channel_id, user_id = self.one_of(CHANNELS, "channel"), self.one_of(PEOPLE, "person")
        inside = user_id in world.members.get(channel_id, ())
        if not inside:
            world.join(channel_id, user_id)
        elif self.one_of(range(6), "which end") == 0:
            bound = [s for s in world.screens if s.channel_id == channel_id]
            for screen in bound:
                world.end(screen)
            world.happen(ChannelDeleted(channel_id=channel_id, by=user_id, at=AT))
        else:
            for screen in [s for s in world.screens if s.channel_id == channel_id and s.user_id == user_id]:
                world.end(screen)  # as with 4001
            world.leave(channel_id, user_id)

    def act(self) -> None:
        world = self.world
        match self.one_of(
            ("member", "member", "arrive", "arrive", "end", "status", "there", "press", "read", "tick"), "act"
        ):
            case "member":
                self.membership()
            case "arrive":
                user_id = self.one_of(PEOPLE, "person")
                mine = [c for c, members in world.members.items() if user_id in members]
                bound = self.one_of([None, None, *mine], "bound")
                screen = world.connect(user_id, bound)
                screen.is_live = self.data.draw(st.booleans(), "live")
                if screen.is_live and bound is None:
                    world.signals.live(screen, mine)
            case "end" if world.screens:
                world.end(self.one_of(world.screens, "screen"))
            case "status" if world.screens:
                world.signals.set_status(self.one_of(world.screens, "screen"), self.one_of(NAMES, "status"))
            case "there":
                world.hear((self.one_of(PEOPLE, "person"), self.one_of(list(Status), "status")))
            case "press" if world.screens:
                screen = self.one_of(world.screens, "screen")
                screen.is_live = self.data.draw(st.booleans(), "live")
                screen.has_room = self.data.draw(st.booleans(), "room")
                world.signals.is_pressed = self.data.draw(st.booleans(), "pressed")
            case "read":
                world.view_lag = self.one_of((0, 1, 3), "lag")
                world.memory = self.one_of((0, 2, 100), "memory")
                world.meanwhile = [self.membership] * self.one_of((0, 0, 1, 2), "meanwhile")
                world.read()
            case _:
                world.tick(self.one_of((0.1, 0.1, 1.0, 11.0), "seconds"))


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_every_screen_ends_up_right_and_never_shows_what_is_none_of_its_business(data: st.DataObject) -> None:
    """Whoever comes, goes, joins, leaves, is removed, falls behind or is read late, with any number of frames at once."""
    acts = _Acts(data)
    world = acts.world
    for _ in range(data.draw(st.integers(1, 40), "acts")):
        acts.act()
    world.signals.is_pressed = False
    for screen in world.screens:
        screen.is_live = screen.has_room = True
    world.settle(120)
    assert world.signals.owing == 0
    truth = {u: NAMES[world.signals._presence.status(u)] for u in PEOPLE}
    for screen in world.screens:
        expected = {u: s for u, s in truth.items() if s != "offline" and u != screen.user_id and screen.hears_of(u)}
        assert screen.others == expected
