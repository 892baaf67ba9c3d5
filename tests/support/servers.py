"""Real server processes for tests: started with the command, awaited by their `ready` line, killed for real."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

READY_DEADLINE_S = 60.0


SERVE = ("sermo", "serve", "--port", "0")


class ServerProcess:
    """One `sermo serve`, or another module that says `ready` in the same way."""

    def __init__(
        self,
        *options: str,
        environment: dict[str, str] | None = None,
        log: Path | None = None,
        module: tuple[str, ...] = SERVE,
    ) -> None:
        self._command = (*module, *options)
        self._environment = environment or {}
        self._log = log
        self._process: asyncio.subprocess.Process | None = None
        self.url = ""

    @property
    def pid(self) -> int:
        """The server's process id."""
        assert self._process is not None
        return self._process.pid

    async def start(self) -> str:
        """Start and wait until it takes requests; its URL."""
        stderr = self._log.open("ab") if self._log is not None else asyncio.subprocess.DEVNULL
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            *self._command,
            stdout=asyncio.subprocess.PIPE,
            stderr=stderr,
            env={**os.environ, "SERMO_ALLOW_UNSAFE_POSTGRES": "1", **self._environment},
        )
        if self._log is not None:
            stderr.close()
        assert self._process.stdout is not None
        async with asyncio.timeout(READY_DEADLINE_S):
            line = (await self._process.stdout.readline()).decode()
        assert line.startswith("ready http://"), f"instead of ready: {line!r}; log: {self._log}"
        self.url = line.removeprefix("ready ").strip()
        return self.url

    async def kill(self) -> None:
        """`kill -9`."""
        assert self._process is not None
        self._process.kill()
        await self._process.wait()

    async def stop(self, number: int = signal.SIGTERM) -> int:
        """Stop cleanly; the exit code."""
        assert self._process is not None
        if self._process.returncode is None:
            self._process.send_signal(number)
        async with asyncio.timeout(30):
            return await self._process.wait()


@asynccontextmanager
async def server(*options: str, **kwargs: object) -> AsyncIterator[ServerProcess]:
    """A running server for the time of the block."""
    process = ServerProcess(*options, **kwargs)  # type: ignore[arg-type]
    await process.start()
    try:
        yield process
    finally:
        if process._process is not None and process._process.returncode is None:
            await process.stop()
