"""The command line: `sermo serve` and the tools beside it. Parses options, prints, and leaves the work to other modules."""

import asyncio
import contextlib
import errno
import functools
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click
import msgspec
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from domain.decider import Unknown
from projections import rebuild as rebuilding
from projections.group import CORE
from projections.projection import Group
from projections.search import search_group
from sermo import doctor as doctors
from sermo import log
from sermo.attachments import attachments
from sermo.command import Failure, database, database_options, errors, out, run, settings_of, told
from sermo.files import FOLDER, Files
from sermo.importer import Importer, Report
from sermo.migrate import migrate
from sermo.node import running_node
from sermo.serve import serve as serve_node
from sermo.settings import Settings
from sermo.users import users


class _Rate(ProgressColumn):
    """Things a second."""

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text(f"{speed:,.0f}/s" if speed else "", style="cyan")


def _progress() -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        _Rate(),
        TimeRemainingColumn(),
        console=errors,
    )


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="sermo")
def main() -> None:
    """Sermo: a chat backend on one durable, totally ordered event log in PostgreSQL."""


@main.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8000, show_default=True, type=click.IntRange(0, 65535), help="0 takes a free one.")
@database_options
@told
def serve(host: str, port: int, database_url: str | None, data_dir: Path | None) -> None:
    """Serve REST, WebSocket and docs on one port; prints `ready URL` when it takes requests."""
    import uvloop  # noqa: PLC0415  not on Windows

    settings = settings_of(database_url, data_dir)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        try:
            runner.run(serve_node(settings, host, port))
        except BaseExceptionGroup as group:
            error: BaseException = group
            while isinstance(error, BaseExceptionGroup):
                error = error.exceptions[0]
            raise error from None
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise Failure(
                    f"port {port} of {host} is in use: stop what listens there, or take another --port"
                ) from error
            raise


@main.command("migrate")
@database_options
@told
def migrate_command(database_url: str | None, data_dir: Path | None) -> None:
    """Bring the database to this program's schema. `serve` does it by itself."""
    with database(settings_of(database_url, data_dir)) as dsn:
        applied = migrate(dsn)
    for name in applied:
        out.print(f"applied {name}")
    if not applied:
        out.print("nothing to do")


@main.command("import")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@database_options
@told
def import_command(file: Path, database_url: str | None, data_dir: Path | None) -> None:
    """Import FILE, a community's messages as NDJSON (plain or .gz).

    Each line holds id, channel, thread, author, sent_at (seconds or RFC 3339) and content. People, public channels,
    memberships and threads are made as needed; original times are kept; everything is marked as read. A second import
    adds nothing, and a killed one goes on where it stopped.
    """
    settings = settings_of(database_url, data_dir)
    with database(settings) as dsn, _progress() as progress:
        report = run(_import(dsn, settings, file, progress))
    rate = report.messages / report.seconds if report.seconds else 0.0
    out.print(
        f"imported {report.messages} messages, {report.people} people, {report.channels} channels,"
        f" {report.memberships} memberships in {report.seconds:.1f} s ({rate:,.0f} messages/s);"
        f" {report.already_there} messages were there already"
    )
    if report.views_behind:
        out.print(
            f"note: nobody makes this program's views, which are {report.views_behind:,} events behind:"
            " what was imported shows when they are made; see `sermo projections status`"
        )
    for wanted, name in report.renamed:
        out.print(f"note: the name {escape(wanted)} was taken: imported as {escape(name)}")


async def _import(dsn: str, settings: Settings, file: Path, progress: Progress) -> Report:
    tasks: dict[str, Any] = {}

    def tell(what: str, done: int, total: int) -> None:
        if what not in tasks:
            tasks[what] = progress.add_task(what, total=total)
        progress.update(tasks[what], completed=done, total=total)

    async with running_node(dsn, settings) as node:
        return await Importer(node, tell).run(file)


@main.command()
@click.option("--after", default=0, type=click.IntRange(0), show_default=True, help="Begin behind this position.")
@click.option("--follow", "-f", is_flag=True, help="Go on when the end is reached.")
@database_options
@told
def tail(after: int, follow: bool, database_url: str | None, data_dir: Path | None) -> None:
    """Print the log, one event a line: position, time, feed and seq, type, content."""
    with database(settings_of(database_url, data_dir)) as dsn, contextlib.suppress(KeyboardInterrupt):
        run(_print_log(dsn, after, follow))


