"""The socket's document as a judge of frames: what is not in it does not pass."""

from functools import cache
from typing import Any

from jsonschema import Draft7Validator

from ws.asyncapi import describe

Json = dict[str, Any]


@cache
def document() -> Json:
    """The AsyncAPI document."""
    return describe("0.0.0")


@cache
def _closed() -> Json:
    """Its schemas, closed: clients must pass over unknown fields, but here a field that is not documented is a fault."""

    def close(part: Any) -> Any:
        if isinstance(part, dict):
            closed = {key: close(value) for key, value in part.items()}
            return {**closed, "additionalProperties": False} if part.get("type") == "object" else closed
        return [close(one) for one in part] if isinstance(part, list) else part

    schemas: Json = close(document()["components"]["schemas"])
    return schemas


@cache
def _validator(name: str) -> Draft7Validator:
    schema = {"$ref": f"#/components/schemas/{name}", "components": {"schemas": _closed()}}
    return Draft7Validator(schema, format_checker=Draft7Validator.FORMAT_CHECKER)


def check_frame(frame: Json, side: str = "server") -> None:
    """Fail unless the document has this frame with exactly these fields. `side`: who sends it, client or server."""
    name = f"{side}.{frame['type']}"
    assert name in document()["components"]["schemas"], f"{name} is not documented"
    faults = [f"{error.json_path}: {error.message}" for error in _validator(name).iter_errors(frame)]
    assert faults == [], frame
