"""The ladder: from look to look further steps for the columns that have open entries, until everything is settled."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from gradcheck_cli.check.cheap import Taken
from gradcheck_cli.check.comparison import Comparison
from gradcheck_cli.check.jury import DENSER, DOWN, UP, Jury, exponents_of
from gradcheck_cli.check.verdict import Verdict

Array = np.ndarray[Any, Any]
FIRST_LOOK = ((-17, -10, -8, -6), (-17, -11, -9, -7, -5))
"""The ladder's first steps, after a rung of one step, and after any other."""
ROUNDS = 5
MOST_STEPS = 23
"""At most so many steps are taken for a column: 46 evaluations."""
WORTH, FEW = 4, 256
"""Outputs are looked at alone where they are at most one in so many; of so few all are."""


class Climb:
    """Settles the open entries of a comparison; `taken` are the steps that were seen before."""

    def __init__(self, comparison: Comparison, taken: Taken | None = None) -> None:
        self.c = comparison
        self.taken = Taken(len(comparison.a)) if taken is None else taken
        self.jury = Jury(comparison)

    def run(self, number: int = 0) -> None:
        """Look, from the look of that number on, until everything is settled, or nothing helps; as soon as few entries are
        left, where they are only: on a part of the input, in groups of the coordinates with such entries, at their outputs.
        """
        columns = np.flatnonzero(self.c.still_open.any(axis=1))
        while number < ROUNDS and len(columns):
            if number < 2 and self._where_they_are(self.c.still_open, number):
                return
            columns = self._look(columns, number)
            number += 1

    def _where_they_are(self, still_open: Array, number: int) -> bool:
        """Settle the open entries with less than the whole, in the first way that there is."""
        return self._on_a_part(still_open) or self._in_fewer_groups(still_open) or self._at_few_outputs(still_open, number)

    def _on_a_part(self, still_open: Array) -> bool:
        """Settle what is open where the forward runs on these blocks only, if it can."""
        found = self.c.d.narrowed(np.any(still_open, axis=0))
        if found is None:
            return False
        d, outputs = found
        self._go_on(Climb(self.c.of_outputs(outputs, d)), (slice(None), outputs), still_open)
        return True

    def _in_fewer_groups(self, still_open: Array) -> bool:
        """Settle what is open in fewer groups, if the coordinates can be grouped so."""
        c = self.c
        found = c.d.coordinates.repacked(still_open)
        if found is None:
            return False
        coordinates, pick = found
        here = (pick[:, coordinates.of_output], np.arange(c.a.shape[1]))
        self._go_on(Climb(Comparison(c.a[here], c.d.along(coordinates), c.tol, c.sizes)), here, still_open)
        return True

    def _at_few_outputs(self, still_open: Array, number: int) -> bool:
        """Go on with the outputs that have open entries, if they are few."""
        c = self.c
        outputs = np.flatnonzero(still_open.any(axis=0))
        if len(outputs) * WORTH > c.a.shape[1] or c.a.shape[1] <= FEW:
            return False
        fewer = Climb(c.of_outputs(outputs, c.d.watching(outputs)), self.taken.watching(outputs))
        fewer.jury.wishes, fewer.jury.best = self.jury.wishes, self.jury.best
        self._go_on(fewer, (slice(None), outputs), still_open, number)
        return True

    def _go_on(self, fewer: Climb, here: Any, still_open: Array, number: int = 0) -> None:
        """Settle what is open by a climb of some of the entries, those `here`."""
        fewer.c.verdict[~still_open[here]] = Verdict.AGREE
        fewer.run(number)
        self.c.take_over(fewer.c, here, still_open)

    def _look(self, columns: Array, number: int) -> Array:
        """One look at columns that are not settled: take their steps, judge, and give back what is still open."""
        for steps, group in self._further_steps(columns, number) if number else self._first_steps(columns):
            for e, look in zip(steps, self.c.d.around(group, steps), strict=True):
                self.taken.keep(group, e, look, np.arange(len(group)))
        for exponents, group in self._by_steps(columns):
            self.jury.judge(self.taken, group, exponents, last=number == ROUNDS - 1)
        left: Array = columns[(self.c.verdict[columns] == Verdict.UNSETTLED).any(axis=1)]
        return left

    def _by_steps(self, columns: Array) -> Iterator[tuple[tuple[int, ...], Array]]:
        """Columns with the same steps, together."""
        groups: dict[tuple[int, ...], list[int]] = {}
        for j in columns:
            groups.setdefault(self.taken.exponents(int(j)), []).append(int(j))
        for exponents, members in groups.items():
            yield exponents, np.array(members)

    def _first_steps(self, columns: Array) -> Iterator[tuple[list[int], Array]]:
        """The ladder's first steps; the same for all columns where evaluations are cheap, as those are then judged at once."""
        groups = [(exponents, FIRST_LOOK[len(exponents) != 1], group) for exponents, group in self._by_steps(columns)]
        every = sorted({e for exponents, steps, _ in groups for e in (*exponents, *steps)})
        for exponents, steps, group in groups:
            yield [e for e in (steps if self.c.d.costly else every) if e not in exponents], group

    def _further_steps(self, columns: Array, number: int) -> Iterator[tuple[list[int], Array]]:
        """The next steps of each column: up, down or denser, as its open entries ask for."""
        for exponents, group in self._by_steps(columns):
            wishes: dict[tuple[int, ...], list[int]] = {}
            for j in group:
                wishes.setdefault(self._next_steps(int(j), exponents, number), []).append(int(j))
            for steps, members in wishes.items():
                room = MOST_STEPS - len(exponents)
                if steps and room > 0:
                    yield list(steps[:room]), np.array(members)

    def _next_steps(self, j: int, exponents: tuple[int, ...], number: int) -> tuple[int, ...]:
        """Longer steps where noise is the limit at the top; shorter ones where curvature is at the bottom, where something
        is not finite or looks like a kink; else more steps above the best one.
        """
        wish = self.jury.wishes[j]
        low, high = exponents[0], exponents[-1]
        steps: set[int] = set()
        if wish & UP:
            x = np.abs(self.c.d.coordinates.x)
            largest = float(np.max(x, initial=1.0, where=np.isfinite(x)))
            top = int(np.floor(6 + np.log2(largest) - np.log2(self.c.d.scale[j])))  # 64 times that, in scales
            steps |= {e for e in (high + 2 * number, high + 4 * number) if e <= top}
        own = int(self._own_scales(np.array([j]))[0])
        if wish & DOWN and own < exponents[0] + 10:
            steps |= {own + e for e in FIRST_LOOK[1]}
        elif wish & DOWN:
            reach = ((-3, -6, -9), (-4, -8, -12), (-3, -6), (-4, -8))[number - 1]
            steps |= {max(low + r, min(own, 0) - 44) for r in reach}
        if wish & DENSER or not steps:
            best = exponents[min(int(self.jury.best[j]), len(exponents) - 1)]
            steps |= {e for e in range(best - 1, best + 6) if e not in exponents}
        return tuple(sorted(steps - set(exponents)))

    def _own_scales(self, columns: Array) -> Array:
        """The exponents at which a step is as long as the coordinate itself: far down where others are much larger."""
        return exponents_of(self.c.d.coordinates.own_sizes(columns) / self.c.d.scale[columns])
