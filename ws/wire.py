"""An event's frame in the forms in which connections take it, each made once a node and written to all that want it."""

import struct
import zlib

COMPRESS_OVER_BYTES = 1_024
"""Smaller frames travel as they are: little is won, and most frames are small."""
WINDOW_BITS = 12
"""A window of 4 KiB: what a client must be able to look back for what we compressed."""
_RSV1 = 0x40
_EMPTY_BLOCK = b"\0\0\xff\xff"
"""Ends what zlib flushes; the receiver appends it again (RFC 7692 section 7.2.1)."""


def text_frame(payload: bytes, flags: int = 0) -> bytes:
    """An unmasked text frame, final (RFC 6455 section 5.2): the same bytes for every receiver."""
    size = len(payload)
    if size < 126:
        return bytes((0x81 | flags, size)) + payload
    if size < 65_536:
        return struct.pack("!BBH", 0x81 | flags, 126, size) + payload
    return struct.pack("!BBQ", 0x81 | flags, 127, size) + payload


def compressed_frame(payload: bytes) -> bytes:
    """The frame for a connection that agreed to compression, which keeps no context from frame to frame.

    One that is small, or does not shrink, is not compressed. About 5 microseconds a KiB.
    """
    if len(payload) <= COMPRESS_OVER_BYTES:
        return text_frame(payload)
    deflate = zlib.compressobj(level=3, wbits=-WINDOW_BITS, memLevel=5)
    deflated = (deflate.compress(payload) + deflate.flush(zlib.Z_SYNC_FLUSH)).removesuffix(_EMPTY_BLOCK)
    if len(deflated) >= len(payload):
        return text_frame(payload)
    return text_frame(deflated, _RSV1)


class Encoded:
    """A frame that goes to many. `payload` is its JSON; the other forms are made when the first connection wants them."""

    __slots__ = ("_compressed", "_line", "_wire", "payload", "position")

    def __init__(self, position: int | None, payload: bytes) -> None:
        self.position = position
        """Of an event; a signal has none."""
        self.payload = payload
        self._wire: bytes | None = None
        self._compressed: bytes | None = None
        self._line: bytes | None = None

    @property
    def wire(self) -> bytes:
        """As a WebSocket frame."""
        if self._wire is None:
            self._wire = text_frame(self.payload)
        return self._wire

    @property
    def compressed(self) -> bytes:
        """As a WebSocket frame for connections that agreed to compression."""
        if len(self.payload) <= COMPRESS_OVER_BYTES:
            return self.wire
        if self._compressed is None:
            self._compressed = compressed_frame(self.payload)
        return self._compressed

    def line(self, epoch: str) -> bytes:
        """As a message of an event stream, whose id resumes after it. The epoch is the node's."""
        if self._line is None:
            self._line = to_line(self.payload, epoch, self.position)
        return self._line


def to_line(payload: bytes, epoch: str, position: int | None) -> bytes:
    """A message of an event stream (WHATWG HTML section 9.2). `position`: a client that comes back has all up to it."""
    if position is None:
        return b"data: %b\n\n" % payload
    return b"id: %b:%d\ndata: %b\n\n" % (epoch.encode(), position, payload)
