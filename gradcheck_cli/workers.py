"""Work that is done elsewhere: by processes of this machine, by a Dask cluster, or by any other executor.

`in_order` takes any `concurrent.futures.Executor`. What it sends are bytes, which the worker unpickles itself: executors look
into what they are given, and some hold a lock while it is unpickled. The work is a function of a module.
"""

from __future__ import annotations

import pickle
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError, Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, NamedTuple, TypeVar

from gradcheck_cli.errors import UsageError

Item = TypeVar("Item")
Result = TypeVar("Result")

BATCHES = 64
"""Items are sent in about so many batches: what the items of one have in common is sent once."""
LARGEST = 16
"""Items in a batch, at most."""
WORKER = "gradcheck worker"
"""The name of the processes."""
DASK_SECONDS = 10
"""How long a Dask scheduler may take to answer."""


class Raised(NamedTuple):
    """What the work itself raised."""

    error: Exception


class Lost(NamedTuple):
    """Why there is no result: the executor's fault, or it cannot be sent."""

    error: BaseException


def in_order(
    executor: Executor, work: Callable[[Item], Result], items: Sequence[Item], lost: Callable[[Item, BaseException], Result]
) -> Iterator[Result]:
    """`work` of each item, in the items' order; what the work raises is raised.

    Where the executor loses a batch, because a worker died, say, its items are tried once more, one by one: `lost` gives
    the result of an item that is lost again, or that took too long. What is not wanted any more when the iterator is closed
    is cancelled.
    """
    one_by_one = isinstance(executor, Processes) and executor.seconds is not None
    size = 1 if one_by_one else max(1, min(LARGEST, len(items) // BATCHES))
    batches = [items[k : k + size] for k in range(0, len(items), size)]
    if isinstance(executor, Processes):
        executor.start(len(batches))
    futures = deque(_submitted(executor, work, batch) for batch in batches)
    try:
        for batch in batches:
            found = _received(futures.popleft())
            if isinstance(found, Lost):
                late = isinstance(found.error, TimeoutError)
                found = [found] if late else [_alone(executor, work, item) for item in batch]
            for item, result in zip(batch, found, strict=True):
                if isinstance(result, Raised):
                    raise result.error
                yield lost(item, result.error) if isinstance(result, Lost) else result
    finally:
        for future in futures:
            future.cancel()


def _submitted(executor: Executor, work: Callable[[Item], Result], batch: Sequence[Item]) -> Future[bytes]:
    """The future of a batch; one that has failed where the executor takes no more work."""
    data = pickle.dumps(list(batch))
    try:
        return executor.submit(_all, work, data)
    except Exception as error:
        failed: Future[bytes] = Future()
        failed.set_exception(error)
        return failed


def _all(work: Callable[[Item], Result], batch: bytes) -> bytes:
    """What a worker does. It pickles by itself: not every executor survives a result that it cannot read."""
    found: list[Any] = []
    for item in pickle.loads(batch):
        try:
            found.append(work(item))
        except Exception as error:
            found.append(Raised(error))
    return pickle.dumps(found)


def _received(future: Future[bytes]) -> Any:
    """What a worker did."""
    try:
        return pickle.loads(future.result())
    except (Exception, SystemExit) as error:
        return Lost(error)


def _alone(executor: Executor, work: Callable[[Item], Result], item: Item) -> Any:
    """What a worker did, asked for one item only."""
    found = _received(_submitted(executor, work, [item]))
    return found if isinstance(found, Lost) else found[0]


class Processes(Executor):
    """Worker processes, `count` at a time, each for one piece of work: one that dies takes nothing else with it.

    They share no lock, which one that is killed could hold for ever. One that works longer than `seconds` is stopped: its
    future raises TimeoutError.
    """

    def __init__(self, count: int, seconds: float | None = None) -> None:
        self.count = count
        self.seconds = seconds
        self._threads: ThreadPoolExecutor | None = None
        self._ended = False

    def start(self, most: int) -> None:
        """Make ready for so many pieces of work; once."""
        if self._threads is not None:
            return
        import multiprocessing
        import os

        # The server that makes the workers is started with -c, which would look for modules in the current directory first.
        os.environ.setdefault("PYTHONSAFEPATH", "1")
        # Not fork: this process has threads by now, whose locks a child would inherit as they are.
        method = "forkserver" if "forkserver" in multiprocessing.get_all_start_methods() else "spawn"
        self._context = multiprocessing.get_context(method)
        self._context.set_forkserver_preload(["gradcheck_cli.worker"])
        self._threads = ThreadPoolExecutor(max(1, min(self.count, most)))

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """As `concurrent.futures` has it."""
        self.start(self.count)
        assert self._threads is not None
        return self._threads.submit(self._elsewhere, fn, args, kwargs)

    def _elsewhere(self, fn: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Wait for a process of its own."""
        from pebble import concurrent

        if self._ended:
            raise CancelledError
        process: Any = concurrent.process  # its annotations call the context otherwise
        alone = process(name=WORKER, context=self._context, timeout=self.seconds)(_in_own_process)
        future: Future[Any] = alone(fn, args, kwargs)
        if self._ended:
            _kill_workers()
        return future.result()

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """End the workers, whatever they are doing: all that was wanted has been given."""
        self._ended = True
        if self._threads is not None:
            self._threads.shutdown(wait=False, cancel_futures=True)
            _kill_workers()
            self._threads.shutdown()


def _kill_workers() -> None:
    """Whose futures then raise: to cancel them would leave it to chance whether a result comes between."""
    import multiprocessing

    for process in multiprocessing.active_children():
        if process.name == WORKER:
            process.kill()


def _in_own_process(fn: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """What a worker does. Where nobody reads the answer any more it ends without a word."""
    import signal

    if hasattr(signal, "SIGPIPE"):
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    return fn(*args, **kwargs)


@contextmanager
def dask_executor(address: str) -> Iterator[Executor]:
    """The workers of the Dask cluster whose scheduler answers at `address`. Raises UsageError."""
    from importlib import import_module

    try:
        distributed = import_module("distributed")
    except ImportError:
        raise UsageError("a Dask cluster needs the dask extra: pip install 'gradcheck-cli[dask]'") from None
    try:
        client = distributed.Client(address, timeout=DASK_SECONDS, set_as_default=False)
    except Exception as error:  # whatever its many transports raise
        raise UsageError(f"no Dask scheduler answers at {address}: {error}") from None
    with client:
        try:
            client.wait_for_workers(1, timeout=DASK_SECONDS)
        except TimeoutError:
            raise UsageError(f"the Dask cluster at {address} has no workers") from None
        yield client.get_executor(pure=False)


def processors() -> int:
    """How many processors this process may use."""
    import os

    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
