"""The structs of requests and answers as JSON Schema, for the OpenAPI document.

msgspec describes what it takes and gives; the docstring line below a field describes that field. Both stand in one place,
the struct, so the document cannot say anything else.
"""

import ast
import inspect
import textwrap
from collections.abc import Iterable
from functools import cache
from itertools import pairwise
from typing import Any

import msgspec

PREFIX = "#/components/schemas/"


def components(types: Iterable[Any]) -> dict[str, Any]:
    """The schemas of these types and of all that they hold, by name."""
    wanted = tuple(types)
    _, schemas = msgspec.json.schema_components(wanted, ref_template=PREFIX + "{name}")
    for kind in _structs(wanted):
        told = field_docstrings(kind)
        for name, schema in schemas[kind.__name__].get("properties", {}).items():
            if name in told:
                schema["description"] = told[name]
    return schemas


def schema_of(kind: Any) -> dict[str, Any]:
    """The schema of one type, which refers to the components."""
    (schema,), _ = msgspec.json.schema_components([kind], ref_template=PREFIX + "{name}")
    return schema


def _structs(types: Iterable[Any]) -> set[type[msgspec.Struct]]:
    found: set[type[msgspec.Struct]] = set()
    waiting: list[Any] = [msgspec.inspect.type_info(kind) for kind in types]
    while waiting:
        info = waiting.pop()
        if isinstance(info, msgspec.inspect.StructType):
            if info.cls in found:
                continue
            found.add(info.cls)
            waiting += [field.type for field in info.fields]
        elif isinstance(info, msgspec.inspect.UnionType):
            waiting += info.types
        elif isinstance(info, msgspec.inspect.Metadata):
            waiting.append(info.type)
        elif isinstance(info, msgspec.inspect.ListType | msgspec.inspect.VarTupleType):
            waiting.append(info.item_type)
        elif isinstance(info, msgspec.inspect.DictType):
            waiting.append(info.value_type)
    return found


@cache
def field_docstrings(kind: type) -> dict[str, str]:
    """What stands below each field of a class or of those that it comes of. Empty where there is no source to read."""
    told: dict[str, str] = {}
    for base in reversed(kind.__mro__):
        if base.__module__.partition(".")[0] in ("builtins", "msgspec"):
            continue
        try:
            source = textwrap.dedent(inspect.getsource(base))
        except (OSError, TypeError):
            continue
        (body,) = (node.body for node in ast.parse(source).body if isinstance(node, ast.ClassDef))
        for field, below in pairwise(body):
            if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name) and (text := _text_of(below)):
                told[field.target.id] = text
    return told


def _text_of(node: ast.stmt) -> str | None:
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
        return " ".join(node.value.value.split())
    return None
