"""A bot that says what it is told: `!echo hello` is answered with `hello`, and whoever greets it gets a wave.

SERMO_URL=http://127.0.0.1:8000 SERMO_USERNAME=echo SERMO_PASSWORD=... python echo_bot.py

It goes on where it was after a restart, and answers no message twice: its place and its unsent answers are in echo_bot.db.
"""

import os

from sermo_client import SqliteCursors, SqliteOutbox
from sermo_client.bot import Bot, Context

STORE = os.environ.get("ECHO_BOT_STORE", "echo_bot.db")

bot = Bot(
    os.environ.get("SERMO_URL", "http://127.0.0.1:8000"),
    username=os.environ.get("SERMO_USERNAME", "echo"),
    password=os.environ.get("SERMO_PASSWORD", ""),
    cursors=SqliteCursors(STORE),
    outbox=SqliteOutbox(STORE),
)


@bot.command("echo")
async def echo(context: Context) -> None:
    """Say the same."""
    await context.reply(context.text or "Echo what?")


@bot.on_message(r"(?i)\b(hello|hi) echo\b")
async def wave(context: Context) -> None:
    """Wave."""
    await context.react("👋")


if __name__ == "__main__":
    bot.run()
