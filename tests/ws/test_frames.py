"""What frames look like: every event has one, times have microseconds, and what cannot be read is named."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import pytest

from domain import catalog
from domain.attachment import Attached
from domain.block import BlockEvent
from domain.channel import ChannelCreated
from domain.decider import Event, Recorded, Unknown
from domain.errors import ContentEmpty, Overloaded
from domain.ids import WORKSPACE_FEED
from domain.message import MessagePosted
from domain.reading import MarkedRead, ReadingEvent
from tests.support.wsclient import new_id
from ws import frames
from ws.event_frames import _DATA, EVENT_FRAMES, Badge, event_frame, is_marker
from ws.frames import NotAnObject, parse

AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
GOLDEN = json.loads((Path(__file__).parents[1] / "domain" / "golden.json").read_text())
OWN = ReadingEvent | BlockEvent
"""On a person's own feed."""
INTERNAL = set(catalog.EVENTS.values()) - set(_DATA)
"""On no feed: `tests/docs/test_events.py` compares them with the page."""
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")


def recorded(event: Event | Unknown, feed_id: UUID | None, seq: int | None = 3) -> Recorded:
    """An event as it stands in the log."""
    return Recorded(7, UUID(int=5), 1, event, feed_id, seq, AT)


def frame_of(event: Event, feed_id: UUID, **options: Any) -> dict[str, Any]:
    """The event's frame, read again."""
    made = event_frame(recorded(event, feed_id), **options)
    assert made is not None
    frame: dict[str, Any] = json.loads(made)
    return frame


def feed_of(event: Event) -> UUID:
    """A feed that the event may stand on."""
    if isinstance(event, OWN):
        return event.user_id
    is_public = isinstance(event, ChannelCreated)
    channel_id: UUID | None = getattr(event, "channel_id", None)
    return WORKSPACE_FEED if channel_id is None or is_public else channel_id


def examples() -> list[tuple[str, Event]]:
    """One stored example of every event of the catalogue."""
    found = []
    for name, kind in catalog.EVENTS.items():
        event = catalog.decode(name, GOLDEN[name]["stored"].encode())
        assert isinstance(event, kind)
        found.append((name, event))
    return found


EXAMPLES = examples()


@pytest.mark.parametrize(("name", "event"), EXAMPLES, ids=[name for name, _ in EXAMPLES])
def test_every_event_of_the_catalogue_has_a_documented_frame(name: str, event: Event) -> None:
    """With the whole envelope; the internal ones have none, since they stand on no feed."""
    if type(event) in INTERNAL:
        assert event_frame(recorded(event, None, None)) is None
        return
    channel_id = getattr(event, "channel_id", None)
    frame = frame_of(event, feed_of(event), badge=Badge(2, False, 1, 70) if is_marker(event) else None)
    assert frame["type"] in EVENT_FRAMES
    assert (frame["id"], frame["seq"], frame["at"]) == (7, 3, "2026-01-02T03:04:05.000000Z")
    shared = "workspace" if feed_of(event) == WORKSPACE_FEED else f"channel:{channel_id}"
    assert frame["feed"] == ("me" if isinstance(event, OWN) else shared)
    assert frame.get("channel_id") == (str(channel_id) if channel_id is not None else None)
    assert set(frame) - {"channel_id"} == {"type", "id", "feed", "seq", "at", "data"}
    assert "channel_id" not in frame["data"], "it stands beside data"
    for key, value in frame["data"].items():
        if key.endswith("_at") and value is not None:
            assert TIME.fullmatch(value), (key, value)


def test_an_event_of_an_unknown_type_has_no_frame() -> None:
    """A newer node may write what this one does not know."""
    assert event_frame(recorded(Unknown("message.sung.1"), WORKSPACE_FEED)) is None


def posted(**more: Any) -> MessagePosted:
    """A message."""
    return MessagePosted(channel_id=UUID(int=9), author_id=UUID(int=8), content="hi", created_at=AT, **more)


def test_a_reply_is_always_new_reply_and_names_its_root() -> None:
    """Also one that is shown in the channel."""
    frame = frame_of(posted(parent_id=UUID(int=4), also_to_channel=True), UUID(int=9))
    assert frame["type"] == "new_reply"
    assert (frame["data"]["parent_id"], frame["data"]["also_to_channel"]) == (str(UUID(int=4)), True)
    plain = frame_of(posted(), UUID(int=9))
    assert plain["type"] == "new_message"
    assert "parent_id" not in plain["data"]
    assert "redacted" not in plain["data"]


def test_a_deleted_content_is_empty_and_says_so() -> None:
    """Who comes late gets the place, not the words, nor whom they called."""
    frame = frame_of(posted(mentions=(UUID(int=8),), mentions_channel=True), UUID(int=9), redacted=True)
    data = frame["data"]
    assert (data["content"], data["redacted"]) == ("", True)
    assert (data["mentions"], data["mentions_channel"]) == ([], False)


def test_a_message_carries_what_it_says_of_its_files() -> None:
    """Until it is deleted; without files it has no word of them."""
    file = Attached(attachment_id=UUID(int=3), name="a.png", media_type="image/png", size=7)
    for more in ({}, {"parent_id": UUID(int=4)}):
        event = posted(attachments=(file,), **more)
        assert frame_of(event, UUID(int=9))["data"]["attachments"] == [
            {"attachment_id": str(UUID(int=3)), "name": "a.png", "media_type": "image/png", "size": 7}
        ]
        assert "attachments" not in frame_of(event, UUID(int=9), redacted=True)["data"]
        assert "attachments" not in frame_of(posted(**more), UUID(int=9))["data"]


