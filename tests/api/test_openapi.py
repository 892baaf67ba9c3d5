"""The OpenAPI document is complete: nothing lacks, and what it shows is real."""

import re
from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import pytest

from api import create_app
from api.examples import UNKNOWN
from api.openapi import describe
from ws import asyncapi
from ws.events import Events

Json = dict[str, Any]

TAKE_ANY_TEXT = {"V1AuthLoginLogin", "V1AuthRefreshRefresh", "V1AuthLogoutLogout", "V1MeDeactivateDeactivateMe"}
"""Whatever one tries as a password or a token may be wrong, but is not invalid."""


@pytest.fixture(scope="module")
def document() -> Json:
    """Of the application as `sermo/serve.py` puts it together; no part of a node is needed to describe it."""
    nothing: Any = None
    app = create_app(nothing, asyncapi.describe, private_route_handlers=[Events(nothing, nothing).route()])
    return describe(app)


def operations(document: Json) -> Iterator[tuple[str, Json]]:
    """Every call, with a name for messages."""
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield f"{method.upper()} {path}", operation


def validate(value: object, schema: Json, document: Json) -> None:
    """Check a value against a schema that refers to the document."""
    whole = {**schema, "components": document["components"]}
    jsonschema_rs.Draft202012Validator(whole, validate_formats=True).validate(value)


def test_every_call_is_described(document: Json) -> None:
    """With a summary, a description, a tag, what it takes, and an id of its own."""
    ids = []
    for name, operation in operations(document):
        assert operation["summary"] and operation["description"].endswith("."), name
        assert len(operation["tags"]) == 1, name
        ids.append(operation["operationId"])
        for parameter in operation.get("parameters", []):
            assert parameter["description"] and "example" in parameter, (name, parameter)
            assert parameter["in"] != "path" or parameter["required"], (name, parameter["name"])
    assert len(ids) == len(set(ids))


def test_every_body_has_an_example_that_is_valid(document: Json) -> None:
    """Those of requests and of every answer; schemas without one are told."""
    for name, operation in operations(document):
        contents = [*operation.get("requestBody", {}).get("content", {}).values()]
        for answer in operation["responses"].values():
            contents += answer.get("content", {}).values()
        for content in contents:
            assert content["examples"], name
            for example in content["examples"].values():
                validate(example["value"], content["schema"], document)
                assert UNKNOWN not in str(example["value"]), (name, example)


def test_every_body_refuses_what_it_does_not_know(document: Json) -> None:
    """Unknown fields are refused, and the schemas say so."""
    for name, operation in operations(document):
        for content in operation.get("requestBody", {}).get("content", {}).values():
            if "$ref" in content["schema"]:
                schema = document["components"]["schemas"][content["schema"]["$ref"].rpartition("/")[2]]
                assert schema["additionalProperties"] is False, name
                # Whatever one tries to log in with may be wrong, but is not invalid.
                for field, value in (
                    schema["properties"].items() if operation["operationId"] not in TAKE_ANY_TEXT else ()
                ):
                    assert _is_bounded(value), (name, field)


def _is_bounded(schema: Json) -> bool:
    if "anyOf" in schema:
        return all(_is_bounded(part) for part in schema["anyOf"])
    if schema.get("type") == "integer":
        return schema.keys() >= {"minimum", "maximum"}
    if schema.get("type") == "string":
        return bool(schema.keys() & {"pattern", "format", "enum"})
    return True


def test_every_call_names_its_refusals_by_status_and_code(document: Json) -> None:
    """Each as a problem document, with a sentence for each code and the headers that it has."""
    for name, operation in operations(document):
        if not name.partition(" ")[2].startswith("/v1/"):
            continue
        answers = operation["responses"]
        wanted = {"400", "422", "429", "500", "503"} | ({"401"} if operation.get("security") != [{}] else set())
        assert wanted <= answers.keys(), name
        assert any(status.startswith("2") for status in answers), name
        for status, answer in answers.items():
            if int(status) < 400:
                continue
            ((media_type, content),) = answer["content"].items()
            assert media_type == "application/problem+json", name
            codes = content["schema"]["properties"]["code"]["enum"]
            assert codes == sorted(content["examples"]) and all(f"`{code}`" in answer["description"] for code in codes)
            assert ("Retry-After" in answer["headers"]) == (status in ("429", "503")), name
            assert ("WWW-Authenticate" in answer["headers"]) == (status == "401"), name


def test_writes_tell_their_position_and_take_a_key_and_reads_tell_their_age(document: Json) -> None:
    """Every authenticated call is one or the other, but for those of tokens."""
    for name, operation in operations(document):
        method, _, path = name.partition(" ")
        if not path.startswith("/v1/") or operation["tags"] == ["auth"]:
            continue
        names = {parameter["name"] for parameter in operation.get("parameters", [])}
        good = [answer for status, answer in operation["responses"].items() if status in ("200", "201")]
        header = "Sermo-Stale" if method == "GET" else "Sermo-Position"
        assert good and all(header in answer["headers"] for answer in good), name
        assert (method == "GET") == ("min_position" in names), name
        takes_key = method == "POST" and path != "/v1/me/deactivate"  # nobody is left to repeat it
        assert takes_key == ("Idempotency-Key" in names), name


def test_every_list_is_paged(document: Json) -> None:
    """What takes a cursor gives one, and takes a limit of at most 100."""
    for name, operation in operations(document):
        parameters = {parameter["name"]: parameter for parameter in operation.get("parameters", [])}
        if "cursor" in parameters:
            schema = operation["responses"]["200"]["content"]["application/json"]["schema"]
            answer = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
            assert "next_cursor" in answer["required"], name
            assert parameters["limit"]["schema"]["default"] == 50, name
        if "limit" in parameters:
            assert tuple(parameters["limit"]["schema"][bound] for bound in ("minimum", "maximum")) == (1, 100), name


def test_examples_have_ids_and_times_as_the_wire_has_them(document: Json) -> None:
    """Ids of version 7, times in UTC with microseconds."""
    text = str(document)
    for found in re.findall(r"[0-9a-f]{8}-[0-9a-f]{4}-([0-9a-f])[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}", text):
        assert found == "7"
    for schema in document["components"]["schemas"].values():
        for example in schema.get("examples", []):
            for name, value in example.items():
                if name.endswith("_at") and value is not None:
                    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", value), name


def test_the_document_is_openapi_3_1(document: Json) -> None:
    """Schemas are JSON Schema 2020-12, references lead somewhere, every path parameter is declared."""
    assert document["openapi"].startswith("3.1")
    assert document["security"] == [{"bearer": []}]
    for schema in document["components"]["schemas"].values():
        assert jsonschema_rs.meta.is_valid({"$schema": "https://json-schema.org/draft/2020-12/schema", **schema})
    for reference in re.findall(r"'\$ref': '#/components/schemas/([^']+)'", str(document)):
        assert reference in document["components"]["schemas"]
    for path, methods in document["paths"].items():
        for operation in methods.values():
            declared = {p["name"] for p in operation.get("parameters", []) if p["in"] == "path"}
            assert declared == set(re.findall(r"\{(\w+)\}", path)), path
