"""What stands between a check and Python code of the user's.

From that code come arrays, `ForwardError` and `RuleError`; whatever else it does to its surroundings is noted, or undone.
"""

from __future__ import annotations

import random
import sys
import threading
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

import numpy as np

from gradcheck_cli.check.findings import Finding
from gradcheck_cli.check.problem import ForwardError, Input, Problem, Pulled, changed, same
from gradcheck_cli.errors import MissingExtraError, RuleError

Array = np.ndarray[Any, Any]
RAISED = (Exception, SystemExit)
"""What counts as an error of the code that raised it. Anything else, such as KeyboardInterrupt, is meant for somebody else."""


@contextmanager
def surroundings_kept() -> Iterator[None]:
    """Afterwards the global random generators, the filters of warnings and NumPy's treatment of errors are as before."""
    numpys, pythons = np.random.get_state(), random.getstate()  # noqa: NPY002 - it is the user's code that draws from it
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            yield
    finally:
        np.random.set_state(numpys)  # noqa: NPY002
        random.setstate(pythons)


class Guard:
    """A context in which `problem` is to be checked. Afterwards the caller's arrays are as they were given."""

    def __init__(self, problem: Problem) -> None:
        self._unguarded = problem
        self._printing: Counter[str] = Counter()
        self.problem = self._guarded(problem)

    def __enter__(self) -> Guard:
        _EAR.open()
        return self

    def __exit__(self, *raised: object) -> None:
        _EAR.close()
        _restore(self._unguarded.inputs)

    def notes(self) -> list[Finding]:
        """What is no fault, but should be known."""
        calls = [f"{count} calls of the {who}" for who, count in self._printing.items() if count > 1]
        if not calls:
            return []
        return [Finding("GC608", f"{' and '.join(calls)} wrote to the standard output or error", self._unguarded.location)]

    def _guarded(self, problem: Problem) -> Problem:
        forward, second, many, trace = problem.forward, problem.second, problem.batched_primal, problem.traced
        return problem._replace(
            primal=lambda *arrays: self._forward(problem.primal, *map(_as_array, arrays)),
            pullback=lambda arrays: self._pullback(problem, arrays),
            forward=forward and (lambda *tensors: self._forward(forward, *tensors)),
            batched_primal=many and (lambda *given: self._forward(many, *given)),
            traced=trace and (lambda moving: self._forward(trace, moving)),
            second=second and (lambda: self._guarded(second())),
        )

    def _forward(self, forward: Callable[..., Any], *given: Any) -> Any:
        try:
            return self._called("forward", forward, *given)
        except MissingExtraError:
            raise
        except RAISED as error:
            raise ForwardError(said(error)) from error

    def _pullback(self, problem: Problem, arrays: Sequence[Array]) -> Pulled:
        try:
            pulled: Pulled = self._called("forward", problem.pullback, arrays)
        except (RuleError, MissingExtraError):
            raise
        except RAISED as error:
            raise RuleError("raised", f"recording the forward raised {said(error)}") from error
        if pulled.many is not None:  # made of ops: no code of the user's runs in it
            return pulled
        return pulled._replace(vjp=lambda cotangents: self._pulled(problem.inputs, pulled, cotangents))

    def _pulled(self, inputs: Sequence[Input], pulled: Pulled, cotangents: Sequence[Array]) -> Sequence[Array | None]:
        _restore(inputs)  # What the forward has done to them is found where the forward is looked at.
        before = [[np.array(a) for a in some] for some in (cotangents, pulled.inputs, pulled.outputs)]
        try:
            found: Sequence[Array | None] = self._called("rule", pulled.vjp, cotangents)
        except (RuleError, MissingExtraError):
            raise
        except RAISED as error:
            raise RuleError("raised", f"the rule raised {said(error)}") from error
        if not all(map(same, before[0], cotangents)):
            raise RuleError("cotangent", "after a call of the rule its cotangent held other values")
        written = [x.name for x, a, b in zip(inputs, before[1], pulled.inputs, strict=True) if not same(a, b) or changed(x)]
        if written:
            _restore(inputs)
            message = f"after a call of the rule the input {written[0]!r} held other values"
            raise RuleError("inputs", message, input_name=written[0])
        if not all(map(same, before[2], pulled.outputs)):
            raise RuleError("inputs", "after a call of the rule the output of the forward held other values")
        return found

    def _called(self, who: str, function: Callable[..., Any], *given: Any) -> Any:
        """What the function returns; it may set how NumPy treats errors, but for itself only."""
        _EAR.heard = False
        try:
            with np.errstate(all="ignore"):
                return function(*given)
        finally:
            self._printing[who] += _EAR.heard


def said(error: BaseException) -> str:
    """An exception in words, even if its own words raise another one."""
    text = ""
    with suppress(Exception):
        text = str(error)
    return f"{type(error).__name__}: {text}"


def _restore(inputs: Sequence[Input]) -> None:
    """Give the caller's arrays their values back."""
    for x in inputs:
        if x.given is not None and changed(x):
            x.given[...] = x.value


def _as_array(a: Any) -> Array:
    """An array, also where indexing has made a number of one without axes."""
    return a if isinstance(a, np.ndarray) else np.asarray(a)


class _Ear(threading.local):
    """Hears what this thread writes to the standard streams, while any thread's check is open.

    The streams stay what they are, and get all that is written: a debugger, or whoever captures them, must not be disturbed.
    """

    heard = False
    _lock = threading.Lock()
    _opened = 0
    _undo = ExitStack()

    def open(self) -> None:
        with _Ear._lock:
            _Ear._opened += 1
            if _Ear._opened == 1:
                for stream in {id(s): s for s in (sys.stdout, sys.stderr)}.values():
                    with suppress(Exception):  # none there, or one of which nothing can be replaced
                        self._listen(stream)

    def close(self) -> None:
        with _Ear._lock:
            _Ear._opened -= 1
            if not _Ear._opened:
                _Ear._undo.close()

    def _listen(self, stream: Any) -> None:
        write = stream.write

        def heard(text: Any, *more: Any) -> Any:
            self.heard = self.heard or bool(text)
            return write(text, *more)

        own = vars(stream).get("write")
        stream.write = heard

        def undo() -> None:
            if vars(stream).get("write") is heard:
                if own is None:
                    del stream.write
                else:
                    stream.write = own

        _Ear._undo.callback(undo)


_EAR = _Ear()
