"""Whatever people ask for, in whatever order: what `decide` accepts, `evolve` can always follow."""

from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from domain import catalog
from domain.channel_state import ChannelKind, ChannelState, MembershipState, Role
from domain.decider import Command, Event
from domain.errors import Refusal
from domain.ids import channel_name_id, direct_id, membership_id
from domain.membership import MemberJoined
from domain.message import MessagePosted
from domain.name_claim import NameState
from domain.user import ChangeProfile, UserRegistered, UserState
from tests.support.builders import AT
from tests.support.cast import (
    ADMIN,
    GUEST,
    MEMBER,
    NAMES,
    NOBODY,
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
    invite,
    join,
    leave,
    mark,
    post,
    reactivate,
    register,
    remove,
    report,
    resolve,
    revoke,
    set_admin,
    set_member,
    v7,
)
from tests.support.spec import World, changed

people = st.sampled_from([OWNER, ADMIN, MEMBER, GUEST, ROOT, NOBODY])
known_people = st.sampled_from([OWNER, ADMIN, MEMBER, GUEST, ROOT])
channels = st.sampled_from([PUBLIC, PUBLIC, PRIVATE, v7(0x102), direct_id(frozenset({OWNER, MEMBER}))])
names = st.sampled_from(["town", "TOWN", "city", "", "\x00", " x"])
roles = st.sampled_from(list(Role))
messages = st.integers(1, 4)
contents = st.sampled_from(["hello", "@olga", "@channel `@ada`", "", "x" * 5_000]) | st.text(max_size=20)
codes = st.sampled_from(["one", "two"])
witnesses = st.none() | people


def _create(channel_id: UUID, name: str, by: UUID) -> Command:
    return changed(create(PUBLIC, name, by), channel_id=channel_id)


commands: st.SearchStrategy[Command] = st.one_of(
    st.builds(register, known_people),
    st.builds(lambda u, d, s: ChangeProfile(user_id=u, at=AT, display_name=d, status_text=s), people, names, names),
    st.builds(block, people, people, blocked=st.booleans()),
    st.builds(report, people, messages, contents),
    st.builds(resolve, people, people, messages),
    st.builds(deactivate, st.none() | people, people, witnesses),
    st.builds(reactivate, st.none() | people, people),
    st.builds(set_admin, st.none() | people, people, is_admin=st.booleans(), witness=witnesses),
    st.builds(_create, channels | people, names, people),
    st.builds(create, st.sampled_from([PUBLIC, PRIVATE]), names, people),
    st.builds(direct, people, people),
    st.builds(change, people, channels, name=st.none() | names, topic=st.none() | names),
    st.builds(archive, people, channels, archived=st.booleans()),
    st.builds(delete_channel, people, channels),
    st.builds(join, people, channels),
    st.builds(leave, people, channels, witnesses),
    st.builds(remove, people, people, channels, witnesses),
    st.builds(set_member, people, people, roles, channels, witnesses),
    st.builds(invite, people, codes, channels, expires_in_s=st.sampled_from([0, 60]), max_uses=st.none() | st.just(1)),
    st.builds(accept, people, codes, after_s=st.sampled_from([0, 60])),
    st.builds(revoke, people, codes, channels),
    st.builds(post, people, messages, contents, channels, st.none() | messages, also=st.booleans()),
    st.builds(edit, people, messages, contents),
    st.builds(delete, people, messages),
    st.builds(mark, people, st.integers(-1, 12), channels, st.none() | messages, st.just(10)),
)


def started() -> World:
    """The cast, and the public and the private channel with a few people."""
    world = World().given(*(register(user_id) for user_id in (OWNER, ADMIN, MEMBER)), create(PUBLIC), create(PRIVATE))
    return world.given(set_member(OWNER, ADMIN, Role.ADMIN), set_member(OWNER, MEMBER, channel_id=PRIVATE))


@settings(max_examples=300, deadline=None)
@given(st.lists(commands, max_size=40))
def test_evolve_follows_every_history_that_decide_can_produce(history: list[Command]) -> None:
    """Only refusals are raised, and the rules of the whole hold after every command."""
    world = started()
    for command in history:
        try:
            world.do(command)
        except Refusal:
            continue
        _check_rules(world)
    _check_replay(world)


def _check_rules(world: World) -> None:
    for channel_id, channel in world.states.items():
        if not isinstance(channel, ChannelState) or channel.is_deleted:
            continue
        people = [*NAMES, NOBODY]
        members = [world.states.get(membership_id(channel_id, person)) for person in people]
        held = [member.role for member in members if isinstance(member, MembershipState)]
        assert channel.kind is ChannelKind.DIRECT or Role.OWNER in held, "a channel keeps an owner"
        if channel.kind is ChannelKind.PUBLIC:
            claim = world.states[channel_name_id(channel.name)]
            assert claim == NameState(holder_id=channel_id), "a public channel holds its name"


def _check_replay(world: World) -> None:
    """The states are those of the events alone; feeds are gapless; nobody speaks where they are not."""
    states = {}
    inside: set[tuple[UUID, UUID]] = set()
    seqs: dict[UUID, int] = {}
    users: dict[UUID, object] = {}
    had_admin = False
    for recorded in world.log:
        assert isinstance(recorded.event, Event)
        states[recorded.stream_id] = catalog.evolve(states.get(recorded.stream_id), recorded.event)
        if recorded.feed_id is not None:
            assert recorded.seq == seqs.get(recorded.feed_id, 0) + 1
            seqs[recorded.feed_id] = recorded.seq
        event = recorded.event
        if recorded.stream_id in users or isinstance(event, UserRegistered):
            users[recorded.stream_id] = states[recorded.stream_id]
            has_admin = any(isinstance(user, UserState) and user.is_admin and user.is_active for user in users.values())
            assert has_admin or not had_admin, "a server keeps an active admin"
            had_admin = has_admin
        elif isinstance(event, MemberJoined):
            inside.add((event.channel_id, event.user_id))
        elif type(event).__name__ in ("MemberLeft", "MemberRemoved"):
            inside.discard((event.channel_id, event.user_id))  # type: ignore[attr-defined]
        elif isinstance(event, MessagePosted):
            author = users[event.author_id]
            assert isinstance(author, UserState) and author.is_active
            assert (event.channel_id, event.author_id) in inside
    assert states == world.states
