"""Examples for the OpenAPI document, made from the schemas: the same name is the same thing everywhere.

An example is put together field by field, so that a new struct has one at once. Of a text, its type alone says nothing:
`tests/api/test_openapi.py` fails where one has a name that is not known here.
"""

from collections.abc import Mapping
from typing import Any

Json = dict[str, Any]

ANN = "01936f3e-5c00-7a10-8b2c-9d4e1f60a001"
BEN = "01936f3e-7a2c-7b31-9c3d-0e5f2071b002"
CHANNEL = "01936f41-1b88-7c52-8d4e-1f6031827003"
MESSAGE = "01936f45-9e07-7d73-9e5f-203142938004"
FILE = "01936f44-5e21-7eb5-b071-4253a4b5a006"
REPORT = "01936f46-2b93-7f86-9c14-8a6b0c2d4007"
INVITATION = "01936f44-02d5-7e94-af60-314253a49005"

UNKNOWN = "?"
"""Of a text of unknown name; a test fails where the document has it."""

VALUES: dict[str, Any] = {
    "access_token": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIwMTkzNmYzZSJ9.c2lnbmF0dXJl",
    "after": 41,
    "archived_at": None,
    "at": "2026-11-23T07:00:00.123456Z",
    "attachment_id": FILE,
    "attachment_ids": None,
    "attachments": [],
    "around": 42,
    "author_id": ANN,
    "before": 43,
    "by": ANN,
    "channel_id": CHANNEL,
    "code": "3fD0b6n1Q2x7uJr8cKp5wA",
    "content": "The **engine** runs, @ben.",
    "count": 1,
    "created_at": "2026-11-23T07:00:00.123456Z",
    "created_by": ANN,
    "cursor": "WyJlbmdpbmVzIl0",
    "deactivated": False,
    "deactivated_at": None,
    "deleted_at": None,
    "display_name": "Ann",
    "edited_at": None,
    "emoji": "\N{THUMBS UP SIGN}",
    "epoch": "7c1e5a02",
    "expires_in": 900,
    "expires_at": "2026-11-30T07:00:00.123456Z",
    "expires_in_s": 604_800,
    "frames": [],
    "has": "link",
    "head_seq": 42,
    "invitation_id": INVITATION,
    "joined_at": "2026-11-23T06:58:12.000451Z",
    "Last-Event-ID": "7c1e5a02:1207",
    "kind": "public",
    "labels": {"kind": "socket"},
    "last_reply_at": None,
    "level": "all",
    "limit": 50,
    "max_uses": 10,
    "media_type": "image/png",
    "member_count": 2,
    "mention_count": 1,
    "mentions": [BEN],
    "message_id": MESSAGE,
    "metric": "sermo_connections",
    "min_position": 1207,
    "name": "engines",
    "next_cursor": None,
    "note": "Talked to the author",
    "parent_id": None,
    "parked": 0,
    "password": "correct horse battery",
    "position": 1207,
    "q": "engine",
    "query": "en",
    "reacted_at": "2026-11-23T07:00:07.000032Z",
    "read_seq": 40,
    "refresh_token": "c2VybW8tcmVmcmVzaC10b2tlbg",
    "reason": "An advertisement",
    "reply_count": 0,
    "report_id": REPORT,
    "reported_at": "2026-11-23T07:00:09.120034Z",
    "reported_by": BEN,
    "resolved_at": None,
    "resolved_by": None,
    "role": "member",
    "seq": 42,
    "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "size": 48_211,
    "sort": "time",
    "state": "open",
    "status": "ok",
    "status_text": "Tuning",
    "text": "engine",
    "ticket": "d3MtdGlja2V0",
    "topic": "Difference and analytical",
    "unread": True,
    "unread_count": 2,
    "user_id": BEN,
    "user_ids": [BEN],
    "username": "ann",
    "views_lag_s": 0.002,
}
"""What stands in a field or parameter of this name."""


def complete(components: dict[str, Json]) -> None:
    """Give every schema of an object its example."""
    for schema in components.values():
        if schema.get("type") == "object" and "examples" not in schema:
            schema["examples"] = [of(schema, components)]


def complete_parameter(parameter: Json) -> None:
    """Give a parameter its example, and a path parameter what it is."""
    name = parameter["name"]
    if parameter["schema"].get("format") == "date-time":
        parameter["example"] = VALUES["at"]
    elif name in VALUES:
        parameter["example"] = VALUES[name]
    if parameter["in"] == "path":
        parameter.setdefault("description", PATH_PARAMETERS.get(name, ""))


FIELDS = {
    "invalid": "limit",
    "invalid_id": "message_id",
    "content_empty": "content",
    "content_too_long": "content",
    "not_found": "channel_id",
    "name_taken": "name",
    "message_id_taken": "message_id",
}
"""What the example of a problem is wrong with, by code."""

PATH_PARAMETERS = {
    "attachment_id": "A file's id.",
    "channel_id": "A channel's id.",
    "code": "What the link carries.",
    "emoji": "1 to 32 code points, percent-encoded.",
    "invitation_id": "An invitation's id.",
    "message_id": "A message's id; of a thread, its root's.",
    "report_id": "A report's id.",
    "user_id": "A person's id.",
}


def of(schema: Json, components: Mapping[str, Json], name: str = "") -> Any:
    """An example of what this schema describes, in a field of this name."""
    reference = schema.get("$ref")
    if "enum" in schema:
        return VALUES[name] if VALUES.get(name) in schema["enum"] else schema["enum"][-1]
    if reference is not None:
        return of(components[reference.rpartition("/")[2]], components, name)
    if name in VALUES:
        return VALUES[name]
    if "anyOf" in schema:
        return of(next(part for part in schema["anyOf"] if part != {"type": "null"}), components, name)
    match schema.get("type"):
        case "object":
            fields = schema.get("properties", {})
            return {field: of(part, components, field) for field, part in fields.items()}
        case "array":
            return [of(schema["items"], components, name)]
        case "boolean":
            return bool(schema.get("default", False))
        case "integer" | "number":
            return schema.get("minimum", 0)
        case _:
            return {"date-time": VALUES["at"], "uuid": MESSAGE}.get(schema.get("format", ""), UNKNOWN)
