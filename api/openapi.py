"""The application as an OpenAPI 3.1 document.

Litestar finds the calls, their parameters and their answers; what it does not know is put right here: schemas as strict as
`api/requests.py` is, the refusals that each call can give by status, the headers of answers, and examples.
"""

from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any, get_args, get_origin

import msgspec
from litestar import Litestar, Response
from litestar.handlers import HTTPRouteHandler
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.openapi.spec import Components, SecurityScheme
from litestar.params import ParameterKwarg
from litestar.routes import HTTPRoute

from api import examples, refusals, schemas, texts
from api.problems import MEDIA_TYPE, STATUS, Problem, to_problem
from api.requests import IDEMPOTENCY_KEY, KEY_MAX_CHARACTERS
from domain.reaction import EMOJI_MAX_CHARACTERS

DESCRIPTION = """A chat backend on one durable, totally ordered event log. The socket is described in asyncapi.json.

Every write answers with the `position` of the log at which it is true; a read with `min_position` waits until it is at least
as new. Every refusal is a problem document (RFC 9457) with a stable `code`. What a person may not know of is 404. GET answers
HEAD too."""

_POSITION = {"description": "The position of the log at which the answer is true.", "schema": {"type": "string"}}
_STALE = {
    "description": "There, and `true`, where the answer may be older than `min_position`.",
    "schema": {"const": "true"},
}
_NO_STORE = {"description": "What is answered is for one person.", "schema": {"const": "no-store"}}
_REVALIDATED = {
    "description": "A file may be kept by who has got it, and the right to it is asked for each time.",
    "schema": {"enum": ["private, no-cache", "no-store"]},
}
_RETRY_AFTER = {"description": "Seconds to wait.", "schema": {"type": "string", "pattern": "^[0-9]+$"}}
_AUTHENTICATE = {"description": "How to show who you are.", "schema": {"const": "Bearer"}}
_KEY = {
    "name": IDEMPOTENCY_KEY,
    "in": "header",
    "required": False,
    "description": "The same request under the same key is carried out once; a repeat gets the original position.",
    "schema": {"type": "string", "minLength": 1, "maxLength": KEY_MAX_CHARACTERS, "pattern": "^[!-~]([ -~]*[!-~])?$"},
    "example": "5f0c7a5e-send-1",
}

Json = dict[str, Any]

_WITHOUT_KEY = {"register", "login", "refresh", "deactivate_me"}
"""POSTs that take no key: nobody is known yet, or nobody is left to ask again."""

_EMOJI = {"minLength": 1, "maxLength": EMOJI_MAX_CHARACTERS, "pattern": r"^[^\s/\u0000-\u001f\u007f-\u009f\ufffd]+$"}
_PATTERNS: dict[tuple[str, str], Json] = {
    ("path", "emoji"): _EMOJI,
    ("query", "emoji"): _EMOJI,
    ("query", "attachment_id"): {"pattern": texts.UUID7_PATTERN},
    ("query", "name"): {"pattern": texts.FILE_NAME_PATTERN},
}
"""What the domain checks in parameters, where its place and name say which."""

_ALSO: dict[str, dict[str, Json]] = {
    "get_events": {
        "200": {
            "description": "",
            "content": {
                "text/event-stream": {
                    "schema": {"type": "string"},
                    "examples": {"frame": {"value": 'id: 7c1e5a02:1207\ndata: {"type":"heartbeat","id":1207}\n\n'}},
                }
            },
        },
        "204": {"description": "The id was told `resync_required`: do not come back with it.", "content": {}},
    },
    "get_attachment": {
        status: {
            "description": "",
            "content": {"*/*": {"schema": {"type": "string", "format": "binary"}}},
        }
        for status in ("200", "206")
    },
    "metrics": {
        "200": {
            "description": "",
            "content": {
                "text/plain": {
                    "schema": {"type": "string"},
                    "examples": {"gauge": {"value": "# TYPE sermo_tail_position gauge\nsermo_tail_position 1207.0\n"}},
                }
            },
        }
    },
}
"""Answers that Litestar has no words for."""


