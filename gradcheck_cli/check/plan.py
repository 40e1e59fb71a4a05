"""How each input's Jacobian is looked at: entry by entry, in blocks at once, or along random directions."""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import numpy as np

from gradcheck_cli.check import directions
from gradcheck_cli.check.blocks import FULL_ENTRIES, Blocks, Claim, Grouped, culprit, place_shape, strays
from gradcheck_cli.check.claimed import Outputs
from gradcheck_cli.check.coordinates import Coordinates, scale_of, wide
from gradcheck_cli.check.dense import dense_cotangent
from gradcheck_cli.check.differences import Differences, Evaluator, copies_at_once
from gradcheck_cli.check.problem import Problem, Pulled
from gradcheck_cli.check.structure import Structure
from gradcheck_cli.errors import GradcheckError

Array = np.ndarray[Any, Any]
DENSE_ENTRIES = 2**18
"""Up to so many Jacobian entries nothing is asked about blocks: they cost less than the questions."""
FULL_WORK = 10**9
"""Up to so many numbers are handled by the pullbacks that it takes, a gradient and a cotangent for each."""


PROBES, CONTRACT, KNOWN = 20, 13, 2
"""Forwards that every input takes besides; pullbacks that every rule takes, and those of one that is known to be linear."""


class TooLargeError(GradcheckError):
    """`mode: full` asks for more entries than it may."""

    def __init__(self, entries: int) -> None:
        self.entries = entries
        super().__init__(f"mode: full asks for {entries:,} Jacobian entries")


class Plan(NamedTuple):
    """The coordinates of every input that requires grad, by position, and what it cost to find them."""

    coordinates: dict[int, Coordinates]
    pullbacks: int
    forwards: int


class Foreseen(NamedTuple):
    """What the check of one input will be, about."""

    name: str
    what: str
    """As `Coordinates.described`."""
    forwards: int
    backwards: int
    bytes: int
    """Of copies of the input, or of the outputs, at a time."""


def foresee(problem: Problem) -> list[Foreseen]:
    """What a check of the problem will be, without doing it. Raises GradcheckError, and what the forward raises."""
    arrays = [x.value for x in problem.inputs]
    pulled = problem.pullback(arrays)
    outputs = Outputs(problem.outputs, [np.asarray(y) for y in problem.primal(*map(np.array, arrays))], pulled.differentiable)
    found = []
    planner = Planner(problem, pulled, outputs)
    contract = KNOWN if planner.structure.linear else CONTRACT
    for i, c in planner.plan().coordinates.items():
        at_once = min(2 * c.size + 1, copies_at_once(c.flat.size, outputs.size))
        backwards = sum(map(len, c.questions(outputs.size, 1))) + contract
        size = 8 * at_once * max(c.flat.size, outputs.size)
        found.append(Foreseen(problem.inputs[i].name, c.described(outputs.size), 2 * c.size + PROBES, backwards, size))
    return found


