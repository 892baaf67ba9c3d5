"""How many connections a node takes: what its open files allow, and no more than the operator says."""

import subprocess
import sys

import pytest

from sermo.serve import FILES_RESERVED, connection_limits


@pytest.mark.parametrize(
    ("wanted", "files"), [(20_000, 1_048_576), (20_000, 20_000), (20_000, 1_024), (10, 1_024), (5, 64)]
)
def test_sockets_leave_files_for_everything_else(wanted: int, files: int) -> None:
    """A tenth for HTTP, and some for the database; a small limit still serves somebody."""
    sockets, http = connection_limits(wanted, files)
    assert 1 <= sockets.connections_max <= wanted
    assert sockets.connections_max < http.sockets_max
    if files > 10 * FILES_RESERVED:
        assert http.sockets_max + FILES_RESERVED <= files
    if files > 2 * wanted + FILES_RESERVED:
        assert sockets.connections_max == wanted


def test_the_soft_limit_is_raised_to_the_hard_one() -> None:
    """Shells give 1,024 where 20,000 are allowed."""
    code = (
        "import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (100, 300));"
        "from sermo.serve import raise_file_limit;"
        "print(raise_file_limit(), *resource.getrlimit(resource.RLIMIT_NOFILE))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.split() == ["300", "300", "300"]
