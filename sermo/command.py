"""What every command of the command line shares: which database it works on, where it prints, how it tells a failure."""

import asyncio
import contextlib
import errno
import functools
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import click
import psycopg
from msgspec.structs import replace
from rich.console import Console
from rich.markup import escape

from domain.errors import Refusal
from projections import rebuild as rebuilding
from projections.group import NotBuilt
from sermo import runfile
from sermo.embedded import EmbeddedError, embedded_dsn
from sermo.importer import BadSource
from sermo.migrate import MigrationError
from sermo.settings import Settings, SettingsError, check_database_url, from_environment
from sermo.telemetry import configure_logs

T = TypeVar("T")

errors = Console(stderr=True, soft_wrap=True, highlight=False)
out = Console(soft_wrap=True, highlight=False)


class Failure(click.ClickException):
    """A failure that is told in one sentence."""

    def show(self, file: Any = None) -> None:
        """Print it on stderr."""
        errors.print(f"[red]error:[/red] {escape(self.message)}")


def told(function: Callable[..., T]) -> Callable[..., T]:
    """Tell expected failures in a sentence, not as a traceback."""

    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> T:
        try:
            return function(*args, **kwargs)
        except Refusal as refusal:
            raise Failure(f"{refusal.code}: {refusal}") from refusal
        except (EmbeddedError, MigrationError, SettingsError, BadSource, NotBuilt, rebuilding.RebuildError) as error:
            raise Failure(str(error)) from error
        except psycopg.OperationalError as error:
            raise Failure(f"the database cannot be reached: {str(error).strip()}") from error
        except psycopg.errors.InsufficientPrivilege as error:
            raise Failure(f"the database's user may not do this: {str(error).strip()}") from error
        except TimeoutError as error:
            raise Failure(str(error) or "it took too long: look at the database, and try again") from error
        except OSError as error:
            if error.errno == errno.EPIPE:
                raise  # whoever read our output has gone, and click ends without a word
            raise Failure(str(error)) from error

    return wrapper


def database_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """The options that say which database is meant; for `settings_of`."""
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


def settings_of(database_url: str | None, data_dir: Path | None) -> Settings:
    """The environment's settings, with what the options say instead."""
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
def database(settings: Settings) -> Iterator[str]:
    """The database that these settings mean: given, or of the server that runs there, or the embedded one."""
    dsn = settings.database_url or runfile.database_url(settings.data_dir)
    if dsn is not None:
        yield dsn
        return
    with embedded_dsn(settings.data_dir) as dsn:
        yield dsn


def run(work: Awaitable[T]) -> T:
    """What the work comes to, in an event loop of its own."""

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
