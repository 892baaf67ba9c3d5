"""Who is online, here and on other nodes: a state machine without I/O; time is an argument, in monotonic seconds.

Of a person each connection has a status. On a node the most present one counts, and over the nodes again: busy, online, away,
offline. When the last connection on a node ends, the status stays for a grace; who is back by then has changed nothing.

Nodes tell each other *words*: at its turn N, these people have these statuses on this node. A change and its repetition are
the same, a word counts unless a later one of that node has come, and it holds for a lease only. So words may be lost, come
late, twice or in another order, and a node may die: all agree again after at most a lease (docs/decisions/0006).
"""

import enum
from collections import deque
from collections.abc import Hashable, Iterable, Sequence
from typing import NamedTuple
from uuid import UUID


class Status(enum.IntEnum):
    """In the order in which one wins over another."""

    OFFLINE = 0
    AWAY = 1
    ONLINE = 2
    BUSY = 3


Word = tuple[UUID, Status]
"""Of a person: the status on the node that says so."""


class _Here:
    """A person with connections on this node, or whose last one has just ended."""

    __slots__ = ("leaves_at", "status", "statuses", "user_id")

    def __init__(self, user_id: UUID) -> None:
        self.user_id = user_id
        self.statuses: dict[Hashable, Status] = {}
        self.status = Status.OFFLINE
        self.leaves_at: float | None = None


class _Held(NamedTuple):
    status: Status
    turn: int
    until: float


class Presence:
    """The presence of everybody as one node knows it.

    `changed` names those whose status may differ from what was told last, in the order of their first change. The caller
    takes each with `take` when it tells people of it; what was undone by then is nothing to tell.
    """

    def __init__(self, *, grace_s: float, repeat_s: float, lease_s: float) -> None:
        self._grace_s, self._repeat_s, self._lease_s = grace_s, repeat_s, lease_s
        self._here: dict[UUID, _Here] = {}
        self._connections: dict[Hashable, _Here] = {}
        self._leaving: deque[tuple[float, _Here]] = deque()
        self._elsewhere: dict[UUID, dict[UUID, _Held]] = {}
        """Of each other node its words, the one that ends first in front."""
        self._left: dict[UUID, float] = {}
        """Nodes that said that they stop, and until when what comes late from them is to be ignored."""
        self._told: dict[UUID, Status] = {}
        self._said: dict[UUID, Status] = {}
        """What the other nodes were told. Who is absent here and above is offline."""
        self._unsaid: dict[UUID, None] = {}
        self._to_repeat: deque[UUID] = deque()
        self._repeat_at = 0.0
        self._turn = 0
        self.changed: dict[UUID, None] = {}

    # Connections of this node

    def arrive(self, connection: Hashable, user_id: UUID) -> None:
        """A connection has come: online, or where the last one of the person has just ended, with the status it left."""
        here = self._here.get(user_id)
        if here is None:
            here = self._here[user_id] = _Here(user_id)
        here.statuses[connection] = here.status if here.leaves_at is not None else Status.ONLINE
        here.leaves_at = None
        self._connections[connection] = here
        self._settle(here)

    def set_status(self, connection: Hashable, status: Status) -> None:
        """The connection says its status."""
        here = self._connections[connection]
        here.statuses[connection] = status
        self._settle(here)

    def depart(self, connection: Hashable, now: float) -> None:
        """The connection has ended."""
        here = self._connections.pop(connection)
        del here.statuses[connection]
        if here.statuses:
            self._settle(here)
        else:
            here.leaves_at = now + self._grace_s
            self._leaving.append((here.leaves_at, here))

    def _settle(self, here: _Here) -> None:
        status = max(here.statuses.values(), default=Status.OFFLINE)
        if status is not here.status:
            here.status = status
            self._unsaid[here.user_id] = None
            self.changed[here.user_id] = None

    # Everybody

    def status(self, user_id: UUID) -> Status:
        """The status of a person over all nodes. Cost: a look-up a node."""
        status = self._here_status(user_id)
        for words in self._elsewhere.values():
            held = words.get(user_id)
            if held is not None and held.status > status:
                status = held.status
        return status

    def _here_status(self, user_id: UUID) -> Status:
        here = self._here.get(user_id)
        return here.status if here is not None else Status.OFFLINE

    def take(self, user_id: UUID) -> Status | None:
        """The new status of one of `changed`, which counts as told from now on; None where nothing is to be told."""
        self.changed.pop(user_id, None)
        status = self.status(user_id)
        if status is self._told.get(user_id, Status.OFFLINE):
            return None
        if status is Status.OFFLINE:
            del self._told[user_id]
        else:
            self._told[user_id] = status
        return status

    # Other nodes

    def hear(self, node_id: UUID, turn: int, words: Iterable[Word], now: float) -> None:
        """Another node's words of one of its turns."""
        if node_id in self._left:
            return
        held_words = self._elsewhere.setdefault(node_id, {})
        until = now + self._lease_s
        for user_id, status in words:
            held = held_words.get(user_id)
            if held is None:
                before = Status.OFFLINE
            elif held.turn > turn:
                continue
            else:
                before = held.status
                del held_words[user_id]  # so that it goes to the end
            held_words[user_id] = _Held(status, turn, until)
            if status is not before:
                self.changed[user_id] = None

    def hear_leaving(self, node_id: UUID, now: float) -> None:
        """Another node stops: its people have a grace to come elsewhere."""
        self._left[node_id] = now + self._lease_s
        words = self._elsewhere.get(node_id, {})
        until = now + self._grace_s
        self._elsewhere[node_id] = {u: held._replace(until=min(held.until, until)) for u, held in words.items()}

    def say(self, now: float, limit: int) -> tuple[int, Sequence[Word]] | None:
        """The turn and at most so many words that the other nodes need: first what is new, then what is to be repeated."""
        if now >= self._repeat_at and not self._to_repeat:
            self.repeat()
            self._repeat_at = now + self._repeat_s
        words: dict[UUID, Status] = {}
        while self._unsaid and len(words) < limit:
            user_id = next(iter(self._unsaid))
            del self._unsaid[user_id]
            status = self._here_status(user_id)
            if status is self._said.get(user_id, Status.OFFLINE):
                continue
            words[user_id] = status
            if status is Status.OFFLINE:
                del self._said[user_id]
            else:
                self._said[user_id] = status
        while self._to_repeat and len(words) < limit:
            user_id = self._to_repeat.popleft()
            said = self._said.get(user_id)
            if said is not None:
                words[user_id] = said
        if not words:
            return None
        self._turn += 1
        return self._turn, list(words.items())

    def repeat(self) -> None:
        """Say everything again, from the beginning: somebody has missed some of it."""
        self._to_repeat = deque(self._said)

    # Time

    def tick(self, now: float) -> None:
        """End what is over: graces here, words of other nodes. Cost: what ends, and a look at each node."""
        while self._leaving and self._leaving[0][0] <= now:
            leaves_at, here = self._leaving.popleft()
            if here.leaves_at != leaves_at:
                continue  # came back
            here.leaves_at = None
            self._settle(here)
            del self._here[here.user_id]
        for node_id, words in list(self._elsewhere.items()):
            while words:
                user_id = next(iter(words))
                if words[user_id].until > now:
                    break
                if words.pop(user_id).status is not Status.OFFLINE:
                    self.changed[user_id] = None
            if not words:
                del self._elsewhere[node_id]
        for node_id in [node_id for node_id, until in self._left.items() if until <= now]:
            del self._left[node_id]

    @property
    def people(self) -> int:
        """How many people are told to be present."""
        return len(self._told)
