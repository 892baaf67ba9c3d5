"""Whole frames from the parts that a transcript names (clients/conformance/README.md, "Completed"): what plays the server against
a client library sends them.
"""

import json
from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import uuid_utils.compat

from tests.support.transcripts import FOLDER, Json, Names, known_name

FORMS: dict[str, Json] = json.loads((FOLDER / "frames.json").read_text(encoding="utf-8"))
"""A whole frame of each type."""
_STRANGE_EVENT = {"id": "<position>", "seq": "<seq>", "at": "<time>"}
_ABSENT = "<absent>"


def new_id() -> str:
    """An id as a client makes it."""
    return str(uuid_utils.compat.uuid7())


class MadeUp:
    """The values of one run. `names` get a value where they first stand."""

    def __init__(self, names: Names, channels: Iterable[str] = ()) -> None:
        self._names = names
        self._channel = next((names.values[name] for name in channels), None) or new_id()
        self._position = 100
        self._integer = 1_000
        self._seqs: defaultdict[str, dict[str, int]] = defaultdict(dict)
        """Connection -> feed -> the last seq."""
        self._mine: dict[str, str] = {}
        """Connection -> the person's id."""
        self._on = ""

    def position(self) -> int:
        """One more than every position so far."""
        self._position += 1
        return self._position

    def complete(self, frame: Json, on: str) -> Json:
        """The whole frame, as it goes over this connection."""
        form = FORMS.get(frame["type"], _STRANGE_EVENT if "feed" in frame else {})
        self._on = on
        found: Json = self._laid(form, frame)
        if frame["type"] == "connected":
            self._mine[on] = found["data"]["user_id"]
        if "feed" in found:
            found["feed"] = feed = f"channel:{found['channel_id']}" if found["feed"] == "channel" else found["feed"]
            if found["seq"] in ("<seq>", None):
                found["seq"] = self._seqs[on].get(feed, 0) + 1
                if known := known_name(frame.get("seq")):
                    self._names.values[known] = found["seq"]
            self._seqs[on][feed] = found["seq"]
        return found

    def complete_all(self, frames: list[Json], on: str) -> list[Json]:
        """The same for each; event frames get their values first."""
        events_first = sorted(range(len(frames)), key=lambda n: "feed" not in FORMS.get(frames[n]["type"], {}))
        made = {n: self.complete(frames[n], on) for n in events_first}
        return [made[n] for n in range(len(frames))]

    def answer(self, form: Json) -> None:
        """Give the names in a call's answer their values."""
        self._laid({"position": "<position>"}, form)

    def _laid(self, form: Any, over: Any) -> Any:
        """`over` laid over `form`, with values for what has none."""
        if isinstance(form, dict) and isinstance(over, dict):
            keys = [*form, *(one for one in over if one not in form)]
            laid = {one: (form.get(one), over.get(one, form.get(one))) for one in keys}
            return {one: self._laid(*pair) for one, pair in laid.items() if pair[1] != _ABSENT}
        if isinstance(over, list):
            return [self._laid(None, one) for one in over]
        if isinstance(over, dict):
            return {one: self._laid(None, value) for one, value in over.items() if value != _ABSENT}
        name = known_name(over)
        if name is not None and name not in self._names.values:
            if form == "<seq>":
                return None  # known when the feed is
            self._names.values[name] = self._value(form if _is_kind(form) else "<text>")
        filled = self._names.fill(over)
        if name is not None and form == "<position>":
            self._position = max(self._position, filled) if filled < 2**53 - 1 else self._position
        if _is_kind(filled):
            return filled if form == "<seq>" else self._value(form if _is_kind(form) else filled)
        return filled

    def _value(self, kind: str) -> Any:
        match kind:
            case "<position>":
                return self.position()
            case "<channel>":
                return self._channel
            case "<uuid>":
                return new_id()
            case "<me>":
                return self._mine.get(self._on) or new_id()
            case "<time>":
                return datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
            case "<integer>":
                self._integer += 1
                return self._integer
            case "<text>" | "<any>":
                return f"text-{new_id()[-6:]}"
        raise AssertionError(f"there is no kind {kind}")


def _is_kind(value: Any) -> bool:
    return isinstance(value, str) and value.startswith("<") and value.endswith(">")
