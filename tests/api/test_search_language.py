"""The language of the search: one for all, checked at the start; another one is built beside the one that serves."""

import pytest

from projections.group import CORE
from projections.search import search_group
from sermo.settings import SettingsError, from_environment
from tests.api.test_code_table import refused
from tests.fixtures.server import Person, Server, running_server
from tests.support.equality import rebuild
from tests.support.wait import await_until


async def test_a_language_that_the_database_lacks_ends_the_start_with_a_sentence(database: str) -> None:
    """It names those there are."""
    with pytest.raises(SettingsError, match=r"SERMO_SEARCH_LANGUAGE: the database has no 'klingon', but .*, german, "):
        async with running_server(database, search_language="klingon"):
            pass


@pytest.mark.parametrize("name", ["English", "public.english", "english; drop", "x" * 32, "1st"])
def test_a_name_that_is_no_plain_word_is_refused(name: str) -> None:
    """It is a part of names of schemas."""
    with pytest.raises(SettingsError, match="SERMO_SEARCH_LANGUAGE"):
        from_environment({"SERMO_SEARCH_LANGUAGE": name})


async def test_another_language_is_built_beside_and_then_takes_over(server: Server, ann: Person, database: str) -> None:
    """Until it is built only the old one searches, and afterwards only the new one; all else goes on."""
    channel_id = await ann.make_channel()
    position = (await ann.say(channel_id, "die Häuser der Stadt"))["position"]
    english = await ann.get("/search", q="Häusern", min_position=position)
    assert english.json()["results"] == []
    async with running_server(database, search_language="german") as other:
        there = Person(other.http, ann.user_id, ann.username, ann.access_token, ann.refresh_token)
        refused(await there.get("/search", q="Häusern"), 503, "unavailable")
        assert (await there.get(f"/channels/{channel_id}/messages")).status_code == 200
        assert (await ann.get("/search", q="Stadt")).json()["results"]
        await rebuild(database, "search", (CORE, search_group("german")))
        await await_until(lambda: other.node.search.runner.serves, 30, what="the new one serves")
        position = (await ann.say(channel_id, "ein Haus"))["position"]
        found = await there.get("/search", q="Häusern", min_position=position)
        contents = [result["message"]["content"] for result in found.json()["results"]]
        assert contents == ["ein Haus", "die Häuser der Stadt"]
        assert "sermo-stale" not in found.headers
        await await_until(lambda: not server.node.search.runner.serves, 30, what="the old one knows")
        refused(await ann.get("/search", q="Stadt"), 503, "unavailable")
        assert (await server.http.get("/health/ready")).status_code == 200
