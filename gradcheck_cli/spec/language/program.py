"""A translated text: what it reads, assigns and returns, and how it runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from math import inf
from typing import TYPE_CHECKING, Any

from gradcheck_cli.spec import limits

if TYPE_CHECKING:
    from gradcheck_cli.errors import SpecError
    from gradcheck_cli.spec.document import Text
    from gradcheck_cli.spec.language.pieces import Place


class Budget:
    """What one run may use, together with the runs of the functions that it calls."""

    __slots__ = ("depth", "statements", "work")

    def __init__(self) -> None:
        self.statements = 0
        self.work = 0
        self.depth = 0

    def spend_statements(self, count: int, place: Place) -> None:
        """Count statements before they run. Raises SpecError."""
        self.statements += count
        if self.statements > limits.STATEMENTS:
            message = f"this runs more than {limits.STATEMENTS:,} statements: {self.statements:,} by now"
            raise place.error(message, limits.hint("STATEMENTS", 2 * self.statements, "make the loops shorter"))

    def spend_work(self, work: int, place: Place) -> None:
        """Count entries made. Raises SpecError."""
        self.work += work
        if self.work > limits.RUN_ELEMENTS:
            message = f"all values computed here have more than {limits.RUN_ELEMENTS:,} entries together: {self.work:,} by now"
            raise place.error(message, limits.hint("RUN_ELEMENTS", 2 * self.work, "make the inputs smaller"))


class _ExhaustedError(BaseException):
    """No Exception: what runs a forward where it may not be defined must not take this for something that it raised."""

    def __init__(self, error: SpecError) -> None:
        self.error = error


class Meter:
    """What all runs of one check have used."""

    __slots__ = ("most", "most_statements", "statements", "work")

    def __init__(self, most: int, most_statements: float) -> None:
        self.work, self.most = 0, most
        self.statements, self.most_statements = 0, most_statements

    def spend(self, statements: int, work: int, place: Place) -> None:
        """Count a run that is over; the block of `metered` ends where it was one too many."""
        self.statements += statements
        self.work += work + limits.STATEMENT_ELEMENTS * statements
        if self.statements > self.most_statements:
            message = f"this runs more than {self.most_statements:,} statements: {self.statements:,} by now"
            raise _ExhaustedError(place.error(message))
        if self.work > self.most:
            message = f"the runs of this check compute more than {self.most:,} entries: {self.work:,} by now"
            hint = limits.hint("CHECK_ELEMENTS", 10 * self.work, "make the inputs smaller")
            raise _ExhaustedError(place.error(message, hint))


_METER: ContextVar[Meter | None] = ContextVar("meter", default=None)


@contextmanager
def metered(share: float = 1.0, statements: float = inf) -> Iterator[Meter]:
    """All runs within the block are those of one check, or of something that may use a share of what a check may.

    Raises SpecError where they take more, or execute more statements.
    """
    meter = Meter(int(limits.CHECK_ELEMENTS * share), statements)
    token = _METER.set(meter)
    try:
        yield meter
    except _ExhaustedError as exhausted:
        raise exhausted.error from None
    finally:
        _METER.reset(token)


_BUDGET: ContextVar[Budget | None] = ContextVar("budget", default=None)


class Frame(dict[str, Any]):
    """The names of a run, and what it can call."""

    __slots__ = ("budget", "functions")

    def __init__(self, names: Mapping[str, Any], functions: Mapping[str, Callable[..., Any]], budget: Budget) -> None:
        super().__init__(names)
        self.functions, self.budget = functions, budget


class Run:
    """What a run gave: the returned `values` in their order, and the assigned `names` with their last values."""

    __slots__ = ("names", "values")

    def __init__(self, values: tuple[Any, ...], names: dict[str, Any]) -> None:
        self.values, self.names = values, names


NO_NAMES = frozenset[str]()
"""One for all programs: an empty set takes as much room as a small one."""


class Program:
    """An expression or a block, translated. Programs hold no state: running one twice gives the same twice."""

    __slots__ = ("_cost", "_place", "_run", "assigned", "calls", "keys", "nones", "reads", "returned", "statics", "text")

    def __init__(
        self,
        text: Text,
        run: Callable[[Frame], tuple[Any, ...]],
        place: Place,
        cost: int,
        *,
        returned: tuple[str | None, ...] = (None,),
        keys: tuple[str, ...] = (),
        nones: frozenset[int] = frozenset(),
        assigned: tuple[str, ...] = (),
        statics: frozenset[str] = NO_NAMES,
        reads: frozenset[str] = NO_NAMES,
        calls: frozenset[str] = NO_NAMES,
    ) -> None:
        self.text = text
        self._run, self._place, self._cost = run, place, cost
        self.returned = returned
        """The plain name returned at each place, None for any other expression; () where values are returned by name."""
        self.keys = keys
        """The names of `return {x: ...}`, else ()."""
        self.nones = nones
        """The places at which some `return` gives `none` instead of a value."""
        self.assigned = assigned
        """The names that the block assigns, loop variables too, in the order of their first assignment."""
        self.statics = statics
        """Those of `assigned` that only ever hold static values."""
        self.reads = reads or NO_NAMES
        """The names of the scope that the text reads."""
        self.calls = calls or NO_NAMES
        """The file's functions that the text calls."""

    def run(self, names: Mapping[str, Any], functions: Mapping[str, Callable[..., Any]]) -> Run:
        """Run on `names`: arrays, tensors, numbers; `functions` are the file's own. Raises SpecError."""
        outer = _BUDGET.get()
        if outer is not None:
            return self._run_within(outer, names, functions)
        budget = Budget()
        token = _BUDGET.set(budget)
        try:
            return self._run_within(budget, names, functions)
        finally:
            _BUDGET.reset(token)
            self._meter(budget.statements, budget.work)

    def charge(self, runs: int) -> None:
        """Count something that takes as long as so many runs, as one of a check's."""
        self._meter(runs * self._cost, 0)

    def _meter(self, statements: int, work: int) -> None:
        meter = _METER.get()
        if meter is not None:
            meter.spend(statements, work, self._place)

    def _run_within(self, budget: Budget, names: Mapping[str, Any], functions: Mapping[str, Callable[..., Any]]) -> Run:
        if budget.depth >= limits.CALL_DEPTH:
            raise self._place.error(f"functions call each other more than {limits.CALL_DEPTH} deep")
        budget.spend_statements(self._cost, self._place)
        frame = Frame(names, functions, budget)
        budget.depth += 1
        try:
            values = self._run(frame)
        finally:
            budget.depth -= 1
        return Run(values, {name: frame[name] for name in self.assigned if name in frame})
