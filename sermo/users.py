"""`sermo users`: people, seen from the server's side. What the operator does has no author (`by` is null in the log).

Each command is a small node on the same database, beside a running server or without one: the log makes sure of the rest.
"""

import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar
from uuid import UUID

import click

from domain.errors import NotFound
from domain.text import check_password
from domain.user import DeactivateUser, ReactivateUser, SetAdmin
from projections import people
from sermo.command import database, database_options, out, run, settings_of, told
from sermo.node import Node, running_node
from sermo.settings import Settings

T = TypeVar("T")

VIEWS_WAIT_S = 30.0
"""For the view of people to have what the log has, before they are listed."""
PAGE = 1_000


@click.group()
def users() -> None:
    """Manage people."""


def _password_option(function: Callable[..., T]) -> Callable[..., T]:
    text = "Read the password from standard input instead of asking."
    return click.option("--password-stdin", is_flag=True, help=text)(function)


def _password(from_stdin: bool) -> str:
    """The new password: never an argument, which other people on the machine could see."""
    if from_stdin:
        password = sys.stdin.readline().rstrip("\n")
    else:
        password = click.prompt("Password", hide_input=True, confirmation_prompt=True)
    check_password(password)
    return str(password)


def _on_a_node(settings: Settings, work: Callable[[Node], Awaitable[T]]) -> T:
    async def with_node(dsn: str) -> T:
        async with running_node(dsn, settings) as node:
            return await work(node)

    with database(settings) as dsn:
        return run(with_node(dsn))


def _on_person(settings: Settings, username: str, work: Callable[[Node, UUID], Awaitable[None]]) -> None:
    async def with_person(node: Node) -> None:
        user_id = await node.auth.find_user(username)
        if user_id is None:
            raise NotFound(f"There is nobody with the user name {username}.")
        await work(node, user_id)

    _on_a_node(settings, with_person)


@users.command()
@click.argument("username")
@click.option("--display-name", help="Shown instead of the user name.")
@click.option("--admin", is_flag=True, help="Make the person a server admin.")
@_password_option
@database_options
@told
def create(
    username: str,
    display_name: str | None,
    admin: bool,
    password_stdin: bool,
    database_url: str | None,
    data_dir: Path | None,
) -> None:
    """Register USERNAME."""
    settings = settings_of(database_url, data_dir)
    password = _password(password_stdin)

    async def work(node: Node) -> UUID:
        session = await node.auth.register(username, password, display_name or username, is_admin=admin)
        return session.user.user_id

    out.print(f"created {username} {_on_a_node(settings, work)}", markup=False)


@users.command()
@click.argument("username")
@click.argument("switch", metavar="on|off", type=click.Choice(["on", "off"]))
@database_options
@told
def admin(username: str, switch: str, database_url: str | None, data_dir: Path | None) -> None:
    """Make USERNAME a server admin, or one no more. The last active one stays."""
    is_admin = switch == "on"

    async def work(node: Node, user_id: UUID) -> None:
        await node.execute(SetAdmin(user_id=user_id, is_admin=is_admin, by=None, at=datetime.now(UTC)))

    _on_person(settings_of(database_url, data_dir), username, work)
    out.print(f"{username} is {'a' if is_admin else 'no'} server admin", markup=False)


@users.command()
@click.argument("username")
@database_options
@told
def deactivate(username: str, database_url: str | None, data_dir: Path | None) -> None:
    """Shut USERNAME out: every token is refused from now on. The name stays taken, and what was said stays."""

    async def work(node: Node, user_id: UUID) -> None:
        await node.execute(DeactivateUser(user_id=user_id, by=None, at=datetime.now(UTC)))
        await node.auth.end_logins(user_id)

    _on_person(settings_of(database_url, data_dir), username, work)
    out.print(f"{username} is deactivated", markup=False)


@users.command()
@click.argument("username")
@database_options
@told
def reactivate(username: str, database_url: str | None, data_dir: Path | None) -> None:
    """Let USERNAME log in again."""

    async def work(node: Node, user_id: UUID) -> None:
        if (await node.execute(ReactivateUser(user_id=user_id, by=None, at=datetime.now(UTC)))).events:
            await node.auth.end_logins(user_id)

    _on_person(settings_of(database_url, data_dir), username, work)
    out.print(f"{username} is active", markup=False)


@users.command()
@click.argument("username")
@_password_option
@database_options
@told
def password(username: str, password_stdin: bool, database_url: str | None, data_dir: Path | None) -> None:
    """Give USERNAME another password, and end all their logins.

    Access tokens that are out stay good until they expire, some minutes; to shut somebody out at once, deactivate them.
    """
    settings = settings_of(database_url, data_dir)
    new = _password(password_stdin)

    async def work(node: Node, user_id: UUID) -> None:
        await node.auth.set_password(user_id, new)

    _on_person(settings, username, work)
    out.print(f"{username} has another password", markup=False)


@users.command("list")
@database_options
@told
def list_command(database_url: str | None, data_dir: Path | None) -> None:
    """List everybody, by user name: one line a person, with id, standing and display name."""
    rows = _on_a_node(settings_of(database_url, data_dir), _everybody)
    width = max((len(row.username) for row in rows), default=0)
    for row in rows:
        standing = "deactivated" if row.deactivated_at is not None else "admin" if row.is_admin else "-"
        sys.stdout.write(f"{row.username:<{width}}  {row.user_id}  {standing:<11}  {row.display_name}\n")


async def _everybody(node: Node) -> list[people.UserRow]:
    if not await node.views.wait_for(node.tail.position, VIEWS_WAIT_S):
        raise TimeoutError("the views are behind: look at `sermo projections status`, and try again")
    found: list[people.UserRow] = []
    after: people.UsersAfter | None = None
    while True:
        async with node.pool.connection() as connection:
            rows, after = await people.users(connection, "", after=after, limit=PAGE, deactivated=True)
        found += rows
        if after is None:
            return found
