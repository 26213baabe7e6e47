"""An asyncio loop in a thread of its own, for engines whose clients are asynchronous."""

import asyncio
import threading
from collections.abc import Coroutine
from concurrent.futures import Future
from typing import Any, TypeVar

T = TypeVar("T")

_START_S = 30.0
_CLOSE_S = 30.0


class EngineLoop:
    """Runs coroutines for callers in other threads, until it is closed."""

    def __init__(self, name: str) -> None:
        self._lock = threading.Lock()
        self._closed = False
        self._ready: Future[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = Future()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()
        self._loop, self._stop = self._ready.result(_START_S)

    def call(self, coroutine: Coroutine[Any, Any, T], timeout: float | None = None) -> T:
        """Run it to its end and return its result; cancelled after ``timeout`` seconds.

        Raises what it raises, TimeoutError, or CancelledError where the loop is closed meanwhile.
        """
        future = self.submit(coroutine)
        try:
            return future.result(timeout)
        finally:
            future.cancel()  # does nothing to one that is done

    def submit(self, coroutine: Coroutine[Any, Any, T]) -> "Future[T]":
        """Start it and return a future of its result; cancelling the future cancels the task.

        Raises RuntimeError where the loop is closed.
        """
        with self._lock:
            if not self._closed:
                return asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        coroutine.close()
        raise RuntimeError(f"{self._thread.name} is closed")

    def close(self, timeout: float = _CLOSE_S) -> None:
        """Cancel what runs, let it clean up, and end the thread.

        Returns after ``timeout`` seconds even where a task does not let itself be cancelled: the
        thread is a daemon, and does not keep the process alive.
        """
        with self._lock:  # whatever was submitted stands in the loop's queue before the stop
            if not self._closed:
                self._closed = True
                self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(timeout)

    def _run(self) -> None:
        with asyncio.Runner() as runner:  # cancels what is left when it ends
            runner.run(self._until_stopped())

    async def _until_stopped(self) -> None:
        stop = asyncio.Event()
        self._ready.set_result((asyncio.get_running_loop(), stop))
        await stop.wait()