def openapi_config(version: str) -> OpenAPIConfig:
    """Litestar's OpenAPI 3.1, with its own pages (which load scripts from elsewhere) left out."""
    return OpenAPIConfig(
        title="Sermo",
        version=version,
        description=DESCRIPTION,
        path="/docs/openapi",
        render_plugins=[JsonRenderPlugin(path="/openapi.json")],
        components=Components(
            security_schemes={"bearer": SecurityScheme(type="http", scheme="bearer", bearer_format="JWT")}
        ),
        security=[{"bearer": []}],
        use_handler_docstrings=True,
    )


class Call:
    """One handler, as the document speaks of it."""

    def __init__(self, handler: HTTPRouteHandler, path: str, method: str, operation: Json) -> None:
        self.handler = handler
        self.path = path
        self.method = method
        self.operation = operation
        data = handler.parsed_data_field
        self.body: Any = data.annotation if data is not None else None
        self.answers: dict[str, Any] = {}
        """By status: the type of an answer that is JSON of ours."""
        returned = handler.parsed_fn_signature.return_type.annotation
        if get_origin(returned) is not None and issubclass(get_origin(returned), Response):
            (returned,) = get_args(returned)
        if _is_struct(returned):
            self.answers[str(handler.status_code)] = returned
        for status, spec in (handler.responses or {}).items():
            if _is_struct(spec.data_container):
                self.answers[str(status)] = spec.data_container

    @property
    def name(self) -> str:
        """The handler's."""
        return self.handler.handler_name

    @property
    def has_position(self) -> bool:
        """Whether it writes to the log."""
        return any("position" in answer.__struct_fields__ for answer in self.answers.values())

    @property
    def types(self) -> Iterator[Any]:
        """What its body and its answers are."""
        yield from self.answers.values()
        if self.body is not None and _is_struct(self.body):
            yield self.body


def _is_struct(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct)


def describe(app: Litestar) -> Json:
    """The application as an OpenAPI document."""
    document: Json = msgspec.json.decode(msgspec.json.encode(app.openapi_schema.to_schema()))
    calls = list(_calls(app, document))
    document["components"]["schemas"] = schemas.components([Problem, *(t for call in calls for t in call.types)])
    problem = document["components"]["schemas"]["Problem"]
    problem["properties"]["code"]["enum"] = sorted(STATUS)
    problem["examples"] = [_example("not_found", 404)]
    examples.complete(document["components"]["schemas"])
    for call in calls:
        _put_right(call, document["components"]["schemas"])
    return document


def _calls(app: Litestar, document: Json) -> Iterator[Call]:
    for route in app.routes:
        if not isinstance(route, HTTPRoute):
            continue
        for method, (handler, _) in route.route_handler_map.items():
            operation = document["paths"].get(route.path_format, {}).get(method.lower())
            if operation is not None:
                yield Call(handler, route.path_format, method.lower(), operation)


def _put_right(call: Call, components: Json) -> None:
    operation = call.operation
    operation.pop("deprecated", None)
    operation["summary"] = call.name.replace("_", " ").capitalize()
    operation["description"] = " ".join(operation["description"].split())
    for parameter in operation.get("parameters", []):
        _put_parameter_right(parameter, call.handler)
    if call.method == "post" and call.has_position and call.name not in _WITHOUT_KEY:
        operation.setdefault("parameters", []).append(_KEY)
    for content in operation.get("requestBody", {}).get("content", {}).values():
        _exemplify(content, components)
    responses: Json = operation["responses"]
    responses.pop("400", None)  # Litestar describes its own, which never reaches a client
    for status, also in _ALSO.get(call.name, {}).items():
        answer = responses.setdefault(status, {"description": also["description"]})
        known = {kind: content for kind, content in answer.get("content", {}).items() if content["schema"]}
        answer["content"] = known | also["content"]
    reads = any(parameter["name"] == "min_position" for parameter in operation.get("parameters", []))
    for status, answer in responses.items():
        answer["description"] = _said_of_answer(answer["description"], int(status))
        if int(status) < 300:
            answer["headers"] = _headers(call, status, reads=reads)
        for content in answer.get("content", {}).values():
            _exemplify(content, components)
    for number, codes in refusals.of(call.name, call.path, call.method, operation).items():
        responses.setdefault(str(number), _refusal(number, codes, reads=reads))


