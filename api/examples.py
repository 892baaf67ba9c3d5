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
ROOT = "01936f44-02d5-7e94-af60-314253a49005"

UNKNOWN = "?"
"""Of a text of unknown name; a test fails where the document has it."""

VALUES: dict[str, Any] = {
    "access_token": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIwMTkzNmYzZSJ9.c2lnbmF0dXJl",
    "after": 41,
    "archived_at": None,
    "around": 42,
    "author_id": ANN,
    "before": 43,
    "channel_id": CHANNEL,
    "code": "not_found",
    "content": "The **engine** runs, @ben.",
    "count": 1,
    "created_at": "2026-11-23T07:00:00.123456Z",
    "created_by": ANN,
    "cursor": "WyJlbmdpbmVzIl0",
    "deleted_at": None,
    "detail": "There is no such thing, or you may not see it.",
    "display_name": "Ann",
    "edited_at": None,
    "emoji": "\N{THUMBS UP SIGN}",
    "epoch": "7c1e5a02",
    "expires_in": 900,
    "field": "channel_id",
    "frames": [],
    "head_seq": 42,
    "joined_at": "2026-11-23T06:58:12.000451Z",
    "Last-Event-ID": "7c1e5a02:1207",
    "kind": "public",
    "last_reply_at": None,
    "level": "all",
    "limit": 50,
    "member_count": 2,
    "mention_count": 1,
    "mentions": [BEN],
    "message_id": MESSAGE,
    "min_position": 1207,
    "name": "engines",
    "next_cursor": None,
    "parent_id": None,
    "parked": 0,
    "password": "correct horse battery",
    "position": 1207,
    "query": "en",
    "read_seq": 40,
    "reason": "epoch",
    "refresh_token": "c2VybW8tcmVmcmVzaC10b2tlbg",
    "reply_count": 0,
    "retry_after_ms": None,
    "role": "member",
    "seq": 42,
    "status": "ok",
    "status_text": "Tuning",
    "ticket": "d3MtdGlja2V0",
    "title": "Not found",
    "topic": "Difference and analytical",
    "type": "urn:sermo:problem:not_found",
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
        if schema.get("type") == "object":
            schema["examples"] = [of(schema, components)]


def complete_parameter(parameter: Json) -> None:
    """Give a parameter its example, and a path parameter what it is."""
    name = parameter["name"]
    if name in VALUES:
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
    "channel_id": "A channel's id.",
    "message_id": "A message's id; of a thread, its root's.",
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
            return UNKNOWN
