"""Who is online, on several nodes that hear of each other late, twice, in another order, or not at all."""

import heapq
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ws import gossip
from ws.gossip import Batch, Unreadable
from ws.presence import Presence, Status

GRACE_S, REPEAT_S, LEASE_S = 10.0, 20.0, 50.0
LATEST_S = 5.0
"""The longest that anything travels."""
PEOPLE = [UUID(int=number) for number in range(1, 6)]
ANN, BEN = PEOPLE[:2]
HERE, THERE = UUID(int=101), UUID(int=102)


def new_presence() -> Presence:
    """One with the limits of production."""
    return Presence(grace_s=GRACE_S, repeat_s=REPEAT_S, lease_s=LEASE_S)


def told(presence: Presence) -> dict[UUID, Status]:
    """Tell everything that is to be told; what it was."""
    found = {user_id: presence.take(user_id) for user_id in list(presence.changed)}
    assert not presence.changed
    return {user_id: status for user_id, status in found.items() if status is not None}


def said(presence: Presence, now: float) -> dict[UUID, Status]:
    """All that the other nodes are to hear."""
    found = {}
    while (words := presence.say(now, 2)) is not None:
        found.update(dict(words[1]))
    return found


# One node


def test_a_person_is_online_from_the_first_connection_and_offline_a_grace_after_the_last() -> None:
    """Neither a second connection nor the end of one of two is a change."""
    presence = new_presence()
    presence.arrive("a", ANN)
    assert told(presence) == {ANN: Status.ONLINE}
    presence.arrive("b", ANN)
    presence.depart("a", 1.0)
    presence.depart("b", 2.0)
    presence.tick(2.0 + GRACE_S - 0.1)
    assert told(presence) == {}
    presence.tick(2.0 + GRACE_S)
    assert told(presence) == {ANN: Status.OFFLINE}


def test_the_most_present_device_counts_and_busy_wins() -> None:
    """busy > online > away > offline."""
    presence = new_presence()
    presence.arrive("phone", ANN)
    presence.set_status("phone", Status.AWAY)
    assert told(presence) == {ANN: Status.AWAY}
    presence.arrive("desk", ANN)
    assert told(presence) == {ANN: Status.ONLINE}
    presence.set_status("phone", Status.BUSY)
    assert told(presence) == {ANN: Status.BUSY}
    presence.set_status("phone", Status.OFFLINE)
    assert told(presence) == {ANN: Status.ONLINE}
    presence.depart("desk", 0.0)
    assert told(presence) == {ANN: Status.OFFLINE}


@pytest.mark.parametrize("status", list(Status))
def test_who_comes_back_within_the_grace_has_changed_nothing(status: Status) -> None:
    """Also who was away, busy or hidden: the new connection has the status that the last one left."""
    presence = new_presence()
    presence.arrive("a", ANN)
    presence.set_status("a", status)
    told(presence)
    said(presence, 0.0)
    presence.depart("a", 1.0)
    presence.tick(1.0 + GRACE_S - 0.1)
    presence.arrive("b", ANN)
    presence.tick(1.0 + 3 * GRACE_S)
    assert told(presence) == {}
    assert said(presence, REPEAT_S - 0.1) == {}
    assert presence.status(ANN) is status


def test_who_comes_back_after_the_grace_is_online() -> None:
    """The status belonged to the connection."""
    presence = new_presence()
    presence.arrive("a", ANN)
    presence.set_status("a", Status.BUSY)
    told(presence)
    presence.depart("a", 0.0)
    presence.tick(GRACE_S)
    presence.arrive("b", ANN)
    assert told(presence) == {ANN: Status.ONLINE}


def test_a_change_that_is_undone_before_it_is_told_is_neither_told_nor_said() -> None:
    """Away and back between two moments of telling."""
    presence = new_presence()
    presence.arrive("a", ANN)
    told(presence)
    said(presence, 0.0)
    presence.set_status("a", Status.AWAY)
    presence.set_status("a", Status.ONLINE)
    assert told(presence) == {}
    assert said(presence, 1.0) == {}


