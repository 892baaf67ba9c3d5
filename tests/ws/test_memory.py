"""What a node remembers of the log's newest part is bounded in number and in size, however long the messages are."""

from datetime import UTC, datetime
from uuid import UUID

import pytest
import uuid_utils.compat

from domain.decider import Recorded, Skipped
from domain.message import MessagePosted
from sermo import recent
from ws import hub

CHANNEL = UUID(int=7)
AT = datetime(2026, 1, 1, tzinfo=UTC)


def posted(position: int, characters: int) -> Recorded:
    """A message of so many characters."""
    event = MessagePosted(channel_id=CHANNEL, author_id=UUID(int=1), content="x" * characters, created_at=AT)
    return Recorded(position, uuid_utils.compat.uuid7(), 1, event, CHANNEL, position, AT)


@pytest.mark.parametrize("characters", [10, 4_096, 65_536])
def test_the_newest_events_are_kept_within_their_bounds(characters: int) -> None:
    """As one dense end of the log; of short ones as many as before."""
    kept, last = recent.Recent(), 40_000 if characters == 10 else 6_000
    for first in range(1, last, 500):
        kept.extend([posted(position, characters) for position in range(first, first + 500)])
        assert len(kept) <= 2 * recent.KEPT_EVENTS
        assert len(kept) * characters <= recent.KEPT_CHARACTERS
    head = first + 499
    oldest = head - len(kept) + 1
    assert kept.reaches(oldest - 1) and not kept.reaches(oldest - 2)
    assert list(range(oldest, head + 1)) == [recorded.position for recorded in kept.after(oldest - 1)]
    found = kept.of([(CHANNEL, oldest, head)])
    assert found is not None and len(kept) == len(found)
    wanted = recent.KEPT_EVENTS if characters == 10 else recent.KEPT_CHARACTERS // 2 // characters - 500
    assert len(kept) >= wanted


def test_one_batch_of_more_than_fits_leaves_what_fits() -> None:
    """Its newest part."""
    kept = recent.Recent()
    kept.extend([posted(position, 65_536) for position in range(1, 301)])
    assert 0 < len(kept) < 300 and kept.after(299)[0].position == 300


def test_a_deletion_whose_content_was_not_read_empties_its_message_all_the_same() -> None:
    """Nobody here follows the channel any more; who comes back to what lay before must not be shown it."""
    kept = recent.Recent()
    message = posted(1, 10)
    kept.extend([message, Recorded(2, message.stream_id, 2, Skipped("message.deleted.1"), CHANNEL, 2, AT)])
    assert kept.deleted == {message.stream_id}


def test_kept_frames_are_bounded_in_bytes() -> None:
    """And one is made anew after it was let go, the same."""
    frames = hub.Hub()
    first = frames.encode(posted(1, 4_096))
    for position in range(2, 8_000):
        frames.encode(posted(position, 4_096))
    assert frames._kept_bytes == sum(len(frame.payload) for frame in frames._kept.values()) <= hub.KEPT_BYTES
    assert 1 not in frames._kept and first is not None
    frames.forget()
    assert frames._kept_bytes == 0
