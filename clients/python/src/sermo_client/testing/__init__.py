"""A fake server, for tests of what is built on this client."""

from sermo_client.testing.faults import Faults
from sermo_client.testing.server import FakeServer
from sermo_client.testing.world import Person

__all__ = ["FakeServer", "Faults", "Person"]
