"""The self-test of the engine: every op of the table with its own rule corrupted."""

from __future__ import annotations

import warnings
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from gradcheck_cli.check.corruptions import Change, corruptions, dense_cotangents
from gradcheck_cli.check.engine_problem import tensor_problem
from gradcheck_cli.check.problem import Input, Problem, Pulled
from gradcheck_cli.engine.domains import example
from gradcheck_cli.engine.op import Op
from gradcheck_cli.engine.operators import TABLE
from gradcheck_cli.errors import MissingExtraError
from gradcheck_cli.selftest.result import HIDDEN, FunctionResult, SelftestReport, Watch
from gradcheck_cli.selftest.trial import Candidate, Mutant, Stand, changed_gradients, ready, sampled, trial

Array = np.ndarray[Any, Any]
DRAWS = 4
"""How often the inputs of an op's example calls are drawn, at most."""
OF_THE_COTANGENT: dict[str, Callable[[Array], Array]] = {"g**2": np.square, "abs(g)": np.abs}
"""What a rule may do to its cotangent: kind `nonlinear`."""


def selftest_ops(
    wants: Callable[[str], bool] | None = None,
    seed: int = 0,
    *,
    most: int | None = None,
    watch: Watch | None = None,
) -> SelftestReport:
    """Corrupt the rules of the table's ops (or of those wanted, by name) at their example calls; with `most` so often each."""
    ops = [op for name, op in sorted(TABLE.items()) if isinstance(op, Op) and (wants is None or wants(name))]
    found = (_op(op, DRAWS * seed, most) for op in ops)
    with np.errstate(all="ignore"), warnings.catch_warnings(action="ignore"):
        return SelftestReport(tuple(found if watch is None else watch(found, len(ops))))


def _op(op: Op, first: int, most: int | None) -> FunctionResult:
    """One op; where the drawn inputs hide something, others are drawn."""
    if not op.differentiable:
        return FunctionResult("", None, op.name, Counter(), Counter(), skipped="no derivative")
    for draw in range(first, first + DRAWS):
        result = _at_draw(op, draw, most)
        if all(s.reason != HIDDEN for s in result.survivors):
            break
    return result


def _at_draw(op: Op, draw: int, most: int | None) -> FunctionResult:
    result = FunctionResult("", None, op.name, Counter(), Counter())
    try:
        stands = [stand for number, text in enumerate(op.calls) for stand in _stands(op, text, number, draw)]
    except MissingExtraError as error:
        return result._replace(skipped=str(error))
    if not stands:
        return result._replace(skipped="no example call has a floating-point input")
    verdict = min((s.result.verdict for s in stands), key=("error", "fail", "inconclusive", "pass").index)
    if verdict in ("fail", "error"):
        return result._replace(skipped="the rule does not pass as it is", verdict=verdict)
    outside = op.family.name == "composite" or bool(op.variadic)
    mutants = [*(changed_gradients(stands) if outside else _changed_rules(op, stands)), *_changed_cotangents()]
    tally = trial(stands, sampled(mutants, most, op.name))
    return result._replace(tried=tally.tried, killed=tally.killed, survivors=tally.survivors, verdict=verdict)


def _stands(op: Op, text: str, number: int, first: int) -> Iterator[Stand]:
    """The op at an example call; nothing where no input is a floating-point array."""

    def inputs(draw: int) -> tuple[tuple[Any, ...], dict[str, Any], list[Array]]:
        rng = np.random.default_rng([zlib.crc32(op.name.encode()), number, draw])
        args, keywords = example(op, text, rng)
        return args, keywords, [x for _, x in _arrays(op, args)]

    def named(draw: int) -> list[Input]:
        return [Input(f"x{k}", x, x.dtype.kind in "fc") for k, x in enumerate(inputs(draw)[2])]

    args, keywords, _ = inputs(first)
    places = [place for place, _ in _arrays(op, args)]

    def call(*tensors: Any) -> Any:
        given: list[Any] = [list(a) if isinstance(a, list) else a for a in args]
        for (k, j), x in zip(places, tensors, strict=True):
            if j is None:
                given[k] = x
            else:
                given[k][j] = x
        return op(*given, **keywords)

    if any(x.requires_grad for x in named(first)):
        yield Stand(tensor_problem(f"{op.name}({text})", named(first), call), _Watched(op), named)


def _arrays(op: Op, args: tuple[Any, ...]) -> Iterator[tuple[tuple[int, int | None], Array]]:
    """The arrays among a call's arguments: which argument, and which of a list."""
    kinds = [p.kind for p in op.signature]
    for k, value in enumerate(args):
        if kinds[min(k, len(kinds) - 1)] != "static":
            for j, x in enumerate(value) if isinstance(value, list) else [(None, value)]:
                if isinstance(x, np.ndarray):
                    yield (k, j), x


class _Watched:
    """The changes that fit what an op's rules return, as seen at one call."""

    def __init__(self, op: Op) -> None:
        self.op = op
        self.changes: dict[tuple[str, str], Change] = {}

    def look(self, problem: Problem) -> Iterator[tuple[str, str, str]]:
        """For each rule that runs, and each change of what it returns: the rule's input, kind, and what is changed."""
        for name, rule in self.op.rules.items():
            returned: list[Array] = []
            if rule is None:
                continue

            def keep(g: Array, returned: list[Array] = returned) -> Array:
                returned.append(g)
                return g

            pulled = problem.pullback([x.value for x in problem.inputs])
            with _rule(self.op, name, keep):
                pulled.vjp(dense_cotangents(pulled))
            for c in corruptions(returned[0]) if returned and np.any(returned[0]) else ():
                self.changes[name, c.what] = c.change
                yield name, c.kind, c.what


@contextmanager
def _rule(op: Op, name: str, change: Change) -> Iterator[None]:
    """The op with the result of one of its rules changed."""
    own, _ = op.rules[name], op.rule_names
    assert own is not None

    def changed(*args: Any) -> Any:
        return change(np.asarray(own(*args)))

    op.rules[name] = changed
    try:
        yield
    finally:
        op.rules[name] = own


def _changed_rules(op: Op, stands: Sequence[Stand]) -> Iterator[Candidate]:
    """The op's own rules with their results changed, before the family fits them to the inputs."""
    found = {key: None for stand in stands for key in stand.subject.look(stand.problem)}
    for name, kind, what in found:

        def make(problem: Problem, stand: Stand, key: tuple[str, str] = (name, what)) -> Problem:
            change = stand.subject.changes.get(key)
            return problem if change is None else _with_rule(problem, op, key[0], change)

        yield ready(Mutant(kind, None, f"rule of {name!r}", what, make))


def _with_rule(problem: Problem, op: Op, name: str, change: Change) -> Problem:
    def pullback(arrays: Sequence[Array]) -> Pulled:
        pulled = problem.pullback(arrays)

        def vjp(cotangents: Sequence[Array]) -> Sequence[Array | None]:
            with _rule(op, name, change):
                return pulled.vjp(cotangents)

        return pulled._replace(vjp=vjp)

    return problem._replace(pullback=pullback)


def _changed_cotangents() -> Iterator[Candidate]:
    for what, change in OF_THE_COTANGENT.items():

        def make(problem: Problem, stand: Stand, change: Callable[[Array], Array] = change) -> Problem:
            def pullback(arrays: Sequence[Array]) -> Pulled:
                pulled = problem.pullback(arrays)
                return pulled._replace(vjp=lambda cotangents: pulled.vjp([change(g) for g in cotangents]))

            return problem._replace(pullback=pullback)

        yield ready(Mutant("nonlinear", None, "g", what, make))
