"""`sermo attachments`: the files that people have uploaded, seen from the server's side."""

from datetime import timedelta
from pathlib import Path

import click

from sermo.collector import CannotCollect, Report
from sermo.command import Failure, database, database_options, out, run, settings_of, told
from sermo.node import running_node
from sermo.settings import Settings


@click.group()
def attachments() -> None:
    """Look after uploaded files."""


@attachments.command()
@click.option(
    "--older-than",
    default=24.0,
    show_default=True,
    type=click.FloatRange(0),
    help="Hours that a file may wait for its message.",
)
@database_options
@told
def collect(older_than: float, database_url: str | None, data_dir: Path | None) -> None:
    """Remove files that nobody needs: those that no message took, and those of deleted messages and channels.

    A server does so every hour. Files that were put within the last minute stay.
    """
    settings = settings_of(database_url, data_dir)
    with database(settings) as dsn:
        report = run(_collect(dsn, settings, timedelta(hours=older_than)))
    out.print(
        f"gave up {report.collected} attachments; deleted {report.contents} files with {report.size:,} bytes"
        f" and {report.uploads} of uploads that came to no end"
    )


async def _collect(dsn: str, settings: Settings, waiting_max: timedelta) -> Report:
    async with running_node(dsn, settings) as node:
        try:
            return await node.collector.collect(waiting_max)
        except CannotCollect as error:
            raise Failure(f"{error}") from error
