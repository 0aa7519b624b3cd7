"""An event loop on simulated time: nothing waits, a sleep moves the clock, and one seed decides everything.

Work that production gives to threads (`asyncio.to_thread`, `run_in_executor`) runs here, after a latency that the
world draws; so every schedule is a sequence of steps, the same each time.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable
from concurrent.futures import Executor, Future
from contextvars import ContextVar
from typing import Any, Final

__all__ = ["EPOCH_NS", "PROCESS", "AtOnce", "SimulatedLoop", "StandstillError"]

EPOCH_NS: Final = 1_480_500_000_000_000_000
"""Simulated time begins on 30 November 2016."""

PROCESS: ContextVar[str] = ContextVar("PROCESS", default="")
"""The simulated process that a task or a callback belongs to; tasks inherit it."""


class StandstillError(Exception):
    """Nothing is scheduled and somebody still waits: a deadlock of the world or of production."""


class _Selector(selectors.SelectSelector):
    """Asks no file descriptor; time passes instead."""

    now_s = 0.0

    def select(self, timeout: float | None = None) -> list[Any]:
        if timeout is None:
            raise StandstillError("nothing is scheduled")
        self.now_s += max(timeout, 0.0)
        return []


class SimulatedLoop(asyncio.SelectorEventLoop):
    """`latency` says how long threaded work takes, `survives` whether a dead process's is done all the same."""

    def __init__(self, latency: Callable[[], float], survives: Callable[[], bool]) -> None:
        """A loop at second 0."""
        self._simulated = _Selector()
        super().__init__(self._simulated)
        self._latency = latency
        self._survives = survives
        self._last_lease_ns = 0
        self.processes: dict[str, list[asyncio.Task[Any]]] = {}
        self.set_task_factory(self._task)

    def time(self) -> float:
        """Simulated seconds."""
        return self._simulated.now_s

    def now_ns(self) -> int:
        """The wall clock."""
        return EPOCH_NS + round(self.time() * 1e9)

    def lease_ns(self) -> int:
        """The clock of promises: as any real clock it moves on from one look to the next."""
        self._last_lease_ns = max(self._last_lease_ns + 1, round(self.time() * 1e9))
        return self._last_lease_ns

    def kill(self, process: str) -> None:
        """End every task of a process where it stands; nothing of it runs again but its cancellation."""
        for task in self.processes.pop(process, []):
            task.cancel()

    def end(self) -> None:
        """Cancel whatever still runs, let it end, and close."""
        while tasks := [task for task in asyncio.all_tasks(self) if not task.done()]:
            for task in tasks:
                task.cancel()
            self.run_until_complete(asyncio.wait(tasks))
        self.close()

    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> asyncio.Future[Any]:  # type: ignore[override]
        """The work of a thread, done after a latency; a thread may outlive the task that waited for it."""
        future: asyncio.Future[Any] = self.create_future()

        def work() -> None:
            if future.cancelled() and not self._survives():
                return
            try:
                result = func(*args)
            except Exception as error:  # noqa: BLE001 - a thread gives whatever it raised to whoever waits
                if not future.cancelled():
                    future.set_exception(error)
            else:
                if not future.cancelled():
                    future.set_result(result)

        self.call_later(self._latency(), work)
        return future

    def _task(self, _loop: asyncio.AbstractEventLoop, coroutine: Any, **options: Any) -> asyncio.Task[Any]:
        task: asyncio.Task[Any] = asyncio.Task(coroutine, loop=self, **options)
        self.processes.setdefault(PROCESS.get(), []).append(task)
        return task


class AtOnce(Executor):
    """A pool of reading threads without threads: whose read meets the nemesis first must not depend on chance."""

    def __init__(self, *_: Any, **__: Any) -> None:
        """As many threads as asked for are none."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Do it now, in the order of asking."""
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:  # noqa: BLE001 - as above
            future.set_exception(error)
        return future
