"""Presence and typing for the connections of a node: who is told what, and when. Never stored, and the first to be shed.

Who is present is `ws/presence.py`'s to know. Here are the people of whom that is known or asked, the channels they are in
(read once, then kept fresh by the tail), and the connections. What changes is told every 100 ms, so that what is undone by
then is never sent, and at most so many frames at once, however many people come in one moment:

- a change goes to the connections of everybody who shares a channel with the person, as one frame encoded once;
- a connection is *owed* those present when it goes live, and gets them page by page when its turn comes; until then it
  needs no changes;
- one that cannot take signals now (it is behind, or its outbox is half full) gets none, and is owed what changed since.

Typing is passed on at once, and dropped where it cannot be. A connection that is bound to one channel hears of that alone.
"""

import asyncio
import heapq
import itertools
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol
from uuid import UUID

import psycopg
import structlog

from domain.channel import ChannelDeleted
from domain.decider import Recorded
from domain.errors import NotAMember, NotFound, Refusal
from domain.membership import MemberJoined, MemberLeft, MemberRemoved
from ws import frames, gossip
from ws.gossip import Batch, Typed
from ws.limits import Limits
from ws.ports import Log, Reader
from ws.presence import Presence, Status
from ws.wire import Encoded

logger = structlog.get_logger()

PAGE_FRAMES = 1_000
"""Statuses that one connection gets at once, about 100 KB: an outbox of 1 MiB holds them beside what matters more."""
CHANGES_PART = 0.75
"""At most so much of the frames at once goes to changes, so that who has just come is never starved."""
LATE_S = 0.5
"""A tick that comes so late has no processor to spare: typing is dropped, and a tenth of the rest is sent."""
FORGET_AFTER_S = 300.0
"""How long those who have gone are remembered: a connection that was behind for longer may still show them."""
LOAD_PEOPLE = 1_000
"""People whose channels are read in one query."""
TYPING_KEPT = 10_000
"""Typing people who are remembered, so that each is passed on once in a while; more are dropped."""
TYPED_WAITING = 500
"""Typing signals that wait for the bus, half a second's worth; more are dropped."""
_LOG_WAIT_S = 5.0

_NAMES: dict[Status, frames.Status] = {
    Status.OFFLINE: "offline",
    Status.AWAY: "away",
    Status.ONLINE: "online",
    Status.BUSY: "busy",
}
_FIRST = -2
"""Owed to one that knows nothing: those who are not offline."""
_EVERYTHING = -1
"""Owed to one that may have missed anything: whatever was ever told, also that somebody is offline."""


class Listener(Protocol):
    """A connection as signals see it: a follower of the log."""

    user_id: UUID
    channel_id: UUID | None
    """It is bound to this channel, and hears of no other."""

    @property
    def takes_signals(self) -> bool:
        """Whether it is live, and its outbox no more than half full."""
        ...

    def signal(self, signals: Sequence[Encoded]) -> None:
        """Write these, which have no position. Asked only while `takes_signals`."""
        ...


class _Room:
    """A channel with somebody in it."""

    __slots__ = ("channel_id", "people", "seats")

    def __init__(self, channel_id: UUID) -> None:
        self.channel_id = channel_id
        self.people: set[_Person] = set()
        self.seats: set[_Seat] = set()


class _Person:
    """Somebody who is present anywhere, was lately, or has a connection here."""

    __slots__ = ("by", "frame", "number", "rooms", "seats", "told", "told_turn", "user_id")

    def __init__(self, user_id: UUID, number: int) -> None:
        self.user_id = user_id
        self.number = number
        self.rooms: set[_Room] | None = None
        """None until they are read."""
        self.seats: set[_Seat] = set()
        self.told = Status.OFFLINE
        self.told_turn = _EVERYTHING
        self.frame: Encoded | None = None
        """Of the status that was told last."""
        self.by: _Seat | None = None
        """The connection that changed the status, and need not be told."""


class _Seat:
    """A connection of this node."""

    __slots__ = ("listener", "owed", "page", "person", "since")

    def __init__(self, listener: Listener, person: _Person) -> None:
        self.listener = listener
        self.person = person
        self.owed: int | None = _FIRST
        """It needs what was told after this turn; None: nothing, it gets each change."""
        self.since: int | None = None
        """While it is given what it was owed: what was told after this turn, of people with numbers beyond `page`."""
        self.page = 0


_Outgoing = dict[_Seat, list[Encoded]]


