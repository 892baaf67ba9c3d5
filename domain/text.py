"""What text we take: the rules for content, names, topics and passwords, each as a `check_*` that raises `Invalid`.

U+0000 (PostgreSQL cannot store it) and lone surrogates (UTF-8 cannot) are refused in any text.
"""

import re
import unicodedata

from domain.errors import ContentEmpty, ContentTooLong, Invalid

CONTENT_MAX_CHARACTERS = 4_096
IMPORTED_CONTENT_MAX_CHARACTERS = 65_536
USERNAME_MAX_CHARACTERS = 40
CHANNEL_NAME_MAX_CHARACTERS = 80
DISPLAY_NAME_MAX_CHARACTERS = 80
TOPIC_MAX_CHARACTERS = 1_000
STATUS_TEXT_MAX_CHARACTERS = 200
REASON_MAX_CHARACTERS = 1_000
PASSWORD_MIN_CHARACTERS, PASSWORD_MAX_CHARACTERS = 8, 1_024

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_REORDERING = re.compile("[\u202a-\u202e\u2066-\u2069]")
"""Marks that show a name's end in its middle, as of `gpj.exe`."""
_USERNAME = re.compile(r"[\w.-]+")


def check_text(text: str, field: str, *, at_most: int, at_least: int = 0) -> None:
    """Raise `Invalid` unless `text` can be stored and has `at_least` to `at_most` characters (code points)."""
    if _UNSTORABLE.search(text):
        raise Invalid(f"{field} holds U+0000 or a lone surrogate.", field=field)
    if not at_least <= len(text) <= at_most:
        raise Invalid(f"{field} must have {at_least} to {at_most} characters.", field=field)


def check_content(content: str, *, at_most: int = CONTENT_MAX_CHARACTERS, may_be_empty: bool = False) -> None:
    """Raise unless `content` can be a message: something to read (unless it may be empty), at most `at_most` code points."""
    if len(content) > at_most:
        raise ContentTooLong(f"A message has at most {at_most} characters.", field="content")
    if _UNSTORABLE.search(content):
        raise Invalid("content holds U+0000 or a lone surrogate.", field="content")
    if not may_be_empty and (not content or content.isspace()):
        raise ContentEmpty(field="content")


def check_username(username: str) -> None:
    """Raise unless 1 to 40 of letters, digits, `.`, `_`, `-`."""
    check_text(username, "username", at_least=1, at_most=USERNAME_MAX_CHARACTERS)
    if not _USERNAME.fullmatch(username):
        raise Invalid("username takes letters, digits, '.', '_' and '-'.", field="username")


def check_one_line(text: str, field: str) -> None:
    """Raise unless `text`, where it is shown, changes nothing around it."""
    if _REORDERING.search(text) or any(unicodedata.category(c) in ("Cc", "Zl", "Zp") for c in text):
        raise Invalid(f"{field} takes no control characters, line breaks or marks of writing direction.", field=field)


def check_display_name(name: str) -> None:
    """Raise unless 1 to 80 characters in one line, with something to see."""
    check_text(name, "display_name", at_least=1, at_most=DISPLAY_NAME_MAX_CHARACTERS)
    check_one_line(name, "display_name")
    if name.isspace():
        raise Invalid("display_name is white space alone.", field="display_name")


def check_channel_name(name: str) -> None:
    """Raise unless 1 to 80 of printable text without outer white space."""
    check_text(name, "name", at_least=1, at_most=CHANNEL_NAME_MAX_CHARACTERS)
    if name != name.strip() or not name.isprintable():
        raise Invalid("name takes printable text without outer white space.", field="name")


def check_password(password: str) -> None:
    """Raise unless 8 to 1,024 characters."""
    check_text(password, "password", at_least=PASSWORD_MIN_CHARACTERS, at_most=PASSWORD_MAX_CHARACTERS)
