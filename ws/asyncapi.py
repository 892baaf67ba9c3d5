"""The socket as an AsyncAPI 3.0 document, made from the structs of the frames, their docstrings and the lines under their
fields (`/asyncapi.json`; `/docs/socket` is the page made from it).

The document speaks for the server: what it receives is what a client sends. Payloads are JSON Schema.
"""

import ast
import inspect
from typing import Any

import msgspec

from domain.errors import codes
from domain.text import CONTENT_MAX_CHARACTERS
from ws import event_frames, frames
from ws.codes import ADVICE, MEANING, CloseCode
from ws.event_frames import EVENT_FRAMES, EventFrame
from ws.frames import (
    ANSWERS,
    CLIENT_FRAMES,
    CONTROL_FRAMES,
    REF_MAX_CHARACTERS,
    SIGNALS,
    SUBPROTOCOL,
    ClientFrame,
    ConnectionLimits,
    ServerFrame,
)
from ws.limits import Limits

Json = dict[str, Any]

_CLIENT, _SERVER = "client.", "server."
"""Before the frame's type in the names of messages and schemas: `typing` goes both ways."""
_EMPTY = {"pong", "heartbeat"}
"""They have no `data`."""
_FEEDS = {
    "channel_created": "workspace",
    "unread_count_updated": "me",
    "thread_updated": "me",
    "level_updated": "me",
    "block_updated": "me",
    "user_updated": "workspace",
}
"""Event frames that stand on one feed only."""
_OF_PEOPLE = frozenset({"user_updated", "block_updated"})
"""Event frames without a channel."""

_DESCRIPTION = """
One connection carries everything that a person follows: commands go in and are answered after their commit, the events of the
log come out. It resumes from the last event id that the client has handled, any time later, on any node, after any restart.

Frames are text, each a JSON object of at most {frame_max_bytes} bytes with `type` and, where it has any, its fields in `data`.
Ignore fields and types that you do not know. The first frame is `connect`, within {connect_timeout_s:.0f} s. Remember the largest
`id` that you have handled, of event frames and heartbeats, with the epoch: that is all that a resume needs.
"""


def describe(version: str) -> Json:
    """The document. Takes some 20 ms."""
    limits = Limits()
    schemas = _schemas()
    operations = _operations()
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Sermo's socket",
            "version": version,
            "description": "The WebSocket of Sermo, a chat backend on one durable, totally ordered event log. "
            "REST is described in openapi.json.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "servers": {"plain": _server("ws"), "tls": _server("wss")},
        "channels": {
            "socket": {
                "address": "/ws",
                "title": "The socket",
                "description": inspect.cleandoc(_DESCRIPTION).format(
                    frame_max_bytes=limits.frame_max_bytes, connect_timeout_s=limits.connect_timeout_s
                ),
                "servers": [{"$ref": "#/servers/plain"}, {"$ref": "#/servers/tls"}],
                "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in _frames(schemas)},
                "bindings": {"ws": _handshake()},
                "x-subprotocol": SUBPROTOCOL,
                "x-close-codes": [
                    {"code": int(code), "meaning": MEANING[code], "advice": ADVICE[code]} for code in CloseCode
                ],
            }
        },
        "operations": operations,
        "components": {
            "messages": {name: _message(name, schemas) for name in _frames(schemas)},
            "schemas": schemas,
            "securitySchemes": {
                "bearer": {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": "JWT",
                    "description": "An access token in the handshake's Authorization header.",
                },
                "ticket": {
                    "type": "httpApiKey",
                    "name": "ticket",
                    "in": "query",
                    "description": "For browsers: a ticket of POST /v1/ws-ticket, good once within 30 s.",
                },
                "connect": {
                    "type": "apiKey",
                    "in": "password",
                    "description": "An access token as `token` of the `connect` frame.",
                },
            },
        },
    }


def _server(protocol: str) -> Json:
    return {
        "host": "{host}",
        "protocol": protocol,
        "description": "This server." if protocol == "ws" else "This server behind a proxy that ends TLS.",
        "variables": {"host": {"default": "127.0.0.1:8000", "description": "Host and port."}},
        "security": [{"$ref": f"#/components/securitySchemes/{name}"} for name in ("bearer", "ticket", "connect")],
    }


def _handshake() -> Json:
    text = {"type": "string"}
    return {
        "method": "GET",
        "query": {"type": "object", "properties": {"ticket": text}},
        "headers": {
            "type": "object",
            "properties": {"Authorization": text, "Sec-WebSocket-Protocol": {"type": "string", "const": SUBPROTOCOL}},
        },
        "bindingVersion": "0.1.0",
    }


# What the messages hold


