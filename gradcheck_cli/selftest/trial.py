"""One function's trial: its corrupted rules are judged where its own rule was, and survivors asked how."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, islice, zip_longest
from typing import Any, NamedTuple
from zlib import crc32

import numpy as np

from gradcheck_cli.check.check import check
from gradcheck_cli.check.corruptions import Corruption, corrupted, corruptions_of, gradients_at
from gradcheck_cli.check.problem import Input, Problem
from gradcheck_cli.check.recheck import remembering
from gradcheck_cli.check.result import CheckResult
from gradcheck_cli.errors import Location, RuleError
from gradcheck_cli.selftest.reasons import Equality, why
from gradcheck_cli.selftest.result import Survivor


class Stand:
    """One point at which a function's rules are judged, and what its own rule got there."""

    def __init__(self, problem: Problem, subject: Any = None, redraw: Callable[[int], Sequence[Input]] | None = None) -> None:
        self.problem = remembering(problem)
        self.subject = subject
        """What a mutant needs to know of this point, such as a spec's case."""
        self.redraw = redraw or (lambda number: problem.inputs)
        """The inputs as another seed would draw them."""
        self.result: CheckResult = check(self.problem, explain=False)
        self.gradients = gradients_at(self.problem) if self.result.verdict in ("pass", "inconclusive") else []
        """The right ones, for a dense cotangent."""
        self.corruptions: dict[tuple[int, str], Corruption] = {(i, c.what): c for i, c in corruptions_of(self.problem)}
        """Changes of the computed gradients, by the input's position and what is changed."""


class Mutant(NamedTuple):
    """A corrupted rule."""

    kind: str
    location: Location | None
    before: str
    after: str
    make: Callable[[Problem, Stand], Problem]
    """From a problem about the right rule, at its stand or at another point, to one about this rule."""


class Candidate(NamedTuple):
    """What may become a mutant."""

    kind: str
    build: Callable[[], Mutant | None]
    """The mutant; None where the change gives no valid rule."""


class Tally(NamedTuple):
    """How the mutants fared."""

    tried: Counter[str]
    killed: Counter[str]
    survivors: tuple[Survivor, ...]


def trial(stands: Sequence[Stand], mutants: Iterable[Mutant]) -> Tally:
    """Judge every mutant, at the cheapest point first: the first check that fails kills it."""
    stands = sorted(stands, key=lambda s: sum(x.checked for x in s.result.inputs))
    tally = Tally(Counter(), Counter(), ())
    survivors: list[Survivor] = []
    equality = Equality(stands)
    with np.errstate(all="ignore"):
        for mutant in mutants:
            tally.tried[mutant.kind] += 1
            results = _results(mutant, stands)
            if results is None:
                tally.killed[mutant.kind] += 1
            else:
                reason, note = why(mutant, stands, results, equality)
                survivors.append(Survivor(mutant.kind, mutant.location, mutant.before, mutant.after, reason, note))
    return tally._replace(survivors=tuple(survivors))


def _results(mutant: Mutant, stands: Sequence[Stand]) -> list[CheckResult] | None:
    """The checks of a mutant that none of them finds wrong; None for the others."""
    results = []
    for stand in stands:
        problem = mutant.make(stand.problem, stand)
        result = check(problem, explain=False, first=_changed_inputs(problem, stand))
        if result.verdict in ("fail", "error"):
            return None
        results.append(result)
    return results


def _changed_inputs(problem: Problem, stand: Stand) -> list[int]:
    """The inputs whose gradients are other ones than the right rule's; none where the rule does not run."""
    try:
        gradients = gradients_at(problem)
    except RuleError:
        return []
    pairs = zip(problem.differentiable_inputs(), gradients, stand.gradients, strict=True)
    return [i for i, a, b in pairs if a is None or b is None or not np.array_equal(a, b)]


def changed_gradients(stands: Sequence[Stand]) -> Iterator[Candidate]:
    """The rule's computed gradients, changed; at a point whose shapes do not allow a change the rule stays right."""
    found = {key: (c, stand.problem.inputs[key[0]]) for stand in stands[::-1] for key, c in stand.corruptions.items()}
    for key, (corruption, x) in found.items():

        def make(problem: Problem, stand: Stand, key: tuple[int, str] = key) -> Problem:
            own = stand.corruptions.get(key)
            return problem if own is None else corrupted(problem, key[0], own.change)

        yield ready(Mutant(corruption.kind, x.location, f"gradient of {x.name!r}", corruption.what, make))


def ready(mutant: Mutant) -> Candidate:
    """A mutant as a candidate."""
    return Candidate(mutant.kind, lambda: mutant)


def sampled(candidates: Iterable[Candidate], most: int | None, key: str) -> Iterator[Mutant]:
    """All mutants; or at most so many, of as many kinds as that allows, which ones depending on `key` only."""
    if most is None:
        yield from (m for m in (c.build() for c in candidates) if m is not None)
        return
    by_kind: dict[str, list[Candidate]] = {}
    for candidate in candidates:
        by_kind.setdefault(candidate.kind, []).append(candidate)
    start = crc32(key.encode())
    kinds = [_rotated(members, start) for members in _rotated(list(by_kind.values()), start)]
    turns = chain.from_iterable(zip_longest(*kinds))
    yield from islice((m for m in (c.build() for c in turns if c is not None) if m is not None), most)


def _rotated(values: list[Any], start: int) -> list[Any]:
    k = start % max(1, len(values))
    return values[k:] + values[:k]