def test_who_departs_twice_in_one_moment_is_offline_once() -> None:
    """Two connections that come and end at the same time leave one grace."""
    presence = new_presence()
    for name in ("a", "b"):
        presence.arrive(name, ANN)
        presence.depart(name, 0.0)
    told(presence)
    presence.tick(GRACE_S)
    presence.tick(GRACE_S)
    assert told(presence) == {ANN: Status.OFFLINE}


# Two nodes


def test_the_most_present_node_counts() -> None:
    """Over nodes the same rule as over connections."""
    presence = new_presence()
    presence.arrive("a", ANN)
    presence.set_status("a", Status.AWAY)
    presence.hear(THERE, 1, [(ANN, Status.BUSY), (BEN, Status.AWAY)], 0.0)
    assert told(presence) == {ANN: Status.BUSY, BEN: Status.AWAY}
    presence.hear(THERE, 2, [(ANN, Status.OFFLINE)], 0.0)
    assert told(presence) == {ANN: Status.AWAY}


def test_a_word_that_comes_late_does_not_take_back_a_later_one() -> None:
    """The turn decides, not the order of coming."""
    presence = new_presence()
    presence.hear(THERE, 5, [(ANN, Status.OFFLINE)], 0.0)
    presence.hear(THERE, 4, [(ANN, Status.ONLINE)], 1.0)
    assert told(presence) == {}
    assert presence.status(ANN) is Status.OFFLINE


def test_what_a_node_does_not_repeat_ends_with_its_lease() -> None:
    """A node that died takes its presences along; what it had said again meanwhile stays its time."""
    presence = new_presence()
    presence.hear(THERE, 1, [(ANN, Status.ONLINE), (BEN, Status.ONLINE)], 0.0)
    told(presence)
    presence.hear(THERE, 2, [(ANN, Status.ONLINE)], 20.0)
    presence.tick(LEASE_S)
    assert told(presence) == {BEN: Status.OFFLINE}
    presence.tick(20.0 + LEASE_S)
    assert told(presence) == {ANN: Status.OFFLINE}


def test_the_people_of_a_node_that_stops_have_a_grace_to_come_elsewhere() -> None:
    """One comes here in time, the other is offline; what comes late from the node changes nothing."""
    presence = new_presence()
    presence.hear(THERE, 1, [(ANN, Status.ONLINE), (BEN, Status.ONLINE)], 0.0)
    told(presence)
    presence.hear_leaving(THERE, 1.0)
    presence.hear(THERE, 2, [(BEN, Status.BUSY)], 1.5)
    presence.arrive("a", ANN)
    presence.tick(1.0 + GRACE_S)
    assert told(presence) == {BEN: Status.OFFLINE}


def test_everybody_is_said_again_after_a_while_and_when_asked() -> None:
    """Who is hidden is never said."""
    presence = new_presence()
    for name, user_id in (("a", ANN), ("b", BEN), ("c", PEOPLE[2])):
        presence.arrive(name, user_id)
    presence.set_status("c", Status.OFFLINE)
    everybody = {ANN: Status.ONLINE, BEN: Status.ONLINE}
    assert said(presence, 0.0) == everybody
    assert said(presence, REPEAT_S - 0.1) == {}
    assert said(presence, REPEAT_S) == everybody
    presence.repeat()
    assert said(presence, REPEAT_S + 0.1) == everybody


# Many nodes


class _Node:
    def __init__(self, node_id: UUID) -> None:
        self.node_id = node_id
        self.presence = new_presence()
        self.connections: dict[int, UUID] = {}
        self.statuses: dict[int, Status] = {}
        self.left: dict[UUID, tuple[float, Status]] = {}
        """When a person's last connection ended, and with which status."""
        self.known: dict[UUID, Status] = {}
        self.wants_all = True

    def tell(self) -> None:
        """Check what the people of this node are told."""
        for user_id, status in told(self.presence).items():
            assert self.known.get(user_id, Status.OFFLINE) is not status, "told twice in a row"
            self.known[user_id] = status

    def truth(self) -> dict[UUID, Status]:
        """What its connections amount to."""
        found: dict[UUID, Status] = {}
        for connection, user_id in self.connections.items():
            found[user_id] = max(found.get(user_id, Status.OFFLINE), self.statuses[connection])
        return found