def _schemas() -> Json:
    """The frames, and the structs of their `data`."""
    kinds: list[type[msgspec.Struct]] = [EventFrame, ConnectionLimits, *CLIENT_FRAMES.values()]
    kinds += [kind for found in (CONTROL_FRAMES, EVENT_FRAMES) for name, kind in found.items() if name not in _EMPTY]
    _, schemas = msgspec.json.schema_components(kinds, ref_template="#/components/schemas/{name}")
    lines = _lines_under_fields()
    for kind in kinds:
        schema = schemas[kind.__name__]
        del schema["description"]  # which is the frame's
        for base in reversed(kind.__mro__):
            for name, text in lines.get(base.__name__, {}).items():
                schema["properties"][name] = _described(schema["properties"][name], text)
        if issubclass(kind, ServerFrame | EventFrame):
            for part in schema["properties"].values():
                _leave_out_null(part)
    del schemas["ServerFrame"]
    envelope = schemas.pop("EventFrame")["properties"]
    for place in ("Error", "ChannelJoinError"):
        schemas[place]["properties"]["code"]["enum"] = sorted(codes())
    made = {
        **{f"{_CLIENT}{name}": _client_frame(name, kind) for name, kind in CLIENT_FRAMES.items()},
        **{f"{_SERVER}{name}": _control_frame(name, kind, envelope) for name, kind in CONTROL_FRAMES.items()},
        **{f"{_SERVER}{name}": _event_frame(name, kind, envelope) for name, kind in EVENT_FRAMES.items()},
    }
    events = [{"$ref": f"#/components/schemas/{_SERVER}{name}"} for name in EVENT_FRAMES]
    schemas["Batch"]["properties"]["frames"]["items"] = {"oneOf": events}
    return {**made, **schemas}


def _lines_under_fields() -> dict[str, dict[str, str]]:
    """The docstrings of the fields of each struct by its name, which Python itself throws away."""
    found: dict[str, dict[str, str]] = {}
    for module in (frames, event_frames):
        for struct in ast.parse(inspect.getsource(module)).body:
            if isinstance(struct, ast.ClassDef):
                lines = found[struct.name] = {}
                for field, line in zip(struct.body, struct.body[1:], strict=False):
                    match field, line:
                        case ast.AnnAssign(target=ast.Name(name)), ast.Expr(ast.Constant(str(text))):
                            lines[name] = inspect.cleandoc(text)
    return found


def _described(schema: Json, text: str) -> Json:
    return {"allOf": [schema], "description": text} if "$ref" in schema else {**schema, "description": text}


def _leave_out_null(schema: Json) -> None:
    """What has nothing to say is left out, never null."""
    if "default" in schema:
        del schema["default"]
        if "anyOf" in schema:
            (said,) = (one for one in schema.pop("anyOf") if one != {"type": "null"})
            schema.update({**said, **schema})


def _frame(name: str, kind: type[msgspec.Struct], properties: Json, required: list[str]) -> Json:
    properties = {"type": {"type": "string", "const": name}, **properties}
    return {
        "type": "object",
        "description": inspect.cleandoc(kind.__doc__ or ""),
        "properties": properties,
        "required": ["type", *required],
    }


def _data(kind: type[msgspec.Struct]) -> Json:
    return {"data": {"$ref": f"#/components/schemas/{kind.__name__}"}}


def _ref(text: str) -> Json:
    return {"ref": {"type": "string", "maxLength": REF_MAX_CHARACTERS, "description": text}}


def _client_frame(name: str, kind: type[ClientFrame]) -> Json:
    needs_data = any(field.required for field in msgspec.structs.fields(kind))
    properties = {**_ref("Comes back in the answer, or in the `error`."), **_data(kind)}
    return {**_frame(name, kind, properties, ["data"] if needs_data else []), "additionalProperties": False}


def _control_frame(name: str, kind: type[ServerFrame], envelope: Json) -> Json:
    properties: Json = {}
    required = []
    if name == "heartbeat":
        properties["id"] = {**envelope["id"], "description": "A position of the log."}
        required.append("id")
    if name not in SIGNALS and any(name in (*answers, "error") for answers in ANSWERS.values()):
        properties |= _ref("Of the frame that this answers, where it had one.")
    if name not in _EMPTY:
        properties |= _data(kind)
        required.append("data")
    return _frame(name, kind, properties, required)


def _event_frame(name: str, kind: type[ServerFrame], envelope: Json) -> Json:
    has_channel = name not in _OF_PEOPLE
    beside = {key: part for key, part in envelope.items() if key != "type" and (has_channel or key != "channel_id")}
    if name in _FEEDS:
        beside["feed"] = {"type": "string", "const": _FEEDS[name]}
    return _frame(name, kind, beside | _data(kind), list(beside))


# Messages and operations