def _put_parameter_right(parameter: Json, handler: HTTPRouteHandler) -> None:
    """Litestar calls optional query parameters nullable, and forgets a minimum of 0."""
    for name in ("deprecated", "allowEmptyValue", "allowReserved"):
        parameter.pop(name, None)
    schema: Json = parameter["schema"]
    variants = [variant for variant in schema.pop("oneOf", []) if variant != {"type": "null"}]
    if len(variants) == 1:
        schema |= variants[0]
    schema.pop("description", None)
    for field in handler.parsed_fn_signature.parameters.values():
        known = field.kwarg_definition
        if isinstance(known, ParameterKwarg) and (known.name or field.name) == parameter["name"]:
            bounds = {"minimum": known.ge, "maximum": known.le}
            schema |= {name: int(bound) for name, bound in bounds.items() if bound is not None}
    schema |= _PATTERNS.get((parameter["in"], parameter["name"]), {})
    if schema.get("type") == "string" and not schema.keys() & {"format", "pattern", "enum"}:
        schema["pattern"] = r"^[^\u0000]*$"
    examples.complete_parameter(parameter)


def _said_of_answer(text: str, status: int) -> str:
    """A word of ours in place of the standard library's, which speaks of documents and URLs."""
    if text == HTTPStatus(status).description:
        return {200: "Done, or found.", 201: "Made."}.get(status, HTTPStatus(status).phrase)
    return text


def _headers(call: Call, status: str, *, reads: bool) -> Json:
    headers: Json = {}
    if call.path.startswith("/v1/"):
        headers["Cache-Control"] = _REVALIDATED if call.path.startswith("/v1/attachments/") else _NO_STORE
    answer = call.answers.get(status)
    if reads:
        headers["Sermo-Stale"] = _STALE
    elif answer is not None and "position" in answer.__struct_fields__:
        headers["Sermo-Position"] = _POSITION
    return headers


def _exemplify(content: Json, components: Mapping[str, Json]) -> None:
    reference = content.get("schema", {}).get("$ref", "")
    name = reference.removeprefix(schemas.PREFIX)
    if content.get("schema", {}).get("format") == "binary":
        content.setdefault("examples", {"file": {"summary": "The bytes of a file.", "value": "..."}})
    if name in components and "examples" not in content:
        content["examples"] = {name: {"value": examples.of(components[name], components)}}


def _refusal(status: int, codes: frozenset[str], *, reads: bool) -> Json:
    headers = {}
    if status in (429, 503):
        headers["Retry-After"] = _RETRY_AFTER
    if status == 401:
        headers["WWW-Authenticate"] = _AUTHENTICATE
    if status == 404 and reads:
        headers["Sermo-Stale"] = _STALE
    schema = {
        "allOf": [{"$ref": schemas.PREFIX + "Problem"}],
        "properties": {"code": {"enum": sorted(codes)}, "status": {"const": status}},
    }
    content = {"schema": schema, "examples": {code: {"value": _example(code, status)} for code in sorted(codes)}}
    described = " ".join(f"`{code}`: {_KINDS[code].text}" for code in sorted(codes))
    return {"description": described, "headers": headers, "content": {MEDIA_TYPE: content}}


_KINDS = refusals.kinds()


def _example(code: str, status: int) -> Any:
    field = examples.FIELDS.get(code)
    return msgspec.to_builtins(to_problem(_KINDS[code](field=field), status=status))
