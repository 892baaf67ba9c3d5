"""The command line: `sermo serve` and the tools beside it. Parses options, prints, and leaves the work to other modules."""

import asyncio
import contextlib
import errno
import functools
import sys
import uuid
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import click
import msgspec
import psycopg
from msgspec.structs import replace
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from domain.decider import Unknown
from domain.errors import Refusal
from domain.text import check_password
from projections import rebuild as rebuilding
from projections.group import NotBuilt
from sermo import doctor as doctors
from sermo import log, runfile
from sermo.embedded import EmbeddedError, embedded_dsn
from sermo.importer import BadSource, Importer, Report
from sermo.migrate import MigrationError, migrate
from sermo.node import running_node
from sermo.serve import serve as serve_node
from sermo.settings import Settings, SettingsError, check_database_url, from_environment
from sermo.telemetry import configure_logs

T = TypeVar("T")

_errors = Console(stderr=True, soft_wrap=True, highlight=False)
_out = Console(soft_wrap=True, highlight=False)


class _Failure(click.ClickException):
    """A failure that is told in one sentence."""

    def show(self, file: Any = None) -> None:
        """Print it on stderr."""
        _errors.print(f"[red]error:[/red] {escape(self.message)}")


def _told(function: Callable[..., T]) -> Callable[..., T]:
    """Tell expected failures in a sentence, not as a traceback."""

    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> T:
        try:
            return function(*args, **kwargs)
        except Refusal as refusal:
            raise _Failure(f"{refusal.code}: {refusal}") from refusal
        except (EmbeddedError, MigrationError, SettingsError, BadSource, NotBuilt, rebuilding.RebuildError) as error:
            raise _Failure(str(error)) from error
        except psycopg.OperationalError as error:
            raise _Failure(f"the database cannot be reached: {str(error).strip()}") from error
        except psycopg.errors.InsufficientPrivilege as error:
            raise _Failure(f"the database's user may not do this: {str(error).strip()}") from error
        except TimeoutError as error:
            raise _Failure(str(error) or "it took too long: look at the database, and try again") from error
        except OSError as error:
            if error.errno == errno.EPIPE:
                raise  # whoever read our output has gone, and click ends without a word
            raise _Failure(str(error)) from error

    return wrapper


def _database_options(function: Callable[..., Any]) -> Callable[..., Any]:
    for option in (
        click.option(
            "--database-url", help="A PostgreSQL (15 or newer) instead of the embedded one. [env: DATABASE_URL]"
        ),
        click.option(
            "--data-dir",
            type=click.Path(path_type=Path, file_okay=False),
            help="Where the embedded PostgreSQL lives; with a running server's, its database is used."
            " [env: SERMO_DATA_DIR; default: .sermo]",
        ),
    ):
        function = option(function)
    return function


def _settings(database_url: str | None, data_dir: Path | None) -> Settings:
    settings = from_environment()
    if data_dir is not None:
        settings = replace(settings, data_dir=data_dir)
    if database_url is not None:
        settings = replace(settings, database_url=database_url)
    if settings.database_url is not None:
        check_database_url(settings.database_url)
    configure_logs(settings.log_level)
    return settings


@contextlib.contextmanager
def _database(settings: Settings) -> Iterator[str]:
    """The database that these settings mean: given, or of the server that runs there, or the embedded one."""
    dsn = settings.database_url or runfile.database_url(settings.data_dir)
    if dsn is not None:
        yield dsn
        return
    with embedded_dsn(settings.data_dir) as dsn:
        yield dsn


def _run(work: Awaitable[T]) -> T:
    async def main() -> T:
        return await work

    try:
        return asyncio.run(main())
    except BaseExceptionGroup as group:
        # A part of the node failed: tell the cause, not the bundle.
        error: BaseException = group
        while isinstance(error, BaseExceptionGroup):
            error = error.exceptions[0]
        raise error from None


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
        console=_errors,
    )


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="sermo")
def main() -> None:
    """Sermo: a chat backend on one durable, totally ordered event log in PostgreSQL."""


@main.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8000, show_default=True, type=click.IntRange(0, 65535), help="0 takes a free one.")
@_database_options
@_told
def serve(host: str, port: int, database_url: str | None, data_dir: Path | None) -> None:
    """Serve REST, WebSocket and docs on one port; prints `ready URL` when it takes requests."""
    import uvloop  # noqa: PLC0415  not on Windows

    settings = _settings(database_url, data_dir)
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
                raise _Failure(
                    f"port {port} of {host} is in use: stop what listens there, or take another --port"
                ) from error
            raise


@main.command("migrate")
@_database_options
@_told
def migrate_command(database_url: str | None, data_dir: Path | None) -> None:
    """Bring the database to this program's schema. `serve` does it by itself."""
    with _database(_settings(database_url, data_dir)) as dsn:
        applied = migrate(dsn)
    for name in applied:
        _out.print(f"applied {name}")
    if not applied:
        _out.print("nothing to do")


