"""Work that is done elsewhere: by processes of this machine, by a Dask cluster, or by any other executor.

`in_order` takes any `concurrent.futures.Executor`. What it sends are bytes, which the worker unpickles itself: executors look
into what they are given, and some hold a lock while it is unpickled. The work is a function of a module.
"""

from __future__ import annotations

import pickle
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager
from threading import local
from typing import Any, NamedTuple, TypeVar

from gradcheck_cli.errors import UsageError

Item = TypeVar("Item")
Result = TypeVar("Result")

BATCHES = 64
"""Items are sent in about so many batches: what the items of one have in common is sent once."""
LARGEST = 16
"""Items in a batch, at most."""
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


class WorkerDiedError(RuntimeError):
    """A worker process ended before it had an answer."""


class _Worker:
    """A process, and the pipe to it that nobody else has: what kills one leaves no lock behind that another waits for."""

    def __init__(self, context: Any) -> None:
        self.pipe, end = context.Pipe()
        self.process = context.Process(target=_serve, args=(end,), daemon=True)
        self.process.start()
        end.close()

    def answer(self, task: Any, seconds: float | None) -> Any:
        """What the process makes of a task. Raises TimeoutError and WorkerDiedError."""
        try:
            self.pipe.send(task)
            if not self.pipe.poll(seconds):
                raise TimeoutError
            error, value = self.pipe.recv()
        except (EOFError, ConnectionError):
            self.process.join()
            raise WorkerDiedError(f"its process ended with exit code {self.process.exitcode}") from None
        if error is not None:
            raise error
        return value

    def end(self) -> None:
        """Whatever it is doing."""
        self.process.kill()
        self.process.join()
        self.pipe.close()


class Processes(Executor):
    """Worker processes, `count` at most. One that dies takes only its own work with it, and is replaced.

    So is one that works longer than `seconds` at what it was sent: its future raises TimeoutError.
    """

    def __init__(self, count: int, seconds: float | None = None) -> None:
        self.count = count
        self.seconds = seconds
        self._threads: ThreadPoolExecutor | None = None
        self._own = local()
        self._workers: set[_Worker] = set()
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
        return self._threads.submit(self._let_work, (fn, args, kwargs))

    def _let_work(self, task: Any) -> Any:
        """What each thread does: it waits for a process of its own."""
        worker = getattr(self._own, "worker", None) or self._started()
        try:
            return worker.answer(task, self.seconds)
        except (TimeoutError, WorkerDiedError):
            self._own.worker = None
            self._workers.discard(worker)
            worker.end()
            raise

    def _started(self) -> _Worker:
        worker = self._own.worker = _Worker(self._context)
        self._workers.add(worker)
        if self._ended:
            worker.process.kill()
        return worker

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """End the workers, whatever they are doing: all that was wanted has been given."""
        self._ended = True
        if self._threads is not None:
            self._threads.shutdown(wait=False, cancel_futures=True)
            for worker in tuple(self._workers):
                worker.process.kill()
            self._threads.shutdown()
            for worker in tuple(self._workers):
                worker.end()


def _serve(pipe: Any) -> None:
    """What a worker does, until nobody asks any more."""
    import signal

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group: who asks decides
    if hasattr(signal, "SIGPIPE"):
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    while True:
        try:
            fn, args, kwargs = pipe.recv()
        except EOFError:
            return
        answer: tuple[Exception | None, Any]
        try:
            answer = None, fn(*args, **kwargs)
        except Exception as error:
            answer = error, None
        pipe.send(answer)


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
