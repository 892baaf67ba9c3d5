"""Reactions: the emoji that a person has put on a message. One small stream a person and message, so a hundred people who
react at once have nothing to wait for in each other.
"""

import unicodedata
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from domain.decider import Command, Event, Loaded, Needs, NewEvent, State
from domain.errors import Invalid, LimitReached
from domain.ids import reaction_id
from domain.message import open_message, streams_of
from domain.text import check_text

EMOJI_MAX_CHARACTERS = 32
"""Code points: a family of four with skin tones has eleven."""
PERSON_EMOJI_MAX = 20
"""Different ones by one person on a message."""
MESSAGE_EMOJI_MAX = 50
"""Different ones on a message, by all together."""


class ReactionAdded(Event, frozen=True, kw_only=True):
    channel_id: UUID
    message_id: UUID
    user_id: UUID
    emoji: str
    at: datetime


class ReactionRemoved(Event, frozen=True, kw_only=True):
    channel_id: UUID
    message_id: UUID
    user_id: UUID
    emoji: str
    at: datetime


ReactionEvent = ReactionAdded | ReactionRemoved


class ReactionState(State, frozen=True, kw_only=True):
    emoji: frozenset[str]
    """What one person has on one message."""


def evolve(state: ReactionState | None, event: ReactionEvent) -> ReactionState:
    """The state after one more event of the stream."""
    mine = state.emoji if state is not None else frozenset()
    return ReactionState(emoji=mine | {event.emoji} if isinstance(event, ReactionAdded) else mine - {event.emoji})


def check_emoji(emoji: str) -> None:
    """Raise unless 1 to 32 code points without white space, control character, `/` or U+FFFD, which an address leaves that is no
    UTF-8: what it meant has been lost.

    It is compared code point by code point: which of them are emoji changes with each version of Unicode.
    """
    check_text(emoji, "emoji", at_least=1, at_most=EMOJI_MAX_CHARACTERS)
    if any(c in "/\N{REPLACEMENT CHARACTER}" or c.isspace() or unicodedata.category(c) == "Cc" for c in emoji):
        raise Invalid("emoji takes no white space, control character, '/' or U+FFFD.", field="emoji")


class _React(Command, frozen=True, kw_only=True):
    message_id: UUID
    user_id: UUID
    emoji: str
    at: datetime

    def check(self) -> None:
        check_emoji(self.emoji)

    @property
    def _stream_id(self) -> UUID:
        return reaction_id(self.message_id, self.user_id)

    def needs(self, known: Loaded) -> Needs:
        return Needs((*streams_of(known, self.message_id, self.user_id), self._stream_id))

    def _mine(self, known: Loaded) -> frozenset[str]:
        state = known.get(self._stream_id, ReactionState)
        return state.emoji if state is not None else frozenset()

    def _change(self, kind: type[ReactionEvent], channel_id: UUID) -> Sequence[NewEvent]:
        event = kind(
            channel_id=channel_id, message_id=self.message_id, user_id=self.user_id, emoji=self.emoji, at=self.at
        )
        return (NewEvent(self._stream_id, event, channel_id),)


class AddReaction(_React, frozen=True, kw_only=True):
    on_message: frozenset[str] = frozenset()
    """The emoji on the message as the view had them: a moment old, so the limit of them all is not exact."""

    def decide(self, known: Loaded) -> Sequence[NewEvent]:
        message, mine = open_message(known, self.message_id, self.user_id), self._mine(known)
        if self.emoji in mine:
            return ()
        if len(mine) >= PERSON_EMOJI_MAX:
            raise LimitReached(f"You have {PERSON_EMOJI_MAX} emoji on this message already.", field="emoji")
        if self.emoji not in self.on_message and len(self.on_message) >= MESSAGE_EMOJI_MAX:
            raise LimitReached(f"The message has {MESSAGE_EMOJI_MAX} different emoji already.", field="emoji")
        return self._change(ReactionAdded, message.channel_id)


class RemoveReaction(_React, frozen=True, kw_only=True):
    def decide(self, known: Loaded) -> Sequence[NewEvent]:
        message = open_message(known, self.message_id, self.user_id)
        if self.emoji not in self._mine(known):
            return ()
        return self._change(ReactionRemoved, message.channel_id)