@main.command("import")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@_database_options
@_told
def import_command(file: Path, database_url: str | None, data_dir: Path | None) -> None:
    """Import FILE, a community's messages as NDJSON (plain or .gz).

    Each line holds id, channel, thread, author, sent_at (seconds or RFC 3339) and content. People, public channels,
    memberships and threads are made as needed; original times are kept; everything is marked as read. A second import
    adds nothing, and a killed one goes on where it stopped.
    """
    settings = _settings(database_url, data_dir)
    with _database(settings) as dsn, _progress() as progress:
        report = _run(_import(dsn, settings, file, progress))
    rate = report.messages / report.seconds if report.seconds else 0.0
    _out.print(
        f"imported {report.messages} messages, {report.people} people, {report.channels} channels,"
        f" {report.memberships} memberships in {report.seconds:.1f} s ({rate:,.0f} messages/s);"
        f" {report.already_there} messages were there already"
    )
    if report.views_behind:
        _out.print(
            f"note: nobody makes this program's views, which are {report.views_behind:,} events behind:"
            " what was imported shows when they are made; see `sermo projections status`"
        )
    for wanted, name in report.renamed:
        _out.print(f"note: the name {escape(wanted)} was taken: imported as {escape(name)}")


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
@_database_options
@_told
def tail(after: int, follow: bool, database_url: str | None, data_dir: Path | None) -> None:
    """Print the log, one event a line: position, time, feed and seq, type, content."""
    with _database(_settings(database_url, data_dir)) as dsn, contextlib.suppress(KeyboardInterrupt):
        _run(_print_log(dsn, after, follow))


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
@_database_options
@_told
def doctor(database_url: str | None, data_dir: Path | None) -> None:
    """Check the log's invariants and the views against it; exits with 1 where something is wrong."""
    with _database(_settings(database_url, data_dir)) as dsn:
        migrate(dsn)
        findings = _run(_examine(dsn))
    for finding in findings:
        mark = "[green]ok   [/green]" if not finding.wrong else "[red]WRONG[/red]"
        detail = f": {finding.wrong} places, for instance {escape(str(finding.example))}" if finding.wrong else ""
        _out.print(f"{mark} {finding.check}{detail}")
    if any(finding.wrong for finding in findings):
        sys.exit(1)


async def _examine(dsn: str) -> list[doctors.Finding]:
    async with await log.connect(dsn) as connection:
        await rebuilding.ensure_views(connection)
        return await doctors.examine(connection)


@main.group()
def projections() -> None:
    """Look at the views, and rebuild them from the log."""


@projections.command()
@_database_options
@_told
def status(database_url: str | None, data_dir: Path | None) -> None:
    """Show how far each view is."""
    with _database(_settings(database_url, data_dir)) as dsn:
        migrate(dsn)
        rows = _run(_status(dsn))
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
    _out.print(table)


async def _status(dsn: str) -> list[rebuilding.ViewStatus]:
    async with await log.connect(dsn) as connection:
        await rebuilding.ensure_views(connection)
        return await rebuilding.status(connection)


@projections.command()
@click.argument("name")
@_database_options
@_told
def rebuild(name: str, database_url: str | None, data_dir: Path | None) -> None:
    """Rebuild NAME (a view, `core` or `all`) from the log while the old one serves; returns when the new one serves.

    It can be interrupted: the next call goes on.
    """
    with _database(_settings(database_url, data_dir)) as dsn, _progress() as progress:
        migrate(dsn)
        task = progress.add_task(f"rebuild {name}", total=None)
        _run(_rebuild(dsn, name, lambda done, total: progress.update(task, completed=done, total=total)))
    _out.print(f"{name} serves the new generation")


async def _rebuild(dsn: str, name: str, progress: Callable[[int, int], None]) -> None:
    async with await log.connect(dsn) as reading:

        async def read(after: int, limit: int) -> list[Any]:
            return list(await log.read(reading, after, limit))

        await rebuilding.rebuild(functools.partial(log.connect, dsn), read, name, progress)


@main.group()
def user() -> None:
    """Manage people."""


@user.command()
@click.argument("username")
@click.option("--display-name", help="Shown instead of the user name.")
@click.option("--admin", is_flag=True, help="Make the person a server admin.")
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input instead of asking.")
@_database_options
@_told
def create(
    username: str,
    display_name: str | None,
    admin: bool,
    password_stdin: bool,
    database_url: str | None,
    data_dir: Path | None,
) -> None:
    """Register USERNAME."""
    settings = _settings(database_url, data_dir)
    if password_stdin:
        password = sys.stdin.readline().rstrip("\n")
    else:
        password = click.prompt("Password", hide_input=True, confirmation_prompt=True)
    check_password(password)
    with _database(settings) as dsn:
        user_id = _run(_create_user(dsn, settings, username, password, display_name or username, admin))
    _out.print(f"created {username} {user_id}")


async def _create_user(
    dsn: str, settings: Settings, username: str, password: str, display_name: str, admin: bool
) -> uuid.UUID:
    async with running_node(dsn, settings) as node:
        session = await node.auth.register(username, password, display_name, is_admin=admin)
        return session.user.user_id


if __name__ == "__main__":
    main()