class _World:
    """Nodes and a bus that loses, delays and doubles. Time goes in steps of half a second."""

    def __init__(self, draw: st.DataObject, nodes: int) -> None:
        self.draw = draw
        self.now = 0.0
        self.made = 0
        self.is_bad = True
        self.nodes: list[_Node] = []
        self.travelling: list[tuple[float, int, int, bytes]] = []
        for _ in range(nodes):
            self.start()

    def number(self) -> int:
        """Another one each time."""
        self.made += 1
        return self.made

    def start(self) -> None:
        """A node, which knows nothing."""
        self.nodes.append(_Node(UUID(int=1_000 + self.number())))

    def send(self, sender: _Node, data: bytes) -> None:
        """To every other node, each for itself."""
        for node in self.nodes:
            if node is sender:
                continue
            copies = self.draw.draw(st.sampled_from((0, 1, 1, 1, 2)), "copies") if self.is_bad else 1
            for _ in range(copies):
                delay = self.draw.draw(st.sampled_from((0.0, 0.5, LATEST_S)), "delay") if self.is_bad else 0.0
                heapq.heappush(self.travelling, (self.now + delay, self.number(), node.node_id.int, data))

    def pass_time(self, seconds: float) -> None:
        """Deliver, tick, tell and say, step by step."""
        until = self.now + seconds
        while self.now < until:
            self.now += 0.5
            while self.travelling and self.travelling[0][0] <= self.now:
                *_, receiver, data = heapq.heappop(self.travelling)
                for node in self.nodes:
                    if node.node_id.int == receiver:
                        self._deliver(node, gossip.unpack(data))
            for node in self.nodes:
                node.presence.tick(self.now)
                node.tell()
                turn, words = node.presence.say(self.now, 3) or (0, ())
                if words or node.wants_all:
                    batch = Batch(node_id=node.node_id, turn=turn, words=words, asks=node.wants_all)
                    node.wants_all = False
                    self.send(node, gossip.pack(batch))

    def _deliver(self, node: _Node, batch: Batch) -> None:
        if batch.words:
            node.presence.hear(batch.node_id, batch.turn, batch.words, self.now)
        if batch.asks:
            node.presence.repeat()
        if batch.leaves:
            node.presence.hear_leaving(batch.node_id, self.now)

    def act(self) -> None:
        """One thing that happens."""
        node = self.draw.draw(st.sampled_from(self.nodes), "node")
        match self.draw.draw(st.sampled_from(("arrive", "arrive", "depart", "status", "kill", "stop", "time")), "act"):
            case "arrive":
                connection = self.number()
                user_id = self.draw.draw(st.sampled_from(PEOPLE), "person")
                node.presence.arrive(connection, user_id)
                node.connections[connection] = user_id
                ended_at, left = node.left.pop(user_id, (self.now - GRACE_S, Status.ONLINE))
                node.statuses[connection] = left if ended_at + GRACE_S > self.now else Status.ONLINE
            case "depart" if node.connections:
                connection = self.draw.draw(st.sampled_from(sorted(node.connections)), "connection")
                node.presence.depart(connection, self.now)
                user_id, status = node.connections.pop(connection), node.statuses.pop(connection)
                if user_id not in node.connections.values():
                    node.left[user_id] = (self.now, status)
            case "status" if node.connections:
                connection = self.draw.draw(st.sampled_from(sorted(node.connections)), "connection")
                node.statuses[connection] = self.draw.draw(st.sampled_from(list(Status)), "status")
                node.presence.set_status(connection, node.statuses[connection])
            case "kill" | "stop" as end if len(self.nodes) > 1:
                self.nodes.remove(node)
                if end == "stop":
                    self.send(node, gossip.pack(Batch(node_id=node.node_id, leaves=True)))
                self.start()
            case _:
                self.pass_time(self.draw.draw(st.sampled_from((0.5, 3.0, 12.0, 30.0)), "seconds"))


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_nodes_agree_on_the_truth_a_lease_after_the_last_loss(data: st.DataObject) -> None:
    """Whatever was lost, late or doubled and whoever died: then all tell the same, and nobody was told anything twice."""
    world = _World(data, data.draw(st.integers(2, 4), "nodes"))
    for _ in range(data.draw(st.integers(1, 25), "acts")):
        world.act()
    world.is_bad = False
    world.pass_time(LATEST_S + REPEAT_S + LEASE_S + 2.0)
    truth: dict[UUID, Status] = {}
    for node in world.nodes:
        for user_id, status in node.truth().items():
            truth[user_id] = max(truth.get(user_id, Status.OFFLINE), status)
    truth = {user_id: status for user_id, status in truth.items() if status is not Status.OFFLINE}
    for node in world.nodes:
        present = {user_id: status for user_id, status in node.known.items() if status is not Status.OFFLINE}
        assert present == truth


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_a_node_that_dies_takes_its_presences_along_within_60_s(data: st.DataObject) -> None:
    """As long as nothing travels longer than a few seconds."""
    world = _World(data, 3)
    victim = world.nodes[0]
    for user_id in PEOPLE:
        victim.presence.arrive(world.number(), user_id)
    world.pass_time(data.draw(st.sampled_from((1.0, 19.5, 45.0)), "seconds"))
    world.nodes.remove(victim)
    world.pass_time(60.0)
    for node in world.nodes:
        assert all(node.presence.status(user_id) is Status.OFFLINE for user_id in PEOPLE)
        assert all(status is Status.OFFLINE for status in node.known.values())


