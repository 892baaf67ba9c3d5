"""docs/cli.md is what the commands print with --help. `python -m tests.docs.test_cli_help` writes it anew."""

from pathlib import Path

import click
from click.testing import CliRunner

from sermo.cli import main

PAGE = Path(__file__).parents[2] / "docs" / "cli.md"

INTRODUCTION = """# Commands

What `.venv/bin/sermo COMMAND --help` prints. `python -m tests.docs.test_cli_help` writes this page, and
`tests/docs/test_cli_help.py` compares it.

A command works on the database that `--database-url` or `DATABASE_URL` names; else on that of the server that runs with the
same data dir; else it starts the embedded PostgreSQL of the data dir for its time. Standard output is for results, standard
error for logs and progress. Exit codes: 0 well, 1 a failure, told in a sentence (or a finding of `doctor`), 2 wrong arguments.
"""


def _help_texts(command: click.Command, words: tuple[str, ...]) -> str:
    done = CliRunner().invoke(main, [*words, "--help"], prog_name="sermo", terminal_width=100)
    assert done.exit_code == 0, done.output
    lines = "\n".join(line.rstrip() for line in done.output.strip().splitlines())
    text = f"\n## sermo{''.join(f' {word}' for word in words)}\n\n```text\n{lines}\n```\n"
    if isinstance(command, click.Group):
        shown = [(name, child) for name, child in sorted(command.commands.items()) if not child.hidden]
        text += "".join(_help_texts(child, (*words, name)) for name, child in shown)
    return text


def _page() -> str:
    return INTRODUCTION + _help_texts(main, ())


def test_the_page_is_what_the_commands_print() -> None:
    """Somebody changed a help text and not the page, or the other way round."""
    assert _page() == PAGE.read_text(encoding="utf-8")


if __name__ == "__main__":
    PAGE.write_text(_page(), encoding="utf-8")