class Planner:
    """Makes plans for one problem. Its methods may raise RuleError."""

    def __init__(self, problem: Problem, pulled: Pulled, outputs: Outputs) -> None:
        self.problem, self.pulled, self.outputs = problem, pulled, outputs
        self.structure = Structure(problem, pulled, outputs)
        self.mode = problem.settings.mode
        self.pullbacks = self.forwards = 0
        self.entries = {
            i: Coordinates(problem.inputs[i].value, problem.inputs[i].structure, problem.inputs[i].bounds)
            for i in problem.differentiable_inputs()
        }
        self._drawn: tuple[directions.Combinations, Any] | None = None

    def plan(self) -> Plan:
        """Blocks where there are any, of what is large; then every entry, or random directions if that is too much."""
        found: dict[int, Coordinates] = {}
        if self.mode != "projected":
            for i, c in self.entries.items():
                grouped = self._grouped(i) if self._may_fall_apart(c) else None
                if grouped is not None:
                    found[i] = grouped
        rest = [i for i in self.entries if i not in found]
        project = self._too_much(rest)
        found |= {i: self._directions(i) if project else self.entries[i] for i in rest}
        return Plan({i: found[i] for i in self.entries}, self.pullbacks, self.forwards)

    def without_blocks(self, i: int) -> Coordinates:
        """How input `i` is looked at if its blocks turn out not to be any."""
        return self._directions(i) if self._too_much([i]) else self.entries[i]

    def _too_much(self, inputs: list[int]) -> bool:
        numbers = sum(self.entries[i].size for i in inputs)
        m, largest = self.outputs.size, self.problem.settings.largest
        if self.mode == "full" and 0 < largest < m * numbers:
            raise TooLargeError(m * numbers)
        if self.mode:
            return self.mode == "projected" and m > 0
        return m * numbers > FULL_ENTRIES or (numbers > 0 and m * (m + numbers) > FULL_WORK)

    def _directions(self, i: int) -> directions.Directions:
        base = self.entries[i]
        if self._drawn is None:
            rng, m = np.random.default_rng(self.problem.settings.seed), self.outputs.size
            self._drawn = directions.Combinations(rng, m, directions.parts(m, base.size)), rng
        return directions.Directions(base, scale_of(base), *self._drawn)

    def _may_fall_apart(self, c: Coordinates) -> bool:
        """Whether it is worth asking: many entries, of plain finite arrays that may be moved anywhere, and no forward rule, of
        which nobody has asked whether it keeps to the blocks.
        """
        plain = len(c.first) == c.flat.size and c.bounds is None and bool(np.isfinite(c.flat).all())
        asks = self.problem.settings.eps is None and self.problem.pushforward is None
        return plain and asks and self.outputs.size * c.size > DENSE_ENTRIES

    def _grouped(self, i: int) -> Coordinates | None:
        """The input's blocks; or a few of its coordinates that move outputs of other blocks; None where nothing is known."""
        base, m = self.entries[i], self.outputs.size
        targets = [place_shape(self.outputs.arrays[k]) for k in self.outputs.kept]
        known = partial(self.structure.rule_apart, i)
        claim = Claim(lambda v: self._pull(i, v), place_shape(base.value), targets, dense_cotangent(m), known)
        blocks = claim.blocks()
        if blocks is None or len(blocks.members) * m > FULL_ENTRIES or len(blocks.outputs) * (m + base.size) > FULL_WORK:
            return None
        if claim.leaks.any():
            leak = claim.leak(blocks)
            return None if leak is None else self._part(i, blocks, np.array([leak[0]]), leak[1])
        grouped = Grouped(base, blocks, scale_of(base))
        if all(self.structure.forward_apart(i, q, ps) for q, *ps in claim.tied):
            return grouped
        arrays = [wide(x.value) for x in self.problem.inputs]
        evaluate = Evaluator(self.problem.primal, self.problem.batched_primal, arrays, i, self.outputs.kept, self.outputs.size)
        d = Differences(evaluate, grouped)
        stray = np.flatnonzero(strays(grouped, d.values_at, d.f0))
        mover = culprit(grouped, d.values_at, d.f0, int(stray[0])) if len(stray) else None
        self.forwards += d.evaluations
        if not len(stray):
            return grouped
        return None if mover is None else self._part(i, blocks, blocks.members[:, mover], [int(stray[0])])

    def _part(self, i: int, blocks: Blocks, coordinates: Array, strangers: list[int]) -> directions.Part:
        """Coordinates of one block, seen by its own outputs and some others."""
        own = blocks.outputs[:, blocks.of_input[coordinates[0]]]
        return directions.Part(self.entries[i], coordinates, np.append(own, strangers))

    def _pull(self, i: int, v: Array) -> Array | None:
        self.pullbacks += 1
        gradients = dict(zip(self.entries, self.pulled.vjp(self.outputs.cotangents(v)), strict=True))
        g = gradients[i]
        return None if g is None else self.entries[i].project(np.asarray(g)[None])[0]
