"""The on-disk contract: every name that was ever written decodes to the same struct as ever."""

import json
from pathlib import Path
from typing import Any, get_type_hints

import msgspec
import pytest

from domain import catalog
from domain.decider import Event, Unknown

GOLDEN = Path(__file__).with_name("golden.json")
"""Add an entry for a new name; never change one: rows like these are in people's databases."""

golden: dict[str, dict[str, Any]] = json.loads(GOLDEN.read_text(encoding="utf-8"))


def test_every_name_of_the_catalogue_has_a_golden_example_and_none_was_dropped() -> None:
    """A name is never reused and never forgotten."""
    assert sorted(golden) == sorted(catalog.EVENTS)


@pytest.mark.parametrize("name", golden)
def test_a_stored_example_decodes_to_the_same_struct_as_ever(name: str) -> None:
    """By its fields and their types, and it is written as the same bytes again (but for upcast names)."""
    example = golden[name]
    event = catalog.decode(name, example["stored"].encode())
    assert isinstance(event, Event)
    assert {"type": type(event).__name__, "fields": json.loads(msgspec.json.encode(_all_fields(event)))} == {
        "type": example["type"],
        "fields": example["fields"],
    }
    if name not in catalog.UPCASTERS:
        assert catalog.encode(event) == (name, example["stored"].encode())


def _all_fields(event: Event) -> dict[str, Any]:
    """The fields that were there when the example was written; a newer one must have a default."""
    newer = set(event.__struct_fields__) - set(golden[catalog.encode(event)[0]]["fields"])
    assert newer <= set(event.__struct_fields__[len(event.__struct_fields__) - len(event.__struct_defaults__) :])
    return {field: getattr(event, field) for field in event.__struct_fields__ if field not in newer}


def test_a_name_outside_the_catalogue_is_unknown_and_changes_nothing() -> None:
    """Passed over: an older program reads a newer log."""
    unknown = catalog.decode("message.sung.9", b"anything")
    assert unknown == Unknown("message.sung.9")
    state = catalog.evolve(None, catalog.decode("message.posted.1", golden["message.posted.1"]["stored"].encode()))
    assert catalog.evolve(state, unknown) is state


def test_a_field_of_a_newer_program_is_passed_over() -> None:
    """Fields may be added with a default, so an older program must not stumble over one."""
    stored = golden["message.posted.1"]["stored"].encode()
    newer = stored[:-1] + b',"mood":"cheerful"}'
    assert catalog.decode("message.posted.1", newer) == catalog.decode("message.posted.1", stored)


def test_damaged_state_is_an_error_and_never_half_an_event() -> None:
    """`DecodeError`, which `ValidationError` is too."""
    for damaged in (b"", b"{}", b'{"channel_id":1}', b"\xff"):
        with pytest.raises(msgspec.DecodeError):
            catalog.decode("message.posted.1", damaged)


@pytest.mark.parametrize("kind", catalog.EVENTS.values(), ids=lambda kind: kind.__name__)
def test_every_event_is_frozen_keyword_only_and_has_an_evolve(kind: type[Event]) -> None:
    """A new event without a place in `evolve` is found here, not in production."""
    assert kind.__struct_config__.frozen
    assert kind in catalog._EVOLVE
    assert get_type_hints(kind)
