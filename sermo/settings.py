"""Settings: environment and options, read once in the command line, handed on as one frozen struct. No secret has a default."""

import os
import re
from collections.abc import Mapping
from pathlib import Path

import msgspec
import psycopg
from psycopg.conninfo import conninfo_to_dict

from projections.search import LANGUAGE
from ws import origin

_LANGUAGE = re.compile("[a-z][a-z0-9_]{0,30}")
"""It is a part of names of schemas."""

ENVIRONMENT: dict[str, str] = {
    "DATABASE_URL": "A PostgreSQL to use instead of the embedded one, as postgresql://user@host/name.",
    "SERMO_DATA_DIR": "Where the embedded PostgreSQL and files live; default ./.sermo.",
    "SERMO_ACCESS_TOKEN_TTL_S": "Seconds that an access token is good for; default 900.",
    "SERMO_ALLOWED_ORIGINS": "Pages of other hosts that may connect, as https://chat.example.com, comma separated; * allows all.",
    "SERMO_MAX_CONNECTIONS": "Sockets that this node takes, if its open files suffice; default 20000. One more is sent away.",
    "SERMO_COMPRESSION": "1 compresses frames over 1 KiB for clients that offer permessage-deflate; default 0.",
    "SERMO_ALLOW_UNSAFE_POSTGRES": "1 starts although fsync or full_page_writes is off. For tests only: a crash loses messages.",
    "SERMO_LOSSLESS_FAILOVER": "1 keeps the epoch although PostgreSQL's history changed: your word that nothing was lost.",
    "SERMO_ATTACHMENT_MAX_BYTES": "Bytes of the largest file that may be uploaded; default 26214400 (25 MiB).",
    "SERMO_ATTACHMENT_TYPES": "Media types that may be uploaded, comma separated; image/* is all images. Default: all.",
    "SERMO_SEARCH_LANGUAGE": "The text search configuration of PostgreSQL that words are searched with; default english.",
    "SERMO_LOG_LEVEL": "debug, info, warning or error; default info.",
}
"""Every environment variable that Sermo reads; docs/settings.md is checked against it."""


class SettingsError(ValueError):
    """A setting cannot be understood; the text names it."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    database_url: str | None = None
    """None: the embedded PostgreSQL below `data_dir`."""
    data_dir: Path = Path(".sermo")
    access_token_ttl_s: int = 900
    allowed_origins: frozenset[str] = frozenset()
    """As `ws.origin.normal` writes them, or `*`."""
    max_connections: int = 20_000
    compression: bool = False
    allow_unsafe_postgres: bool = False
    lossless_failover: bool = False
    attachment_max_bytes: int = 26_214_400
    attachment_types: tuple[str, ...] = ()
    """Patterns; none: all."""
    search_language: str = LANGUAGE
    """May be the name of a text search configuration; whether there is one, only the database knows."""
    log_level: str = "info"


def from_environment(environment: Mapping[str, str] = os.environ) -> Settings:
    """Read the environment. Raises `SettingsError`."""
    level = environment.get("SERMO_LOG_LEVEL", "info").lower()
    if level not in ("debug", "info", "warning", "error"):
        raise SettingsError(f"SERMO_LOG_LEVEL must be debug, info, warning or error, not {level!r}.")
    ttl_s = _number(environment, "SERMO_ACCESS_TOKEN_TTL_S", 900, at_most=86_400, unit=" seconds")
    max_connections = _number(environment, "SERMO_MAX_CONNECTIONS", 20_000, at_most=1_000_000)
    return Settings(
        database_url=environment.get("DATABASE_URL") or None,
        data_dir=Path(environment.get("SERMO_DATA_DIR") or ".sermo"),
        access_token_ttl_s=ttl_s,
        allowed_origins=_origins(environment.get("SERMO_ALLOWED_ORIGINS", "")),
        max_connections=max_connections,
        compression=_flag(environment, "SERMO_COMPRESSION"),
        allow_unsafe_postgres=_flag(environment, "SERMO_ALLOW_UNSAFE_POSTGRES"),
        lossless_failover=_flag(environment, "SERMO_LOSSLESS_FAILOVER"),
        attachment_max_bytes=_number(
            environment, "SERMO_ATTACHMENT_MAX_BYTES", 26_214_400, at_most=2**40, unit=" bytes"
        ),
        attachment_types=_media_types(environment.get("SERMO_ATTACHMENT_TYPES", "")),
        search_language=_language(environment.get("SERMO_SEARCH_LANGUAGE") or LANGUAGE),
        log_level=level,
    )


def check_database_url(text: str) -> None:
    """Raises `SettingsError` for what is no address. The text is not repeated: it may hold a password."""
    try:
        parameters = conninfo_to_dict(text)
    except psycopg.ProgrammingError as error:
        raise SettingsError(
            "DATABASE_URL (--database-url) must look like postgresql://user@host/name or host=... dbname=..."
        ) from error
    ports = str(parameters.get("port") or "")
    if not all(port == "" or (port.isascii() and port.isdecimal()) for port in ports.split(",")):
        raise SettingsError("DATABASE_URL (--database-url) has a port that is no number.")


def _origins(text: str) -> frozenset[str]:
    listed = [part.strip() for part in text.split(",") if part.strip()]
    try:
        return frozenset(part if part == origin.ANY else origin.normal(part) for part in listed)
    except ValueError as error:
        raise SettingsError(f"SERMO_ALLOWED_ORIGINS: {error}.") from error


def _media_types(text: str) -> tuple[str, ...]:
    listed = [part.strip().lower() for part in text.split(",") if part.strip()]
    for pattern in listed:
        if not _MEDIA_TYPES.fullmatch(pattern):
            raise SettingsError(
                f"SERMO_ATTACHMENT_TYPES takes media types like image/png and image/*, not {pattern!r}."
            )
    return tuple(listed)


_MEDIA_TYPES = re.compile(r"\*/\*|[a-z0-9!#$&^_.+-]+/(\*|[a-z0-9!#$&^_.+-]+)")


def _language(text: str) -> str:
    if not _LANGUAGE.fullmatch(text):
        raise SettingsError(
            "SERMO_SEARCH_LANGUAGE must be the name of a text search configuration in small letters, as english, german or"
            f" simple, not {text!r}."
        )
    return text


def _number(environment: Mapping[str, str], name: str, default: int, *, at_most: int, unit: str = "") -> int:
    text = environment.get(name, str(default))
    if not (text.isascii() and text.isdecimal()) or not 1 <= int(text) <= at_most:
        raise SettingsError(f"{name} must be 1 to {at_most}{unit}, not {text!r}.")
    return int(text)


def _flag(environment: Mapping[str, str], name: str) -> bool:
    value = environment.get(name, "0")
    if value not in ("0", "1", ""):
        raise SettingsError(f"{name} must be 0 or 1, not {value!r}.")
    return value == "1"
