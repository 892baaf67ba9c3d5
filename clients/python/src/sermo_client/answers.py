"""Which frames of ours wait for an answer. A refusal is raised, and so is the end of the connection."""

import asyncio

from sermo_client import control
from sermo_client.control import Control
from sermo_client.errors import ServerRefusal, Unreachable


class Answers:
    """Of one client. What has no answer in time counts as lost."""

    def __init__(self, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._waiting: dict[str, asyncio.Future[Control]] = {}
        self._refs = 0

    def __bool__(self) -> bool:
        """Whether anything waits."""
        return bool(self._waiting)

    def expect(self) -> str:
        """The `ref` of the next frame; `wait` for it in any case."""
        self._refs += 1
        ref = f"r{self._refs}"
        self._waiting[ref] = asyncio.get_running_loop().create_future()
        return ref

    async def wait(self, ref: str) -> Control:
        """The answer. Raises `ServerRefusal`, and `Unreachable` where there is none."""
        try:
            async with asyncio.timeout(self._timeout_s):
                answer = await self._waiting[ref]
        except TimeoutError:
            raise Unreachable("there was no answer") from None
        finally:
            self.forget(ref)
        match answer:
            case control.Error(data=said):
                raise ServerRefusal.of(said.code, said.message, field=said.field, retry_after_ms=said.retry_after_ms)
            case control.ChannelJoinError(data=failed):
                raise ServerRefusal.of(failed.code, failed.message)
        return answer

    def forget(self, ref: str) -> None:
        """Wait no more."""
        self._waiting.pop(ref, None)

    def settle(self, ref: str, answer: Control) -> None:
        """An answer has come; one that nobody waits for any more is passed over."""
        future = self._waiting.get(ref)
        if future is not None and not future.done():
            future.set_result(answer)

    def lose(self) -> None:
        """The connection has ended: no answer comes any more."""
        for future in self._waiting.values():
            if not future.done():
                future.set_exception(Unreachable("the connection has ended"))
                future.exception()  # whoever waits sees it; if nobody does, that is no fault