class Signals:
    """The signals of one node. All methods run in the event loop's thread."""

    def __init__(
        self,
        node_id: UUID,
        *,
        log: Log,
        reader: Reader,
        limits: Limits,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._node_id = node_id
        self._log = log
        self._reader = reader
        self._limits = limits
        self._clock = clock
        self._presence = Presence(
            grace_s=limits.presence_grace_s, repeat_s=limits.presence_repeat_s, lease_s=limits.presence_lease_s
        )
        self._turn = 0
        self._numbers = 0
        self._people: dict[UUID, _Person] = {}
        self._rooms: dict[UUID, _Room] = {}
        self._seats: dict[Listener, _Seat] = {}
        self._unread: dict[UUID, _Person] = {}
        """Those whose channels have to be read."""
        self._must_read = asyncio.Event()
        self._owing: dict[_Seat, None] = {}
        self._joining: dict[tuple[_Person, UUID], None] = {}
        """Who has joined which channel, and is to be made known there."""
        self._fading: deque[tuple[float, _Person]] = deque()
        self._typed: OrderedDict[Typed, float] = OrderedDict()
        self._typed_waiting: deque[Typed] = deque()
        self._typing_left = limits.signals_at_once
        self._asks = False
        self._leaves = False
        self.is_pressed = False
        """Whether the node has no processor to spare."""
        self.statuses_sent = 0
        self.statuses_shed = 0
        """Not sent when they were due; owed, and sent later."""
        self.typing_sent = 0
        self.typing_coalesced = 0
        self.typing_shed = 0
        """Dropped under pressure."""
        self.unreadable = 0
        """Batches of other nodes that could not be understood."""

    @property
    def present(self) -> int:
        """How many people are present, on any node."""
        return self._presence.people

    @property
    def waiting(self) -> int:
        """How many changes of presence, and joins, wait to be told here."""
        return len(self._presence.changed) + len(self._joining)

    @property
    def owing(self) -> int:
        """How many connections are owed statuses."""
        return len(self._owing)

    # Connections

    def arrive(self, listener: Listener) -> None:
        """Somebody follows the log over a connection, perhaps not live yet."""
        person = self._known(listener.user_id)
        seat = self._seats[listener] = _Seat(listener, person)
        person.seats.add(seat)
        for room in person.rooms or ():
            _sit(seat, room)
        self._owing[seat] = None
        self._presence.arrive(seat, person.user_id)

    def live(self, listener: Listener, channels: Iterable[UUID]) -> None:
        """The connection is live, and its person is in these channels: who has just connected need not be read."""
        seat = self._seats.get(listener)
        if seat is not None and seat.person.rooms is None:
            self._take_rooms(seat.person, channels)

    def depart(self, listener: Listener) -> None:
        """The connection has ended. Does nothing for one that never came."""
        seat = self._seats.pop(listener, None)
        if seat is None:
            return
        person = seat.person
        person.seats.discard(seat)
        for room in person.rooms or ():
            room.seats.discard(seat)
        self._owing.pop(seat, None)
        self._presence.depart(seat, self._clock())
        self._fade(person)

    def set_status(self, listener: Listener, status: frames.Status) -> None:
        """The connection says its status."""
        seat = self._seats.get(listener)
        if seat is None:
            return
        self._presence.set_status(seat, Status[status.upper()])
        if seat.person.user_id in self._presence.changed:
            seat.person.by = seat

    async def typing(self, listener: Listener, channel_id: UUID, parent_id: UUID | None) -> Refusal | None:
        """The person types; the refusal where that is none of the channel's. Reads the database only for a refusal."""
        seat = self._seats.get(listener)
        if seat is None or seat.person.rooms is None:
            self.typing_shed += 1
            return None
        person = seat.person
        if not self._is_member(person, channel_id):
            if await self._reader.may_see(channel_id, person.user_id, self._log.position):
                return NotAMember()
            return NotFound(f"There is no channel {channel_id}, or you may not see it.", field="channel_id")
        if self.is_pressed or not listener.takes_signals:
            self.typing_shed += 1
            return None
        typed = (person.user_id, channel_id, parent_id)
        if self._passes(typed):
            self._tell_typing(typed, but=seat)
            if len(self._typed_waiting) < TYPED_WAITING:
                self._typed_waiting.append(typed)
            else:
                self.typing_shed += 1
        return None

    def _is_member(self, person: _Person, channel_id: UUID) -> bool:
        room = self._rooms.get(channel_id)
        return (room is not None and room in (person.rooms or ())) or (person, channel_id) in self._joining

    def _passes(self, typed: Typed) -> bool:
        """Whether it is passed on: once in a while, and only while there is room to remember it."""
        now = self._clock()
        while self._typed and next(iter(self._typed.values())) <= now - self._limits.typing_interval_s:
            self._typed.popitem(last=False)
        if typed in self._typed:
            self.typing_coalesced += 1
            return False
        if len(self._typed) >= TYPING_KEPT:
            self.typing_shed += 1
            return False
        self._typed[typed] = now
        return True

    def _tell_typing(self, typed: Typed, *, but: _Seat | None) -> None:
        user_id, channel_id, parent_id = typed
        room = self._rooms.get(channel_id)
        seats = list(room.seats) if room is not None else []
        for person, joined_id in self._joining:
            if joined_id == channel_id:
                seats += [seat for seat in person.seats if seat.listener.channel_id in (None, channel_id)]
        self._typing_left -= len(seats)
        if self._typing_left < 0:
            self.typing_shed += len(seats)
            return
        frame = frames.TypingSignal(user_id=user_id, channel_id=channel_id, parent_id=parent_id)
        signals = (Encoded(None, frames.control(frame)),)
        for seat in seats:
            if seat is but:
                continue
            if seat.listener.takes_signals:
                seat.listener.signal(signals)
                self.typing_sent += 1
            else:
                self.typing_shed += 1

    # The log

    def publish(self, events: Sequence[Recorded]) -> None:
        """The tail's listener: who is in which channel."""
        for recorded in events:
            event = recorded.event
            if isinstance(event, MemberJoined):
                person = self._people.get(event.user_id)
                if person is not None and person.rooms is not None:
                    self._joining[person, event.channel_id] = None
            elif isinstance(event, MemberLeft | MemberRemoved):
                person = self._people.get(event.user_id)
                if person is not None:
                    self._joining.pop((person, event.channel_id), None)
                    if room := self._rooms.get(event.channel_id):
                        self._leave_room(person, room)
            elif isinstance(event, ChannelDeleted):
                if room := self._rooms.get(event.channel_id):
                    for person in tuple(room.people):
                        self._leave_room(person, room)
                for entry in [entry for entry in self._joining if entry[1] == event.channel_id]:
                    del self._joining[entry]

    def reset(self) -> None:
        """The log's history changed: who is in which channel is read again."""
        self._rooms.clear()
        self._joining.clear()
        for person in self._people.values():
            person.rooms = None
            self._unread[person.user_id] = person
        self._must_read.set()

    def _take_rooms(self, person: _Person, channels: Iterable[UUID]) -> None:
        """The channels of a person of whom they were not known."""
        del self._unread[person.user_id]
        person.rooms = set()
        for channel_id in channels:
            self._enter_room(person, channel_id)
        self._presence.changed[person.user_id] = None

    def _enter_room(self, person: _Person, channel_id: UUID) -> None:
        room = self._rooms.get(channel_id)
        if room is None:
            room = self._rooms[channel_id] = _Room(channel_id)
        assert person.rooms is not None, "they are read"
        person.rooms.add(room)
        room.people.add(person)
        for seat in person.seats:
            _sit(seat, room)

    def _leave_room(self, person: _Person, room: _Room) -> None:
        if person.rooms is not None:
            person.rooms.discard(room)
        room.people.discard(person)
        room.seats -= person.seats
        if not room.people:
            self._rooms.pop(room.channel_id, None)

    # Other nodes (see `ws.ports.Bus`)

    def joined(self) -> None:
        """The bus is connected, for the first time or again: something may have been missed on both sides."""
        self._asks = True
        self._presence.repeat()

    def leave(self) -> None:
        """This node stops: say so as the last thing."""
        self._leaves = True

    def say(self) -> bytes | None:
        """What the other nodes are to hear now; None for nothing."""
        if self._leaves:
            return gossip.pack(Batch(node_id=self._node_id, leaves=True))
        turn, words = self._presence.say(self._clock(), gossip.WORDS_MAX) or (0, ())
        room = gossip.typed_room(len(words))
        typed = [self._typed_waiting.popleft() for _ in range(min(room, len(self._typed_waiting)))]
        asks, self._asks = self._asks, False
        if not (words or typed or asks):
            return None
        return gossip.pack(Batch(node_id=self._node_id, turn=turn, words=words, typed=typed, asks=asks))

    def hear(self, data: bytes) -> None:
        """What another node said, or this one."""
        try:
            batch = gossip.unpack(data)
        except gossip.Unreadable:
            self.unreadable += 1
            return
        if batch.node_id == self._node_id:
            return
        if batch.words:
            self._presence.hear(batch.node_id, batch.turn, batch.words, self._clock())
        if batch.leaves:
            self._presence.hear_leaving(batch.node_id, self._clock())
        if batch.asks:
            self._presence.repeat()
        for typed in batch.typed:
            if self.is_pressed:
                self.typing_shed += 1
            elif self._may_type(typed):
                self._tell_typing(typed, but=None)

    def _may_type(self, typed: Typed) -> bool:
        """The other node has looked, and coalesced; but the person may have been removed in the meantime."""
        person = self._people.get(typed[0])
        return person is None or person.rooms is None or self._is_member(person, typed[1])

    # Time

    async def run(self) -> None:
        """Tell what changes, until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._read_channels())
            group.create_task(self._tick())

    async def _tick(self) -> None:
        interval_s = self._limits.signal_interval_s
        while True:
            due = time.monotonic() + interval_s
            await asyncio.sleep(interval_s)
            self.is_pressed = time.monotonic() - due > LATE_S
            self.tick()

    def tick(self) -> None:
        """Tell what has changed. Cost: at most `signals_at_once` frames and a look at each connection that is owed some."""
        now = self._clock()
        self._turn += 1
        self._typing_left = self._limits.signals_at_once
        left = max(4, self._limits.signals_at_once // (10 if self.is_pressed else 1))
        self._presence.tick(now)
        changes_left = int(left * CHANGES_PART)
        changes: _Outgoing = {}
        spent = self._tell_changes(changes, changes_left)
        self._hand_out(changes, self._turn - 1)
        introductions: _Outgoing = {}
        spent += self._introduce(introductions, changes_left - spent)
        self._hand_out(introductions, _EVERYTHING)
        self._pay(left - spent)
        self._forget(now)

    def _tell_changes(self, outgoing: _Outgoing, left: int) -> int:
        """Add the changed statuses, for as long as there are frames left; how many were used: looking at 8 costs as one."""
        spent = 0
        changed = self._presence.changed
        while changed and spent < left:
            person = self._known(next(iter(changed)))
            if person.rooms is None:
                del changed[person.user_id]  # named again when they are read
                continue
            status = self._presence.take(person.user_id)
            by, person.by = person.by, None
            if status is not None:
                person.told, person.told_turn = status, self._turn
                person.frame = Encoded(
                    None, frames.control(frames.UserStatus(user_id=person.user_id, status=_NAMES[status]))
                )
                seats = person.seats.union(*[room.seats for room in person.rooms])
                spent += 1 + len(seats) // 8
                for seat in seats:
                    if seat.owed is None:
                        if seat is not by:
                            outgoing.setdefault(seat, []).append(person.frame)
                            spent += 1
                    elif seat.owed != _FIRST:
                        self.statuses_shed += 1
            if person.told is Status.OFFLINE:
                self._fade(person)
        return spent

    def _introduce(self, outgoing: _Outgoing, left: int) -> int:
        """Make those known to each other who came into a channel and those in it, unless they share another one."""
        spent = 0
        while self._joining and spent < left:
            person, channel_id = entry = next(iter(self._joining))
            del self._joining[entry]
            assert person.rooms is not None, "only such are here"
            room = self._rooms.get(channel_id)
            for other in room.people if room is not None and room not in person.rooms else ():
                assert other.rooms is not None, "it is in one"
                is_known = not other.rooms.isdisjoint(person.rooms)
                spent += 1
                _introduce_to(other, person, channel_id, outgoing, is_known=is_known)
                _introduce_to(person, other, channel_id, outgoing, is_known=is_known)
            self._enter_room(person, channel_id)
        return spent

    def _hand_out(self, outgoing: _Outgoing, owed: int) -> None:
        for seat, signals in outgoing.items():
            if seat.listener.takes_signals:
                seat.listener.signal(signals)
                self.statuses_sent += len(signals)
            else:
                seat.owed = owed
                self._owing[seat] = None
                self.statuses_shed += len(signals)

    def _pay(self, left: int) -> None:
        """Give those who are owed statuses a page each, in the order in which they came, for as long as frames are left."""
        for seat in tuple(self._owing):
            if left <= 0:
                return
            if seat.person.rooms is not None and seat.listener.takes_signals:
                left -= self._pay_one(seat, seat.person.rooms)

    def _pay_one(self, seat: _Seat, rooms: Iterable[_Room]) -> int:
        if seat.since is None:
            assert seat.owed is not None, "it is owed something"
            seat.since, seat.page, seat.owed = seat.owed, 0, None
        since, bound_to = seat.since, seat.listener.channel_id
        people: set[_Person] = set()
        people.update(*[room.people for room in rooms if bound_to in (None, room.channel_id)])
        looked_at = len(people)
        if since == _FIRST:
            people.discard(seat.person)
            chosen = [p for p in people if p.told is not Status.OFFLINE and p.number > seat.page]
        else:
            chosen = [p for p in people if p.told_turn > since and p.number > seat.page]
        if len(chosen) > PAGE_FRAMES:
            chosen = heapq.nsmallest(PAGE_FRAMES, chosen, key=lambda p: p.number)
            seat.page = chosen[-1].number
        else:
            seat.since = None
            if seat.owed is None:
                del self._owing[seat]
        if signals := [p.frame for p in chosen if p.frame is not None]:
            seat.listener.signal(signals)
            self.statuses_sent += len(signals)
        return 1 + len(signals) + looked_at // 8

    # People

    def _known(self, user_id: UUID) -> _Person:
        person = self._people.get(user_id)
        if person is None:
            self._numbers += 1
            person = self._people[user_id] = self._unread[user_id] = _Person(user_id, self._numbers)
            self._must_read.set()
        return person

    def _fade(self, person: _Person) -> None:
        """Forget a person in a while who is offline and has no connections, unless that changes."""
        if not person.seats and person.told is Status.OFFLINE:
            self._fading.append((self._clock() + FORGET_AFTER_S, person))

    def _forget(self, now: float) -> None:
        while self._fading and self._fading[0][0] <= now:
            _, person = self._fading.popleft()
            is_present = person.seats or person.told is not Status.OFFLINE or self._presence.status(person.user_id)
            if is_present or self._people.get(person.user_id) is not person:
                continue
            for room in tuple(person.rooms or ()):
                self._leave_room(person, room)
            for entry in [entry for entry in self._joining if entry[0] is person]:
                del self._joining[entry]
            self._unread.pop(person.user_id, None)
            del self._people[person.user_id]

    async def _read_channels(self) -> None:
        """Read the channels of those whose are not known, many at once; what cannot be read now is read later."""
        while True:
            await self._must_read.wait()
            try:
                await self.read_channels()
            except (psycopg.Error, OSError) as error:
                logger.warning("signals.read_failed", error=f"{type(error).__name__}: {error}".strip())
                await asyncio.sleep(1.0)
            # Who comes meanwhile is read with the others who do.
            await asyncio.sleep(self._limits.signal_interval_s)

    async def read_channels(self) -> None:
        """Read the channels of some whose are not known. Raises `psycopg.Error` or `OSError`."""
        people = list(itertools.islice(self._unread.values(), LOAD_PEOPLE))
        if people:
            await self._read_channels_of(people)
        if not self._unread:
            self._must_read.clear()

    async def _read_channels_of(self, people: Sequence[_Person]) -> None:
        log, epoch = self._log, self._log.epoch
        found: dict[UUID, set[UUID]] = {person.user_id: set() for person in people}
        pairs, position = await self._reader.channels_of(list(found))
        for user_id, channel_id in pairs:
            found[user_id].add(channel_id)
        if position > log.position and not await log.wait_beyond(position - 1, _LOG_WAIT_S):
            raise TimeoutError(f"this node has not read position {position} yet")
        while (newer := log.recent(position)) is None:
            through = log.position
            _fold(found, await self._reader.membership_events(position, through))
            position = through
        _fold(found, newer)
        # From here on without a pause: what comes next, `publish` is told.
        if log.epoch != epoch:
            return
        for person in people:
            if self._unread.get(person.user_id) is person:
                self._take_rooms(person, found[person.user_id])


def _sit(seat: _Seat, room: _Room) -> None:
    if seat.listener.channel_id in (None, room.channel_id):
        room.seats.add(seat)


def _introduce_to(person: _Person, other: _Person, channel_id: UUID, outgoing: _Outgoing, *, is_known: bool) -> None:
    """Tell the person's connections of the other, as far as they hear of the channel and have not heard of the other."""
    if other.told is Status.OFFLINE or other.frame is None:
        return
    for seat in person.seats:
        if seat.listener.channel_id == channel_id or (seat.listener.channel_id is None and not is_known):
            if seat.owed is None:
                outgoing.setdefault(seat, []).append(other.frame)
            elif seat.owed != _FIRST:
                seat.owed = _EVERYTHING


def _fold(found: dict[UUID, set[UUID]], events: Iterable[Recorded]) -> None:
    """Move these people's channels on over more events of the log."""
    for recorded in events:
        event = recorded.event
        if isinstance(event, MemberJoined) and event.user_id in found:
            found[event.user_id].add(event.channel_id)
        elif isinstance(event, MemberLeft | MemberRemoved) and event.user_id in found:
            found[event.user_id].discard(event.channel_id)
        elif isinstance(event, ChannelDeleted):
            for channels in found.values():
                channels.discard(event.channel_id)