# What travels


@given(
    st.lists(st.tuples(st.uuids(), st.sampled_from(Status)), max_size=gossip.WORDS_MAX),
    st.lists(st.tuples(st.uuids(), st.uuids(), st.none() | st.uuids()), max_size=200),
    st.integers(0, 2**53),
    st.booleans(),
)
def test_a_batch_comes_through_as_it_was_and_fits(
    words: list[tuple[UUID, Status]], typed: list[tuple[UUID, UUID, UUID | None]], turn: int, flag: bool
) -> None:
    """With as much typing as there is room for."""
    typed = typed[: gossip.typed_room(len(words))]
    batch = Batch(node_id=HERE, turn=turn, words=words, typed=typed, asks=flag, leaves=not flag)
    data = gossip.pack(batch)
    assert len(data) <= gossip.BATCH_MAX_BYTES
    assert gossip.unpack(data) == batch


def test_the_largest_batch_fits() -> None:
    """As many words as there may be, and typing in all the room beside them."""
    for count in (0, 1, gossip.WORDS_MAX):
        words = [(UUID(int=number), Status.BUSY) for number in range(count)]
        typed = [(UUID(int=2**127 + n), ANN, BEN) for n in range(gossip.typed_room(count))]
        data = gossip.pack(Batch(node_id=HERE, turn=2**53, words=words, typed=typed))
        assert gossip.BATCH_MAX_BYTES - 150 < len(data) <= gossip.BATCH_MAX_BYTES


@given(st.binary(max_size=200))
def test_what_is_no_batch_is_unreadable_and_nothing_worse(data: bytes) -> None:
    """Anybody with the database's password may notify."""
    try:
        batch = gossip.unpack(data)
    except Unreadable:
        return
    assert gossip.unpack(gossip.pack(batch)) == batch


@pytest.mark.parametrize("cut", range(0, 60, 7))
def test_a_batch_that_was_cut_off_is_unreadable(cut: int) -> None:
    """Not half a truth."""
    data = gossip.pack(Batch(node_id=HERE, turn=1, words=[(ANN, Status.ONLINE), (BEN, Status.AWAY)]))
    with pytest.raises(Unreadable):
        gossip.unpack(data[:cut])
