"""An event's frame in the forms in which connections take it, each made once a node and written to all that want it."""

import struct


def text_frame(payload: bytes) -> bytes:
    """An unmasked text frame, final (RFC 6455 section 5.2): the same bytes for every receiver."""
    size = len(payload)
    if size < 126:
        return bytes((0x81, size)) + payload
    if size < 65_536:
        return struct.pack("!BBH", 0x81, 126, size) + payload
    return struct.pack("!BBQ", 0x81, 127, size) + payload


class Encoded:
    """A frame that goes to many. `payload` is its JSON; the other forms are made when the first connection wants them."""

    __slots__ = ("_line", "_wire", "payload", "position")

    def __init__(self, position: int | None, payload: bytes) -> None:
        self.position = position
        """Of an event; a signal has none."""
        self.payload = payload
        self._wire: bytes | None = None
        self._line: bytes | None = None

    @property
    def wire(self) -> bytes:
        """As a WebSocket frame."""
        if self._wire is None:
            self._wire = text_frame(self.payload)
        return self._wire

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
