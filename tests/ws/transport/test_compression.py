"""permessage-deflate: off unless the operator wants it; then for large frames only, made once for all, and never a bomb."""

import asyncio
import itertools
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.asyncio.client import connect
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory, PerMessageDeflate

from tests.support.outboxes import OutboxServer, outbox_server
from tests.support.people import register
from tests.support.rawsocket import close_code, frames_of, masked, raw_socket
from tests.support.wsclient import check_stream
from tests.ws.conftest import StartNode
from ws.limits import Limits
from ws.transport import TransportOutbox
from ws.wire import WINDOW_BITS, Encoded, compressed_frame, text_frame

OFFER = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits"
RSV1 = 0x40
LARGE = b'{"type":"new_message","text":"' + b"all work and no play " * 100 + b'"}'
SMALL = b'{"type":"pong"}' + b" " * 900


def where(server: OutboxServer) -> str:
    """The socket's address."""
    return server.url.replace("http", "ws", 1)


def inflated(frame: bytes) -> bytes:
    """What a client makes of a compressed frame, with our window and no memory of earlier ones."""
    assert frame[0] == 0x81 | RSV1
    payload = frame[2:] if frame[1] < 126 else frame[4:] if frame[1] == 126 else frame[10:]
    return _inflate(payload)


def _inflate(payload: bytes) -> bytes:
    return zlib.decompressobj(wbits=-WINDOW_BITS).decompress(payload + b"\0\0\xff\xff")


@given(st.binary(max_size=300), st.integers(0, 300))
def test_a_compressed_frame_is_the_same_text(part: bytes, times: int) -> None:
    """Or the plain frame, where it is small or would not shrink."""
    payload = part * times
    frame = compressed_frame(payload)
    if frame[0] & RSV1:
        assert len(payload) > 1_024
        assert len(frame) < len(text_frame(payload))
        assert inflated(frame) == payload
    else:
        assert frame == text_frame(payload)


def test_an_events_forms_are_made_once() -> None:
    """A small event has one form for all."""
    large, small = Encoded(1, LARGE), Encoded(2, SMALL)
    assert large.compressed is large.compressed
    assert large.compressed != large.wire
    assert small.compressed is small.wire


async def test_only_large_frames_are_compressed_and_only_for_those_who_agreed() -> None:
    """The same frame, as bytes on the wire, for one who offered it and one who did not."""
    async with (
        outbox_server(compression=True) as server,
        raw_socket(server.url, OFFER) as (with_it, _),
        raw_socket(server.url) as (without, _),
    ):
        for _ in range(2):
            outbox = await server.outboxes.get()
            outbox.send(Encoded(1, LARGE))
            outbox.write(SMALL)
        first = await with_it.readexactly(len(compressed_frame(LARGE)))
        assert first == compressed_frame(LARGE)
        assert await with_it.readexactly(len(text_frame(SMALL))) == text_frame(SMALL)
        assert await without.readexactly(len(text_frame(LARGE))) == text_frame(LARGE)


async def test_it_is_off_by_default(node_with: StartNode) -> None:
    """Whoever offers it is not answered; a large frame travels as it is."""
    async with node_with(Limits()) as (url, _):
        ann = await register(url, "ann")
        channel = await ann.make_channel()
        async with connect(f"{url.replace('http', 'ws', 1)}/ws") as ws:
            assert ws.response is not None
            assert "Sec-WebSocket-Extensions" not in ws.response.headers
        a = ann.client()
        await a.open()
        sent = await a.post(channel, "x" * 4_000)
        assert (await a.wait_event(id=sent["data"]["id"]))["data"]["content"] == "x" * 4_000
        await a.close()


async def test_no_context_lives_on_from_frame_to_frame() -> None:
    """It is agreed on for both directions, and neither side's state is kept: memory a connection stays what it was."""
    async with outbox_server(compression=True) as server, connect(where(server)) as ws:
        assert ws.response is not None
        agreed = ws.response.headers["Sec-WebSocket-Extensions"]
        for part in ("server_no_context_takeover", "client_no_context_takeover", "server_max_window_bits=12"):
            assert part in agreed
        outbox = await server.outboxes.get()
        assert isinstance(outbox, TransportOutbox)
        for number in range(3):
            text = f"{number} " * 2_000
            await ws.send(text)
            assert await ws.recv() == text
        (extension,) = outbox._protocol.conn.extensions
        assert isinstance(extension, PerMessageDeflate)
        assert not {"encoder", "decoder"} & set(vars(extension))


async def test_a_client_that_can_look_back_less_gets_plain_frames() -> None:
    """What is compressed once for all does not suit it."""
    narrow = ClientPerMessageDeflateFactory(server_max_window_bits=9)
    async with outbox_server(compression=True) as server, connect(where(server), extensions=[narrow]) as ws:
        outbox = await server.outboxes.get()
        assert isinstance(outbox, TransportOutbox)
        assert not outbox._protocol.compresses
        outbox.send(Encoded(1, LARGE))
        assert await ws.recv() == LARGE.decode()


def bomb(size: int) -> bytes:
    """So many spaces, deflated."""
    deflate = zlib.compressobj(wbits=-15)
    return (deflate.compress(b" " * size) + deflate.flush(zlib.Z_SYNC_FLUSH))[:-4]


@pytest.mark.parametrize("parts", [1, 2, 50])
async def test_a_bomb_is_1009(parts: int) -> None:
    """10 MB in 10 KB, whole or in parts: it is not unpacked beyond the limit."""
    packed = bomb(10_000_000)
    cuts = [len(packed) * number // parts for number in range(parts + 1)]
    async with outbox_server(compression=True) as server, raw_socket(server.url, OFFER) as (reader, writer):
        for number, (start, end) in enumerate(itertools.pairwise(cuts)):
            opcode, flags = (1, RSV1) if number == 0 else (0, 0)
            writer.write(masked(packed[start:end], opcode, fin=number == parts - 1, flags=flags))
        assert await close_code(reader) == 1009


async def test_what_just_fits_is_taken() -> None:
    """The limit is that of the text, not of what travels."""
    async with outbox_server(compression=True) as server, raw_socket(server.url, OFFER) as (reader, writer):
        writer.write(masked(bomb(65_536), flags=RSV1))
        async with asyncio.timeout(20):
            async for opcode, payload in frames_of(reader):
                assert opcode == 1
                assert _inflate(payload) == b" " * 65_536
                break
        writer.write(masked(bomb(65_537), flags=RSV1))
        assert await close_code(reader) == 1009


async def test_a_rotten_one_is_1002() -> None:
    """Bytes that are no deflate."""
    async with outbox_server(compression=True) as server, raw_socket(server.url, OFFER) as (reader, writer):
        writer.write(masked(b"\xff" * 200, flags=RSV1))
        assert await close_code(reader) == 1002


async def test_a_whole_life_is_the_same_with_and_without(node_with: StartNode) -> None:
    """Live and from the backlog, in batches."""
    async with node_with(Limits(), compression=True) as (url, _):
        ann = await register(url, "ann")
        channel = await ann.make_channel()
        a, late = ann.client(), ann.client()
        await a.open()
        await late.open()
        await late.close()
        answers = await asyncio.gather(*(a.post(channel, "word " * 300) for _ in range(200)))
        last = max(answer["data"]["id"] for answer in answers)
        await a.wait_through(last)
        await late.open()
        await late.wait_through(last)
        assert late.events == a.events[-len(late.events) :]
        assert len(late.events) == 200
        check_stream(a.events, a.user_id)
        await a.close()
        await late.close()
