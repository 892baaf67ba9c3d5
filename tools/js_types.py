"""The types of the JavaScript client, made from the server's own documents: `clients/js/src/frames.d.ts` from AsyncAPI (what
the socket carries) and `clients/js/src/bodies.d.ts` from OpenAPI (what REST answers).

    .venv/bin/python -m tools.js_types      # writes both; tests/clients/test_js_types.py says when that is due
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from api import create_app
from api.openapi import describe as describe_rest
from ws import asyncapi
from ws.event_frames import EVENT_FRAMES
from ws.events import Events
from ws.frames import CLIENT_FRAMES, CONTROL_FRAMES

Json = dict[str, Any]

FOLDER = Path(__file__).parents[1] / "clients" / "js" / "src"
_LINE = 130
_HEAD = "// Made by tools/js_types.py from the server's {document} document. Do not edit.\n"
_SIMPLE = {"string": "string", "integer": "number", "number": "number", "boolean": "boolean", "null": "null"}


def frames() -> str:
    """Every frame and its data, and the unions of them."""
    schemas: Json = asyncapi.describe("1")["components"]["schemas"]
    names = {name: _frame_name(name, schema) for name, schema in schemas.items() if "." in name}
    parts = [_HEAD.format(document="AsyncAPI")]
    parts += [_declared(names.get(name, name), schema, names) for name, schema in schemas.items()]
    for union, said, kinds, side in (
        ("ClientFrame", "What a client sends.", CLIENT_FRAMES, "client."),
        ("EventFrame", "What an event of the log looks like.", EVENT_FRAMES, "server."),
        ("ControlFrame", "What the server sends besides events.", CONTROL_FRAMES, "server."),
    ):
        parts.append(_union(union, said, (names[f"{side}{kind}"] for kind in kinds)))
    parts.append(_union("ServerFrame", "What a client gets.", ("EventFrame", "ControlFrame")))
    return "\n".join(parts)


def bodies() -> str:
    """What REST answers, and what it takes."""
    nothing: Any = None
    app = create_app(nothing, asyncapi.describe, private_route_handlers=[Events(nothing, nothing).route()])
    schemas: Json = describe_rest(app)["components"]["schemas"]
    return "\n".join([_HEAD.format(document="OpenAPI"), *(_declared(n, schemas[n], {}) for n in sorted(schemas))])


def _frame_name(name: str, schema: Json) -> str:
    data = schema["properties"].get("data")
    kind = data["$ref"].rpartition("/")[2] if data is not None else name.partition(".")[2].title().replace("_", "")
    return f"{kind}Frame"


def _declared(name: str, schema: Json, names: dict[str, str]) -> str:
    said = _comment(schema.get("description"), "")
    if "properties" not in schema:
        return f"{said}export type {name} = {_type(schema, names)};\n"
    required = schema.get("required", ())
    lines = []
    for field, part in schema["properties"].items():
        mark = "" if field in required else "?"
        lines.append(f"{_comment(part.get('description'), '  ')}  {field}{mark}: {_type(part, names)};\n")
    return f"{said}export interface {name} {{\n{''.join(lines)}}}\n"


def _comment(text: str | None, indent: str) -> str:
    if not text:
        return ""
    lines = text.replace("*/", "* /").splitlines()
    if len(lines) == 1:
        return f"{indent}/** {lines[0]} */\n"
    return "".join(f"{indent}{line}".rstrip() + "\n" for line in ["/**", *(f" * {line}" for line in lines), " */"])


def _type(schema: Json, names: dict[str, str]) -> str:
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return names.get(name, name)
    for several, joint in (("allOf", " & "), ("anyOf", " | "), ("oneOf", " | ")):
        if several in schema:
            return joint.join(dict.fromkeys(_type(one, names) for one in schema[several]))
    if "const" in schema:
        return _literal(schema["const"])
    if "enum" in schema:
        return " | ".join(_literal(one) for one in schema["enum"])
    match schema.get("type"):
        case "array":
            inner = _type(schema["items"], names)
            return f"({inner})[]" if " " in inner else f"{inner}[]"
        case list(several):
            return " | ".join(_SIMPLE[one] for one in several)
        case str(kind) if kind in _SIMPLE:
            return _SIMPLE[kind]
    return "Record<string, unknown>" if schema.get("type") == "object" else "unknown"


def _literal(value: object) -> str:
    return f'"{value}"' if isinstance(value, str) else str(value).lower()


def _union(name: str, said: str, members: Iterable[str]) -> str:
    return f"/** {said} */\nexport type {name} =\n" + "\n".join(f"  | {member}" for member in members) + ";\n"


FILES = {"frames.d.ts": frames, "bodies.d.ts": bodies}


if __name__ == "__main__":
    for file, made in FILES.items():
        (FOLDER / file).write_text(made(), encoding="utf-8")
