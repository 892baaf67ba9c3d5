"""`/openapi.json` and `/docs`, `/asyncapi.json` and `/docs/socket`: the pages are made from the documents on the server, each
in one response, without any other address. The socket's document is handed in: it is the socket's own.
"""

from html import escape
from typing import Any

import msgspec
from litestar import Litestar, MediaType, Response, get

from api import socket_page
from api.openapi import describe
from api.problems import STATUS
from api.requests import ApiRequest

_STYLE = """
body{font:15px/1.5 system-ui,sans-serif;max-width:64rem;margin:2rem auto;padding:0 1rem;color:#1c2127;background:#fff}
h2{margin-top:2.5rem;border-bottom:1px solid #d5dae0}summary{cursor:pointer;padding:.35rem 0}
code,pre{font:13px/1.45 ui-monospace,monospace;background:#f2f4f6;border-radius:4px;padding:.1rem .3rem}
pre{padding:.7rem;overflow:auto}.verb{display:inline-block;width:4.5rem;font-weight:600}
table{border-collapse:collapse;margin:.5rem 0}
td,th{border:1px solid #d5dae0;padding:.2rem .6rem;text-align:left;vertical-align:top}
@media(prefers-color-scheme:dark){
body{color:#e3e6ea;background:#15181c}code,pre{background:#22272e}td,th,h2{border-color:#3a414a}}
"""


def to_page(document: dict[str, Any]) -> str:
    """The document as one HTML page that loads nothing."""
    groups: dict[str, list[str]] = {}
    for path, operations in document["paths"].items():
        for verb, operation in operations.items():
            if isinstance(operation, dict) and "responses" in operation:
                tag = (operation.get("tags") or ["other"])[0]
                groups.setdefault(tag, []).append(_operation(verb, path, operation))
    sections = "".join(f"<h2>{escape(tag)}</h2>{''.join(parts)}" for tag, parts in groups.items())
    codes = "".join(
        f"<tr><td>{status}</td><td><code>{escape(code)}</code></td><td>{escape(title)}</td></tr>"
        for code, (status, title) in STATUS.items()
    )
    schemas = "".join(
        f'<details id="{escape(name)}"><summary><code>{escape(name)}</code></summary>{_json(schema)}</details>'
        for name, schema in sorted(document["components"]["schemas"].items())
    )
    info = document["info"]
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Sermo API</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>{_STYLE}</style></head><body><h1>{escape(info['title'])} {escape(info['version'])}</h1>"
        f'<p>{escape(info.get("description") or "")}</p><p>Machines read <a href="/openapi.json">/openapi.json</a>; '
        'the socket is at <a href="/docs/socket">/docs/socket</a>.</p>'
        f"{sections}<h2>codes</h2><table><tr><th>status</th><th>code</th><th>meaning</th></tr>{codes}</table>"
        f"<h2>schemas</h2>{schemas}</body></html>"
    )


def _operation(verb: str, path: str, operation: dict[str, Any]) -> str:
    rows = "".join(
        f"<tr><td><code>{escape(p['name'])}</code></td><td>{escape(p['in'])}</td>"
        f"<td>{escape(p.get('description') or '')}</td></tr>"
        for p in operation.get("parameters", [])
    )
    table = f"<table><tr><th>parameter</th><th>in</th><th></th></tr>{rows}</table>" if rows else ""
    body = operation.get("requestBody")
    answers = {status: answer.get("content", {}) for status, answer in operation["responses"].items()}
    return (
        f'<details><summary><span class="verb">{verb.upper()}</span><code>{escape(path)}</code> '
        f"{escape(operation.get('summary') or '')}</summary><p>{escape(operation.get('description') or '')}</p>{table}"
        f"{'<p>Body</p>' + _json(body['content']) if body else ''}<p>Answers</p>{_json(answers)}</details>"
    )


def _json(value: object) -> str:
    return f"<pre>{escape(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())}</pre>"


class _Made:
    """The documents and their pages, made at the first request and kept."""

    def __init__(self, app: Litestar) -> None:
        document = describe(app)
        self.openapi = msgspec.json.encode(document)
        self.page = to_page(document)
        socket = app.state["describe_socket"](document["info"]["version"])
        self.asyncapi = msgspec.json.encode(socket)
        self.socket_page = socket_page.to_page(socket, _STYLE)


def _made(app: Litestar) -> _Made:
    made: _Made | None = app.state.get("docs")
    if made is None:
        made = app.state["docs"] = _Made(app)
    return made


@get("/openapi.json", include_in_schema=False, sync_to_thread=False)
def openapi(request: ApiRequest) -> Response[bytes]:
    """The OpenAPI 3.1 document."""
    return Response(_made(request.app).openapi, media_type=MediaType.JSON)


@get("/docs", include_in_schema=False, sync_to_thread=False)
def docs(request: ApiRequest) -> Response[str]:
    """The document as a page."""
    return Response(_made(request.app).page, media_type=MediaType.HTML)


@get("/asyncapi.json", include_in_schema=False, sync_to_thread=False)
def asyncapi(request: ApiRequest) -> Response[bytes]:
    """The AsyncAPI 3.0 document of the socket."""
    return Response(_made(request.app).asyncapi, media_type=MediaType.JSON)


@get("/docs/socket", include_in_schema=False, sync_to_thread=False)
def socket_docs(request: ApiRequest) -> Response[str]:
    """The socket's document as a page."""
    return Response(_made(request.app).socket_page, media_type=MediaType.HTML)
