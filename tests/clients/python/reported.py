"""Whether what the client sends and reports is what a transcript says."""

import json
from typing import Any

import msgspec
from sermo_client import UnknownEvent

from tests.support.transcripts import Json


def said(data: Json, besides: Json | None = None) -> Json:
    """What says something; `client` counts where the transcript has it."""
    found = {name: value for name, value in data.items() if value is not None and value is not False}
    if besides is not None and "client" not in besides:
        found.pop("client", None)
    return found


def check_like(whole: Json, reported: Any) -> None:
    """The reported item is of the frame's type and has its values."""
    found = json.loads(msgspec.json.encode(reported))
    if isinstance(reported, UnknownEvent):
        found["type"] = reported.kind
    check_values(whole, found)


def check_values(whole: Any, found: Any) -> None:
    """The same, but for fields of a later version."""
    if isinstance(whole, dict):
        for name, value in whole.items():
            if name in found:
                check_values(value, found[name])
            else:
                assert value in (None, [], False) or name in ("mood", "colour"), f"{name} is missing in {found}"
    else:
        assert whole == found
