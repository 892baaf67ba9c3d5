"""`/docs/socket`: the AsyncAPI document of the socket as one HTML page that loads nothing. The document is handed in."""

from html import escape
from typing import Any

import msgspec

Json = dict[str, Any]

_GROUPS = {
    "client": ("You send", "Each may also be answered by <code>error</code>."),
    "control": ("You get: answers and control", ""),
    "event": ("You get: events", "Every event of a feed that you follow is one frame."),
    "signal": ("You get: signals", "Never stored, never resumed, without a position."),
}


def to_page(document: Json, style: str) -> str:
    """The page. `style` is that of the page of REST."""
    channel = document["channels"]["socket"]
    info = document["info"]
    paragraphs = "".join(f"<p>{_text(part)}</p>" for part in channel["description"].split("\n\n"))
    schemes = document["components"]["securitySchemes"].values()
    ways = "".join(f"<li>{_text(scheme['description'])}</li>" for scheme in schemes)
    codes = "".join(
        f"<tr><td>{close['code']}</td><td>{_text(close['meaning'])}</td><td>{_text(close['advice'])}</td></tr>"
        for close in channel["x-close-codes"]
    )
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Sermo: socket</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>{style}</style></head><body><h1>{escape(info['title'])} {escape(info['version'])}</h1>"
        f'<p>{escape(info["description"])}</p><p>Machines read <a href="/asyncapi.json">/asyncapi.json</a>; '
        f'REST is at <a href="/docs">/docs</a>.</p>{paragraphs}'
        f"<h2>Connecting</h2><p>At <code>{escape(channel['address'])}</code>, subprotocol "
        f"<code>{escape(channel['x-subprotocol'])}</code>. Who you are is shown in one of these ways:</p><ul>{ways}</ul>"
        f"{''.join(_group(document, tag) for tag in _GROUPS)}"
        f"<h2>Close codes</h2><table><tr><th>code</th><th>meaning</th><th>what to do</th></tr>{codes}</table></body></html>"
    )


def _group(document: Json, tag: str) -> str:
    title, text = _GROUPS[tag]
    keys = [key for key, message in document["components"]["messages"].items() if message["tags"][0]["name"] == tag]
    envelope = _beside(document, keys[0]) if tag == "event" else ""
    return f"<h2>{escape(title)}</h2><p>{text}</p>{envelope}{''.join(_frame(document, key, tag) for key in keys)}"


def _beside(document: Json, key: str) -> str:
    """What stands beside `type` and `data` in a frame."""
    frame = document["components"]["schemas"][key]
    properties = {name: part for name, part in frame["properties"].items() if name not in ("type", "ref", "data")}
    return _table("beside data", {**frame, "properties": properties}, document["components"]["schemas"])


def _frame(document: Json, key: str, tag: str) -> str:
    message = document["components"]["messages"][key]
    schemas = document["components"]["schemas"]
    frame = schemas[key]["properties"]
    table = _beside(document, key) if tag != "event" else ""
    if "data" in frame:
        table += _table("data", schemas[_name(frame["data"])], schemas)
    more = f"<p>{_text(message['description'])}</p>" if message["description"] != message["summary"] else ""
    example = msgspec.json.format(msgspec.json.encode(message["examples"][0]["payload"]), indent=2).decode()
    return (
        f'<details id="{escape(key)}"><summary><code>{escape(message["name"])}</code> {_text(message["summary"])}</summary>'
        f"{more}{_answers(document, key)}{table}<pre>{escape(example)}</pre></details>"
    )


def _table(title: str, schema: Json, schemas: Json) -> str:
    rows = "".join(
        f"<tr><td><code>{escape(name)}{'' if name in schema.get('required', ()) else '?'}</code></td>"
        f"<td>{_type(part, schemas)}</td><td>{_text(part.get('description', ''))}</td></tr>"
        for name, part in schema["properties"].items()
    )
    return f"<table><tr><th>{title}</th><th></th><th></th></tr>{rows}</table>" if rows else ""


def _answers(document: Json, key: str) -> str:
    """What answers a client's frame, as links."""
    side, _, name = key.partition(".")
    if side != "client":
        return ""
    keys = [_name(message) for message in document["operations"][name]["reply"]["messages"]]
    links = [f'<a href="#{escape(k)}"><code>{escape(k.partition(".")[2])}</code></a>' for k in keys]
    return f"<p>Answers: {', '.join(links)}.</p>"


def _name(reference: Json) -> str:
    return str(reference["$ref"]).rpartition("/")[2]


def _type(schema: Json, schemas: Json) -> str:
    """What a field holds, in words."""
    if "$ref" in schema:
        return _type(schemas[_name(schema)], schemas)
    for several in ("allOf", "anyOf"):
        if several in schema:
            return " or ".join(_type(one, schemas) for one in schema[several])
    if "enum" in schema:
        return ", ".join(f"<code>{escape(str(one))}</code>" for one in schema["enum"])
    match schema.get("type"):
        case "array":
            return f"list of {_type(schema['items'], schemas)}" if "oneOf" not in schema["items"] else "list of frames"
        case "object":
            return ", ".join(f"<code>{escape(name)}</code>" for name in schema["properties"])
    return {"uuid": "id", "date-time": "time"}.get(schema.get("format", ""), escape(str(schema["type"])))


def _text(text: str) -> str:
    """Prose with `code` in it."""
    parts = escape(text).split("`")
    return "".join(f"<code>{part}</code>" if number % 2 else part for number, part in enumerate(parts))
