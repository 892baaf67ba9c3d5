"""The texts that requests carry, as the OpenAPI document describes them.

The rules themselves are the domain's (`domain/text.py`), which refuses with a code of its own where there is one; here they
are only said, in the words of JSON Schema. `tests/api/test_schemathesis.py` holds the two together: what fits the schema is
taken, what does not is refused.
"""

from typing import Annotated
from uuid import UUID

from msgspec import Meta

from domain import text

_ANY = r"^[^\u0000]*$"
"""Lone surrogates need no pattern: they are no text in JSON of UTF-8."""
_NO_LINE = r"\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069"
"""In a class: control characters, line breaks, and marks of writing direction."""
_SHOWN = r"[\p{L}\p{M}\p{N}\p{P}\p{S}]"
"""What Python calls printable, but for the space."""


def _text(at_least: int, at_most: int, pattern: str = _ANY) -> Meta:
    return Meta(extra_json_schema={"minLength": at_least, "maxLength": at_most, "pattern": pattern})


Content = Annotated[str, _text(0, text.CONTENT_MAX_CHARACTERS)]
"""Something to read, not white space alone; of a message with attachments it may be empty."""
_IN_FILE_NAME = rf"[^/\\{_NO_LINE}]"
FILE_NAME_PATTERN = rf"^{_IN_FILE_NAME}*[^\s./\\{_NO_LINE}]{_IN_FILE_NAME}*$"
"""With something to read in it, and no path."""
Username = Annotated[str, _text(1, text.USERNAME_MAX_CHARACTERS, r"^[\p{L}\p{N}._-]+$")]
DisplayName = Annotated[
    str, _text(1, text.DISPLAY_NAME_MAX_CHARACTERS, rf"^[^{_NO_LINE}]*[^\s{_NO_LINE}][^{_NO_LINE}]*$")
]
StatusText = Annotated[str, _text(0, text.STATUS_TEXT_MAX_CHARACTERS)]
ChannelName = Annotated[str, _text(1, text.CHANNEL_NAME_MAX_CHARACTERS, rf"^{_SHOWN}+( +{_SHOWN}+)*$")]
Reason = Annotated[str, _text(1, text.REASON_MAX_CHARACTERS)]
Note = Annotated[str, _text(0, text.REASON_MAX_CHARACTERS)]
Topic = Annotated[str, _text(0, text.TOPIC_MAX_CHARACTERS)]
Password = Annotated[
    str,
    Meta(
        extra_json_schema={
            "minLength": text.PASSWORD_MIN_CHARACTERS,
            "maxLength": text.PASSWORD_MAX_CHARACTERS,
            "pattern": _ANY,
            "format": "password",
        }
    ),
]

UUID7_PATTERN = "^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-7[0-9a-fA-F]{3}-[89abAB][0-9a-fA-F]{3}-[0-9a-fA-F]{12}$"
NewId = Annotated[UUID, Meta(extra_json_schema={"pattern": UUID7_PATTERN})]
"""An id that the client makes: UUID version 7."""
