"""The transcripts of clients/conformance/ against the client."""

import pytest

from tests.clients.python.runner import Runner
from tests.support.transcripts import Transcript, transcripts


@pytest.mark.parametrize("transcript", transcripts("client"), ids=lambda one: one.name)
async def test_the_client_keeps_to_the_transcript(transcript: Transcript) -> None:
    """Every step: what it sends, and what it reports."""
    await Runner(transcript).run()
