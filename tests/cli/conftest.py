"""Folders for data that PostgreSQL's user may enter, also when the tests run as root."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def data_dir() -> Iterator[Path]:
    """A data dir that is not there yet."""
    # not pytest's temporary folder: as root that one is closed to PostgreSQL's user
    folder = Path(tempfile.mkdtemp(prefix="sermo-cli-", dir="/tmp"))
    folder.chmod(0o711)
    yield folder / "data"
    shutil.rmtree(folder, ignore_errors=True)