async def _print_log(dsn: str, after: int, follow: bool) -> None:
    async with await log.connect(dsn) as connection:
        await connection.execute(f"listen {log.NOTIFY_CHANNEL}")
        while True:
            events = await log.read(connection, after, 1_000)
            for recorded in events:
                event = recorded.event
                feed = f"{str(recorded.feed_id)[-12:]}#{recorded.seq}" if recorded.feed_id else "-"
                body = "" if isinstance(event, Unknown) else msgspec.json.encode(event).decode()
                kind = event.topic if isinstance(event, Unknown) else type(event).__name__
                sys.stdout.write(
                    f"{recorded.position:>9}  {recorded.recorded_at:%Y-%m-%d %H:%M:%S.%f}  {feed:<20} {kind:<18} {body}\n"
                )
                after = recorded.position
            if not events:
                if not follow:
                    return
                sys.stdout.flush()
                async for _ in connection.notifies(timeout=1.0, stop_after=1):
                    pass


@main.command()
@database_options
@told
def doctor(database_url: str | None, data_dir: Path | None) -> None:
    """Check the log's invariants, the views against it, and the uploaded files; exits with 1 where something is wrong."""
    settings = settings_of(database_url, data_dir)
    with database(settings) as dsn:
        migrate(dsn)
        findings = run(_examine(dsn, settings.data_dir))
    for finding in findings:
        mark = "[green]ok   [/green]" if not finding.wrong else "[red]WRONG[/red]"
        detail = f": {finding.wrong} places, for instance {escape(str(finding.example))}" if finding.wrong else ""
        out.print(f"{mark} {finding.check}{detail}")
    if any(finding.wrong for finding in findings):
        sys.exit(1)


async def _examine(dsn: str, data_dir: Path) -> list[doctors.Finding]:
    async with await log.connect(dsn) as connection:
        await rebuilding.ensure_views(connection)
        findings = await doctors.examine(connection)
        return [*findings, await doctors.examine_files(connection, Files(data_dir / FOLDER))]


@main.group()
def projections() -> None:
    """Look at the views, and rebuild them from the log."""


@projections.command()
@database_options
@told
def status(database_url: str | None, data_dir: Path | None) -> None:
    """Show how far each view is."""
    settings = settings_of(database_url, data_dir)
    with database(settings) as dsn:
        migrate(dsn)
        rows = run(_status(dsn, settings.search_language))
    table = Table("view", "version", "checkpoint", "head", "lag", "parked", "rebuilding")
    for row in rows:
        table.add_row(
            row.view,
            str(row.version),
            str(row.checkpoint),
            str(row.head),
            str(row.lag),
            str(row.parked),
            "" if row.rebuilding is None else str(row.rebuilding),
        )
    out.print(table)


async def _status(dsn: str, search_language: str) -> list[rebuilding.ViewStatus]:
    groups = (CORE, search_group(search_language))
    async with await log.connect(dsn) as connection:
        for group in groups:
            await rebuilding.ensure_views(connection, group)
        return await rebuilding.status(connection, groups)


@projections.command()
@click.argument("name")
@database_options
@told
def rebuild(name: str, database_url: str | None, data_dir: Path | None) -> None:
    """Rebuild NAME (a view, `core`, `search` or `all`) from the log while the old one serves; returns when the new one does.

    It can be interrupted: the next call goes on.
    """
    settings = settings_of(database_url, data_dir)
    groups = (CORE, search_group(settings.search_language))
    with database(settings) as dsn, _progress() as progress:
        migrate(dsn)
        task = progress.add_task(f"rebuild {name}", total=None)
        run(_rebuild(dsn, name, groups, lambda done, total: progress.update(task, completed=done, total=total)))
    out.print(f"{name} serves the new generation")


async def _rebuild(dsn: str, name: str, groups: Sequence[Group], progress: Callable[[int, int], None]) -> None:
    async with await log.connect(dsn) as reading:

        async def read(after: int, limit: int) -> list[Any]:
            return list(await log.read(reading, after, limit))

        await rebuilding.rebuild(functools.partial(log.connect, dsn), read, name, progress, groups=groups)


main.add_command(attachments)
main.add_command(users)
main.add_command(click.Group("user", users.commands, hidden=True, help="Of old, for `users`."))


if __name__ == "__main__":
    main()
