"""Ids: which version each kind has, that the derivation never changes, and how names are folded."""

import unicodedata
import uuid
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import ids

A, B = UUID("01900000-0000-7000-8000-000000000001"), UUID("01900000-0000-7000-8000-000000000002")

DERIVED = {
    "workspace_feed": ids.WORKSPACE_FEED,
    "membership": ids.membership_id(A, B),
    "reading": ids.reading_id(A, B),
    "reaction": ids.reaction_id(A, B),
    "direct": ids.direct_id(frozenset({A, B})),
    "user_name": ids.user_name_id("Ada"),
    "channel_name": ids.channel_name_id("Ada"),
    "command": ids.command_id(A, "key"),
}


def test_derived_ids_are_what_they_always_were() -> None:
    """The derivation is on disk: written down here, never to be changed."""
    assert {name: str(value) for name, value in DERIVED.items()} == {
        "workspace_feed": "cf344ce0-4f23-5812-b23c-b1c427e7703b",
        "membership": "7d97c9c3-2f11-5f48-9e35-587ce5cb5847",
        "reading": "18894faf-65b9-5f88-8a80-ba28c905c841",
        "reaction": "ada4d04c-e4c1-5b45-8f7c-0e2db94fd767",
        "direct": "5b9b9cac-6792-5388-9d11-fee38919b3f3",
        "user_name": "c800602c-c7ef-5fba-aea5-42ce282ce1cd",
        "channel_name": "0fcc6e69-5e86-5513-9ef9-7e473b01dbd9",
        "command": "c642c2b0-099a-563a-8656-9aa2a6b7156b",
    }
    assert str(ids.imported_id("message", "42")) == "a4cc6170-d0e0-8e39-b255-b23ec529c0cc"


def test_each_kind_of_id_has_its_version_and_its_own_space() -> None:
    """Derived ones are version 5 and all differ, imported ones version 8; so no client sits on another kind's stream."""
    assert {value.version for value in DERIVED.values()} == {5}
    assert len(set(DERIVED.values())) == len(DERIVED)
    assert ids.imported_id("message", "42").version == 8
    assert ids.imported_id("message", "42") != ids.imported_id("channel", "42")
    assert {value.variant for value in (*DERIVED.values(), ids.imported_id("x", "y"))} == {uuid.RFC_4122}


@given(st.uuids(), st.uuids())
def test_a_derived_id_is_the_standards_version_5(first: UUID, second: UUID) -> None:
    """The short way gives what RFC 9562 says of the namespace and the name's bytes."""
    import hashlib

    namespace = uuid.uuid5(UUID("5e120000-0000-5000-8000-000000000000"), "membership")
    digest = hashlib.sha1(namespace.bytes + first.bytes + second.bytes).digest()[:16]
    assert ids.membership_id(first, second) == UUID(bytes=digest, version=5)
    assert (ids.membership_id(first, second) == ids.membership_id(second, first)) == (first == second)


@given(st.lists(st.uuids(), unique=True, min_size=1, max_size=9), st.randoms(use_true_random=False))
def test_a_direct_channels_id_does_not_depend_on_who_is_named_first(members: list[UUID], random: object) -> None:
    """The people make the id."""
    assert ids.direct_id(frozenset(members)) == ids.direct_id(frozenset(reversed(members)))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Ada", "ADA"),
        ("straße", "STRASSE"),
        ("\ufb01sh", "FISH"),
        ("\uff21da", "ada"),
        ("e\u0301va", "\xc9VA"),
        ("\u03a3\u03af\u03c3\u03c5\u03c6\u03bf\u03c2", "\u03a3\u038a\u03a3\u03a5\u03a6\u039f\u03a3"),
    ],
)
def test_names_that_look_alike_by_case_or_form_compare_equal(one: str, other: str) -> None:
    """Case, compatibility forms, composition, final sigma."""
    assert ids.fold_name(one) == ids.fold_name(other)
    assert ids.user_name_id(one) == ids.user_name_id(other)


@given(st.text(max_size=30))
def test_folding_a_name_twice_is_folding_it_once(name: str) -> None:
    """Otherwise a folded name would not find its own claim."""
    assert ids.fold_name(ids.fold_name(name)) == ids.fold_name(name)
    assert ids.fold_name(unicodedata.normalize("NFD", name)) == ids.fold_name(unicodedata.normalize("NFC", name))
