"""What `sermo doctor` takes for known. Its findings are tested where it is run: tests/cli/test_tools.py."""

from domain import catalog
from domain.decider import Command, Event, Unknown
from domain.user import ChangeProfile
from sermo.doctor import FOLLOWING
from tests.support.builders import AT
from tests.support.history import History


class _Watching(History):
    """A history that notes which events stand behind others of their command."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.behind: set[str] = set()

    def do(self, command: Command) -> tuple[Event | Unknown, ...]:
        events = super().do(command)
        self.behind.update(catalog.encode(event)[0] for event in events[1:] if isinstance(event, Event))
        return events


def test_no_other_event_stands_behind_another_of_its_command_than_doctor_believes() -> None:
    """A new event that does has to be named there, or a good log is called wrong; one that never does is not checked."""
    history = _Watching(90)
    history.run(3_000)
    history.do(ChangeProfile(user_id=history.users[0], display_name="Another", status_text="another", at=AT))
    assert history.behind == FOLLOWING