def test_a_marker_carries_the_counts_that_it_is_given() -> None:
    """`read_seq` is the event's, the counts are those of the time of sending."""
    event = MarkedRead(user_id=UUID(int=8), channel_id=UUID(int=9), seq=4, at=AT)
    frame = frame_of(event, UUID(int=8), badge=Badge(2, False, 1, 70))
    assert frame["type"] == "unread_count_updated"
    assert frame["data"] == {
        "read_seq": 4,
        "unread_count": 2,
        "unread_capped": False,
        "mention_count": 1,
        "as_of": 70,
    }
    capped = frame_of(event, UUID(int=8), badge=Badge(2, False, 1_000, 70, mention_capped=True))
    assert capped["data"]["mention_capped"] is True


@pytest.mark.parametrize(
    ("kind", "data", "code", "field"),
    [
        ("message", {"message_id": str(new_id()), "content": "x"}, "invalid", "channel_id"),
        ("message", {"channel_id": 5, "message_id": str(new_id()), "content": "x"}, "invalid", "channel_id"),
        ("message", {"channel_id": "x", "message_id": str(new_id()), "content": "x"}, "invalid_id", "channel_id"),
        ("edit_message", {"message_id": str(new_id()), "content": 5}, "invalid", "content"),
        ("edit_message", {"message_id": str(new_id()), "content": "x", "bold": True}, "invalid", "bold"),
        ("mark_read", {"channel_id": str(new_id()), "seq": 1.5}, "invalid", "seq"),
        ("connect", {"token": 5}, "invalid", "token"),
        ("status_update", {"status": "asleep"}, "invalid", "status"),
        ("typing", {}, "invalid", "channel_id"),
        ("ping", {"x": 1}, "invalid", "x"),
    ],
)
def test_a_value_that_cannot_be_read_is_named(kind: str, data: dict[str, Any], code: str, field: str) -> None:
    """Code and field, as REST says them."""
    parsed = parse(json.dumps({"type": kind, "ref": "r", "data": data}))
    assert parsed.frame is None
    assert parsed.refusal is not None
    assert (parsed.ref, parsed.refusal.code, parsed.refusal.field) == ("r", code, field)


@pytest.mark.parametrize(
    "text",
    [
        f'{{"type":"edit_message","data":{{"message_id":"{new_id()}","content":"\\ud800"}}}}',
        '{"type":"\\ud800"}',
    ],
)
def test_a_lone_surrogate_is_refused_and_breaks_nothing(text: str) -> None:
    """JSON allows it, UTF-8 does not; the refusal itself must be sendable."""
    parsed = parse(text)
    assert parsed.refusal is not None
    assert json.loads(frames.error(parsed.refusal, parsed.ref))["type"] == "error"


@pytest.mark.parametrize("text", ["", " ", "NaN", "1", "[]", '"x"', "{", "[" * 65_000, '{"a":' * 10_000])
def test_what_is_no_object_is_told_apart(text: str) -> None:
    """However deep."""
    with pytest.raises(NotAnObject):
        parse(text)


def test_an_error_says_only_what_it_knows() -> None:
    """`field` and `retry_after_ms` where there is one."""
    assert json.loads(frames.error(ContentEmpty(field="content"), "r")) == {
        "type": "error",
        "ref": "r",
        "data": {"code": "content_empty", "message": "A message needs some text.", "field": "content"},
    }
    data = json.loads(frames.error(Overloaded(retry_after_ms=1_000), None))["data"]
    assert (data["code"], data["retry_after_ms"]) == ("overloaded", 1_000)


def test_a_signal_has_no_position() -> None:
    """It is never stored and never resumed, so it moves no cursor."""
    one, other = UUID(int=8), UUID(int=9)
    assert json.loads(frames.control(frames.UserStatus(user_id=one, status="away"))) == {
        "type": "user_status",
        "data": {"user_id": str(one), "status": "away"},
    }
    assert json.loads(frames.control(frames.TypingSignal(user_id=one, channel_id=other))) == {
        "type": "typing",
        "data": {"user_id": str(one), "channel_id": str(other)},
    }
    assert json.loads(frames.control(frames.TypingSignal(user_id=one, channel_id=other, parent_id=one)))["data"][
        "parent_id"
    ] == str(one)


def test_a_batch_is_its_frames_in_order() -> None:
    """As one frame, without another encoding."""
    made = [frames.heartbeat(number) for number in range(3)]
    batch = json.loads(frames.batch(made))
    assert batch == {"type": "batch", "data": {"frames": [{"type": "heartbeat", "id": number} for number in range(3)]}}


def test_every_client_frame_takes_no_field_that_it_does_not_know() -> None:
    """A typing mistake must not pass in silence."""
    for name in frames.CLIENT_FRAMES:
        parsed = parse(json.dumps({"type": name, "data": {"no_such_field": 1}}))
        assert parsed.refusal is not None
        assert parsed.refusal.code == "invalid"
        assert isinstance(frames.CLIENT_FRAMES[name], type(msgspec.Struct))