def _frames(schemas: Json) -> list[str]:
    return [name for name in schemas if name.startswith((_CLIENT, _SERVER))]


def _group(name: str) -> str:
    side, _, kind = name.partition(".")
    if f"{side}." == _CLIENT:
        return "client"
    if kind in EVENT_FRAMES:
        return "event"
    return "signal" if kind in SIGNALS else "control"


def _message(name: str, schemas: Json) -> Json:
    text = schemas[name]["description"]
    return {
        "name": name.partition(".")[2],
        "title": name.partition(".")[2],
        "summary": text.partition(". ")[0].partition(":\n")[0].replace("\n", " ").rstrip(".") + ".",
        "description": text,
        "contentType": "application/json",
        "tags": [{"name": _group(name)}],
        "payload": {"$ref": f"#/components/schemas/{name}"},
        "examples": [{"payload": _example(schemas[name], schemas, kind=name)}],
    }


def _operations() -> Json:
    channel = {"$ref": "#/channels/socket"}

    def message(side: str, name: str) -> Json:
        return {"$ref": f"#/channels/socket/messages/{side}{name}"}

    operations: Json = {}
    for name, kind in CLIENT_FRAMES.items():
        answers = [message(_SERVER, answer) for answer in (*ANSWERS[name], "error")]
        operations[name] = {
            "action": "receive",
            "channel": channel,
            "summary": inspect.cleandoc(kind.__doc__ or "").partition("\n\n")[0],
            "messages": [message(_CLIENT, name)],
            "reply": {"channel": channel, "messages": answers},
        }
    sent = {
        "send_events": ("Event frames, one by one or in batches.", [*EVENT_FRAMES, "batch"]),
        "send_heartbeats": ("Every 20 s, also where nothing happens.", ["heartbeat"]),
        "send_signals": ("Presence and typing of others.", sorted(SIGNALS)),
    }
    for name, (summary, types) in sent.items():
        operations[name] = {
            "action": "send",
            "channel": channel,
            "summary": summary,
            "messages": [message(_SERVER, kind) for kind in types],
        }
    return operations


_SAMPLES: Json = {
    "also_to_channel": False,
    "at": "2026-11-23T07:00:00.123456Z",
    "client": "example/1.0",
    "code": "not_a_member",
    "content": "Hello, @ben!",
    "content_max_characters": CONTENT_MAX_CHARACTERS,
    "display_name": "Ann",
    "emoji": "\N{THUMBS UP SIGN}",
    "epoch": "6f9619ff",
    "feed": "channel:01900000-0000-7000-8000-000000000002",
    "kind": "public",
    "message": "Join the channel first.",
    "name": "general",
    "ref": "r1",
    "role": "member",
    "seq": 17,
    "status_text": "on holiday",
    "token": "eyJhbGciOi...",
    "topic": "Everything else",
    "username": "ann",
} | msgspec.structs.asdict(Limits())
_IDS = {
    "message_id": 1,
    "channel_id": 2,
    "user_id": 3,
    "author_id": 3,
    "created_by": 3,
    "parent_id": 4,
    "session_id": 5,
}
_OPTIONAL = {
    "client.connect": {"data"},
    "Connect": {"token"},
    "MarkRead": {"channel_id"},
    "MarkUnread": {"channel_id"},
    "ThreadUpdated": {"read_seq"},
    "ChannelUpdated": {"name"},
    "UserUpdated": {"display_name"},
}
"""Without these optional fields the example would say nothing."""


def _example(schema: Json, schemas: Json, name: str = "", kind: str = "") -> Any:
    """A value of that schema. `name` of the field, `kind` of the schema, where they have one."""
    if "$ref" in schema:
        kind = schema["$ref"].rpartition("/")[2]
        return _example(schemas[kind], schemas, name, kind)
    if "const" in schema:
        return schema["const"]
    if name in _SAMPLES:
        return _SAMPLES[name]
    for several in ("allOf", "anyOf", "oneOf"):
        if several in schema:
            return _example(schema[several][0], schemas, name)
    if "enum" in schema:
        return schema["enum"][0]
    match schema["type"], schema.get("format"):
        case "object", _:
            shown = {"ref", *schema.get("required", ()), *_OPTIONAL.get(kind, ())}
            return {key: _example(part, schemas, key) for key, part in schema["properties"].items() if key in shown}
        case "array", _:
            return [_example(schema["items"], schemas)] * schema.get("minItems", 0)
        case "string", "uuid":
            return f"01900000-0000-7000-8000-{_IDS.get(name, 6):012d}"
        case "string", "date-time":
            return _SAMPLES["at"]
        case "boolean", _:
            return False
        case (("integer" | "number"), _):
            return 42
    raise AssertionError(f"an example of {schema} is not known")
