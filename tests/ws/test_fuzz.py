"""Whatever a client sends: the session answers at most once and never fails, and the server goes on serving the others."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.buckets import Bucket
from tests.support.people import Person, register
from tests.support.rawsocket import address, connect_frame, masked, raw_socket
from tests.support.servers import ServerProcess, server
from tests.support.wsclient import new_id
from ws.frames import CLIENT_FRAMES
from ws.limits import Limits
from ws.session import Close, Phase, Send, Session

FIELDS = [
    "token", "last_event_id", "epoch", "max_backlog", "channel_id", "client", "message_id", "content", "parent_id",
    "also_to_channel", "emoji", "seq", "status",
]  # fmt: skip

values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from([str(new_id()), "connect", "online", 2**53, -1, "\0", "\ud800"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
datas = st.dictionaries(st.sampled_from(FIELDS) | st.text(max_size=5), values, max_size=5)
envelopes = st.fixed_dictionaries(
    {},
    optional={
        "type": st.sampled_from([*CLIENT_FRAMES, "new_message", "dance"]) | values,
        "ref": st.text(max_size=80) | values,
        "data": datas | values,
        "extra": values,
    },
)
texts = st.one_of(st.text(), values.map(json.dumps), envelopes.map(json.dumps))


def _cut(text: str, at: int) -> str:
    return text[: at % (len(text) + 1)]


mangled = st.builds(_cut, texts, st.integers(0, 200))


@given(st.lists(texts | mangled, max_size=20), st.booleans())
@settings(max_examples=300)
def test_a_session_answers_any_text_at_most_once(sent: list[str], is_open: bool) -> None:
    """One frame, or the end, or a frame and the end; nothing after the end; and it never raises."""
    limits = Limits(bad_frames_per_minute=10)
    session = Session(limits, 0.0)
    if is_open:
        session.opened(datetime.now(UTC) + timedelta(hours=1), Bucket(1_000, 1_000, 0.0))
    for number, text in enumerate(sent):
        was_over = session.phase is Phase.CLOSED
        effects = session.receive(text, number / 10)
        kinds = [type(effect) for effect in effects]
        if was_over:
            assert kinds == []
        elif kinds == [Send, Close]:
            assert session.phase is Phase.CLOSED
        else:
            assert len(kinds) <= 1
        for effect in effects:
            if isinstance(effect, Send):
                assert isinstance(json.loads(effect.frame), dict)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def process(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ServerProcess]:
    """One server process for all that comes."""
    folder = tmp_path_factory.mktemp("fuzz")
    log = folder / "log"
    async with server("--data-dir", str(folder / "data"), log=log) as running:
        yield running
    assert "Traceback" not in log.read_text(errors="replace"), "nothing that a client sends is a fault of the program"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def ann(process: ServerProcess) -> Person:
    """Somebody."""
    return await register(process.url, "ann")


small = st.binary(max_size=200)
parts = st.builds(
    masked,
    small,
    st.integers(0, 15),
    fin=st.booleans(),
    flags=st.sampled_from([0, 0, 0, 0x10, 0x20, 0x40, 0x70]),
)
pieces = st.one_of(small, parts, texts.map(lambda t: masked(t.encode("utf-8", "surrogatepass")[:60_000])))
chunks = st.lists(pieces, max_size=6).map(b"".join)
requests = st.builds(
    lambda head, rest: head + rest,
    st.sampled_from(
        [b"GET /ws HTTP/1.1\r\n", b"POST /v1/auth/login HTTP/1.1\r\nContent-Length: 5\r\n", b"\x16\x03\x01", b""]
    ),
    small,
)


async def _drain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *data: bytes) -> None:
    """Send it piece by piece, then no more, and read what comes until the server ends it too."""
    with suppress(ConnectionError):
        for piece in data:
            writer.write(piece)
            await writer.drain()
        with suppress(OSError):  # ended by the server meanwhile: ENOTCONN, which is no `ConnectionError`
            writer.write_eof()
        async with asyncio.timeout(20):
            while await reader.read(65_536):
                pass


@pytest.mark.asyncio(loop_scope="module")
@given(data=st.data())
@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
async def test_any_bytes_leave_the_server_healthy(process: ServerProcess, ann: Person, data: Any) -> None:
    """Before a handshake, after it, and after `connect`: the connection ends, and nobody else's does."""
    stage = data.draw(st.sampled_from(["request", "socket", "connected"]))
    if stage == "request":
        reader, writer = await asyncio.open_connection(*address(process.url))
        await _drain(reader, writer, data.draw(requests))
        writer.transport.abort()
    else:
        async with raw_socket(process.url) as (reader, writer):
            opening = connect_frame(ann.token) if stage == "connected" else b""
            await _drain(reader, writer, opening, data.draw(chunks), data.draw(chunks))
    answer = await ann.call("GET", "/v1/me")
    assert answer.status_code == 200
