"""Large Jacobians that fall into blocks: an elementwise function's into single entries, a softmax over rows into its rows.

Along some axes of an input and of the outputs an output may depend on the input's entries of the same index only. The rule says
along which: it is asked, not told. Then one coordinate of every block is moved at once, and one output of every block pulled
back, so that a million entries cost what one does. Nothing is taken on trust: the forward is asked too (`strays`).

Coordinates and outputs are vectors of real numbers, n of the input and m of the outputs; T blocks of G coordinates and R
outputs each, n = T G, m = T R.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from itertools import product
from typing import Any

import numpy as np

from gradcheck_cli.check.coordinates import Coordinates, golden, in_order, ones_at
from gradcheck_cli.check.differences import copies_at_once
from gradcheck_cli.check.together import separating

Array = np.ndarray[Any, Any]
Pull = Callable[[Array], Array | None]
"""From a cotangent (outputs,) to one input's gradient, as a vector of its coordinates."""
Apart = Callable[[int, Sequence[int]], bool]
FULL_ENTRIES = 4_000_000
"""The largest Jacobian that is kept as a whole, or looked at entry by entry."""
LEAKY = 0.25
"""Where no more than this part of the coordinates moves other indices' outputs, it is worth asking whether they should."""
STRANGERS = 8
"""Outputs of other blocks that one coordinate may move; with more it is another structure."""
FAR = 0.26
"""How far blocks are moved, in units of the input's scale."""


def unknown(axis: int, axes: Sequence[int]) -> bool:
    """Nothing is known."""
    return False


class Blocks:
    """Which block every coordinate and every output belongs to."""

    def __init__(self, of_input: Array, of_output: Array, tied: Sequence[tuple[int, ...]] = ()) -> None:
        self.of_input, self.of_output = of_input, of_output
        self.tied = tied
        """Axes of the input, each with those of the outputs that belong to it, along which they are apart."""
        self.count = int(of_input.max()) + 1
        self.members: Array = np.argsort(of_input, kind="stable").reshape(self.count, -1).T
        """(G, T): the coordinates of every block."""
        self.outputs: Array = np.argsort(of_output, kind="stable").reshape(self.count, -1).T
        """(R, T): the outputs of every block."""


def place_shape(array: Array) -> tuple[int, ...]:
    """The shape of an array's real coordinates."""
    return (*array.shape, 2) if array.dtype.kind == "c" else array.shape


class Claim:
    """What a rule says of the axes along which its Jacobian, of one input, falls apart.

    `source` and `targets` are the shapes of the input's coordinates and of the outputs'; `v` is a cotangent without zeros. The
    Jacobian falls apart along an axis if, for the sets c of indices, as masks of zeros and ones, that `separating` gives,

        pull(c v) = c pull(v)   to 4 EPS where c is one, and exactly where it is zero

    as an entry between two indices would show, however small, where c has the one of its output only.
    """

    def __init__(
        self, pull: Pull, source: tuple[int, ...], targets: Sequence[tuple[int, ...]], v: Array, known: Apart = unknown
    ) -> None:
        self.pull, self.source, self.targets, self.v = pull, source, targets, v
        self.known = known
        """Whether the rule keeps the indices of an axis of the input and of axes of the outputs apart, without asking."""
        self.tied: list[tuple[int, ...]] = []
        """Axes of the input, each with those of the outputs that belong to it."""
        self.leaks = np.zeros(int(np.prod(source)), bool)
        """Coordinates that move outputs of other blocks all the same."""

    @cached_property
    def base(self) -> Array | None:
        """The gradient of `v`."""
        return self.pull(self.v)

    def blocks(self) -> Blocks | None:
        """The blocks; None where the Jacobian is one."""
        for q, size in enumerate(self.source):
            for ps in self._partners(q, size) if size > 1 else ():
                leaks = self._leaks(q, ps)
                if np.mean(leaks) <= LEAKY:
                    self.tied.append((q, *ps))
                    self.leaks |= leaks
                    break
        if not self.tied:
            return None
        outputs = [_numbered(shape, [t[1 + k] for t in self.tied]) for k, shape in enumerate(self.targets)]
        return Blocks(_numbered(self.source, [t[0] for t in self.tied]), np.concatenate(outputs), self.tied)

    def _partners(self, q: int, size: int) -> list[tuple[int, ...]]:
        """For each output an axis of that size which is not tied yet, the likeliest first."""
        free = [
            [p for p, length in enumerate(shape) if length == size and all(t[1 + k] != p for t in self.tied)]
            for k, shape in enumerate(self.targets)
        ]
        return sorted(product(*free), key=lambda ps: not self.known(q, ps))

    def _leaks(self, q: int, ps: tuple[int, ...]) -> Array:
        """Coordinates that do not keep to their own index, of axis `q` of the input and `ps` of the outputs."""
        leaks = np.zeros(len(self.leaks), bool)
        for chosen in () if self.known(q, ps) else separating(self.source[q]):
            c = np.concatenate([along(chosen, shape, p) for shape, p in zip(self.targets, ps, strict=True)])
            leaks |= self._differs(self.pull(np.where(c, self.v, 0.0)), along(chosen, self.source, q))
            if np.mean(leaks) > LEAKY:
                break
        return leaks

    def _differs(self, found: Array | None, chosen: Array) -> Array:
        """Where a gradient is not `base` in the chosen places and zero elsewhere."""
        if found is None or self.base is None:
            return np.full(len(self.leaks), found is not self.base)
        expected = np.where(chosen, self.base, 0.0)
        differs: Array = found != expected
        here = np.flatnonzero(differs)
        found, expected = found[here], expected[here]
        with np.errstate(all="ignore"):
            same = np.abs(found - expected) <= 4 * 2.0**-52 * np.abs(expected)
        differs[here] = ~(same | (np.isnan(found) & np.isnan(expected)))
        return differs

    def leak(self, blocks: Blocks) -> tuple[int, list[int]] | None:
        """A coordinate that moves other blocks' outputs, and all of these; None where they are many."""
        j = int(np.argmax(self.leaks))
        others = np.flatnonzero(blocks.of_output != blocks.of_input[j])
        found: list[int] = []
        while len(others) and self._shows(j, others):
            k = self._one_that_shows(j, others)
            if k is None or len(found) == STRANGERS:
                return None
            found.append(k)
            others = others[others != k]
        return (j, found) if found else None

    def _one_that_shows(self, j: int, outputs: Array) -> int | None:
        """An output that coordinate `j` moves, by halving; None where it takes several at once."""
        while len(outputs) > 1:
            halves = np.array_split(outputs, 2)
            shown = [self._shows(j, half) for half in halves]
            if not any(shown):
                return None
            outputs = halves[shown.index(True)]
        return int(outputs[0])

    def _shows(self, j: int, outputs: Array) -> bool:
        """Whether coordinate `j` has a gradient for a cotangent of these outputs only."""
        v = np.zeros(len(self.v))
        v[outputs] = self.v[outputs]
        found = self.pull(v)
        return found is not None and found[j] != 0


def along(values: Array, shape: tuple[int, ...], axis: int) -> Array:
    """One value per index of an axis, spread over a shape, as a vector."""
    aligned = values.reshape([-1 if k == axis else 1 for k in range(len(shape))])
    return np.broadcast_to(aligned, shape).ravel()


def _numbered(shape: tuple[int, ...], axes: Sequence[int]) -> Array:
    """For every place of a shape, as a vector, the number that its indices along some axes make."""
    number = np.zeros(shape, np.intp)
    for axis in axes:
        number = number * shape[axis] + along(np.arange(shape[axis]), shape, axis).reshape(shape)
    return number.ravel()


class Grouped(Coordinates):
    """One coordinate of every block at once: group g moves the g-th coordinates of all blocks along v, and each output shows
    the one of its own block.

    v_j = +-s_j U(0.8, 1), away from zero; derivatives count per unit of it. All groups start at 0.
    """

    def __init__(
        self,
        base: Coordinates,
        blocks: Blocks,
        scale: Array,
        members: Array | None = None,
        vector: Array | None = None,
        seen: Array | None = None,
    ) -> None:
        self.base, self.value, self.complex = base, base.value, base.complex
        self.bounds, self.flat, self.blocks, self.scale = None, base.flat, blocks, scale
        self.vector = np.where(base.x < 0, -scale, scale) * uneven(base.size) if vector is None else vector
        self.members: Array = blocks.members if members is None else members
        """(groups, T): of every block the coordinate that is moved."""
        self._group: Array = np.full(base.size, len(self.members))
        self._group[self.members] = np.arange(len(self.members))[:, None]
        """Of every coordinate; a number that no group has where it is in none."""
        self._all = len(self.members) == 1 and in_order(self.members[0], base.size)
        self._seen = seen
        """The outputs that are looked at; None for all."""
        self.of_output = blocks.of_output if seen is None else blocks.of_output[seen]
        """The block of each."""
        self._own = in_order(self.of_output, blocks.count)
        run = len(self.of_output) // blocks.count
        self._runs = run if run > 1 and np.array_equal(self.of_output, np.repeat(np.arange(blocks.count), run)) else 0
        """How many outputs of each block follow each other, where they are in the blocks' order."""
        self._start: Array = base.x[self.members]
        self._unit: Array = self.vector[self.members]
        self.owner: Array = self.members[:, self.of_output]
        """(groups, m): the one that an output depends on,"""
        self.unit: Array = self.vector[self.owner]
        """and what it moves by."""

    def described(self, outputs: int) -> str:
        """How many blocks, and of which size."""
        count = self.blocks.count
        return f"every entry of {self.base.size * outputs}, in {count} blocks of {self.size} x {outputs // count} at once"

    @property
    def outside(self) -> int:
        """The coordinates of other blocks."""
        return self.base.size - self.size

    @property
    def every(self) -> int:
        """Those of all groups."""
        return self.base.size

    @property
    def size(self) -> int:
        """Number of groups."""
        return len(self.members)

    @property
    def x(self) -> Array:
        """Where the point lies."""
        return np.zeros(self.size)

    @property
    def asked(self) -> Any:
        """Outputs of all blocks at once."""
        return self.blocks

    def place(self, j: int, row: int) -> tuple[tuple[int, ...], str]:
        """Those of the one coordinate of the group that the output depends on."""
        return self.base.place(int(self.owner[j, row]), row)

    def entries(self, judged: tuple[Array, ...]) -> tuple[Array, ...]:
        """What was measured per unit of v."""
        claimed, numeric, bound, verdict = judged
        unit = self.unit
        return claimed / unit, numeric / unit, bound / np.abs(unit), verdict

    def stored(self, entries: Array, outside: float) -> Array:
        """The whole Jacobian, (coordinates of the input, outputs), up to FULL_ENTRIES; else what is inside the blocks."""
        if self.base.size * entries.shape[1] > FULL_ENTRIES:
            return entries
        whole = np.full((self.base.size, entries.shape[1]), outside, entries.dtype)
        whole[self.owner, np.arange(entries.shape[1])] = entries
        return whole

    def own_sizes(self, columns: Array) -> Array:
        """The smallest |x_j / v_j| of a group that is not zero."""
        x = np.abs(self._start[columns] / self._unit[columns])
        found: Array = np.min(np.where(x > 0, x, np.inf), axis=1)
        return found

    def sizes(self, columns: Array) -> Array:
        """|x| of the coordinates that each output depends on."""
        found: Array = np.abs(self.base.x)[self.owner[columns]]
        return found

    @property
    def largest(self) -> float:
        """max |x|."""
        return self.base.largest

    def position(self, columns: Array, outputs: Array) -> Array:
        """x_j / v_j."""
        found: Array = self.base.x[self.owner[columns, outputs]] / self.unit[columns, outputs]
        return found

    def questions(self, outputs: int, room: int) -> Iterator[Array]:
        """One output of every block."""
        return ones_at(self.blocks.outputs, outputs, room)

    def note(self, jacobian: Array, numbers: Array, gradients: Array) -> None:
        """Each block's entries are its own output's."""
        for number, gradient in zip(numbers, self.project(gradients), strict=True):
            jacobian[self.blocks.outputs[number]] = gradient[self.blocks.members].T

    def project(self, gradients: Array) -> Array:
        """Derivatives along every coordinate, per unit of v: (k, *shape) -> (k, coordinates of the input)."""
        along: Array = self.base.project(gradients) * self.vector
        return along

    @property
    def projected_scale(self) -> Array:
        """One unit of v."""
        return np.ones(self.base.size)

    def combined(self, weights: Array, jacobian: Array) -> Array:
        """The sum over the outputs of each block."""
        sums = np.zeros((self.blocks.count, jacobian.shape[1]))
        for chosen in self.blocks.outputs:
            sums += weights[chosen, None] * jacobian[chosen]
        found = np.empty(self.base.size)
        found[self.blocks.members] = sums.T
        return found

    def tangent(self, direction: Array) -> Array:
        """The array that moves every group by its share of `direction`."""
        return self.base.tangent(self._spread(direction))

    def moved(self, columns: Array, steps: Array) -> tuple[Array, Array, Array]:
        """Copies of the input, each with one group moved; the distances gone, for every output, in units of v."""
        before, unit = self._start[columns], self._unit[columns]
        target = unit * np.asarray(steps)[:, None]
        target += before
        copies = target
        if not self._all:
            copies = np.repeat(self.flat[None], len(columns), axis=0)
            np.put_along_axis(copies, self.members[columns], target, axis=1)
        gone = target - before
        gone /= unit
        if self._runs:
            gone = np.repeat(gone, self._runs, axis=1)
        elif not self._own:
            gone = np.take(gone, self.of_output, axis=1)
        return self.base.arrays(copies), gone, np.zeros(len(columns), bool)

    def together(self, steps: Array) -> tuple[Array, Array, Array]:
        """Copies of the input, each moved along all groups."""
        return self.displaced(steps), steps, np.zeros(len(steps), bool)

    def repacked(self, wanted: Array) -> tuple[Grouped, Array] | None:
        """Coordinates in fewer groups, of which those with an entry that is wanted, (groups, m), stand in one each; and which
        groups they are of, (fewer, T). None where little is gained.
        """
        used = np.zeros((self.size, self.blocks.count), bool)
        groups, outputs = np.nonzero(wanted)
        used[groups, self.of_output[outputs]] = True
        fewer = int(np.max(np.count_nonzero(used, axis=0)))
        if not 0 < fewer <= self.size // 2:
            return None
        pick = np.argsort(~used, axis=0, kind="stable")[:fewer]
        members = np.take_along_axis(self.members, pick, axis=0)
        return Grouped(self.base, self.blocks, self.scale, members, self.vector, self._seen), pick

    def watching(self, outputs: Array) -> Grouped:
        """The same groups, as some of the outputs show them."""
        seen = outputs if self._seen is None else self._seen[outputs]
        return Grouped(self.base, self.blocks, self.scale, self.members, self.vector, seen)

    def displaced(self, steps: Array) -> Array:
        """Copies of the input, moved along the groups."""
        return self.base.displaced(np.stack([self._spread(s) for s in steps]))

    def shifted(self, blocks: Array) -> Array:
        """Copies of the input, each with some blocks moved by FAR of v: masks (copies, T)."""
        return self.base.displaced(np.where(blocks[:, self.blocks.of_input], FAR * self.vector, 0.0))

    def _spread(self, steps: Array) -> Array:
        """One number per group as one per coordinate."""
        spread: Array = np.append(steps, 0.0)[self._group] * self.vector
        return spread


def strays(grouped: Grouped, evaluate: Callable[[Array], Array], f0: Array) -> Array:
    """Outputs that another block moves, bit for bit: sets of blocks are moved, and the outputs of those that stay must stay."""
    blocks = grouped.blocks
    sets = np.array(list(separating(blocks.count)))
    stray = np.zeros(len(f0), bool)
    width = copies_at_once(grouped.flat.size, len(f0))
    for some in (sets[k : k + width] for k in range(0, len(sets), width)):
        stays = ~some[:, blocks.of_output]
        stray |= np.any(stays & _moved(evaluate(grouped.shifted(some)), f0), axis=0)
    return stray


def culprit(grouped: Grouped, evaluate: Callable[[Array], Array], f0: Array, output: int) -> int | None:
    """Of the blocks that are not the output's own one that moves it, by halving; None where it takes several at once."""
    suspects = np.delete(np.arange(grouped.blocks.count), grouped.blocks.of_output[output])
    while len(suspects) > 1:
        halves = np.array_split(suspects, 2)
        sets = np.array([np.isin(np.arange(grouped.blocks.count), half) for half in halves])
        moved = _moved(evaluate(grouped.shifted(sets)), f0)[:, output]
        if not moved.any():
            return None
        suspects = halves[int(np.argmax(moved))]
    return int(suspects[0]) if len(suspects) else None


def _moved(values: Array, f0: Array) -> Array:
    """Where outputs are not what they are at the point."""
    moved: Array = values != f0
    if np.isnan(f0).any():
        moved &= ~(np.isnan(values) & np.isnan(f0))
    return moved


def uneven(size: int) -> Array:
    """Factors between 0.8 and 1, none equal to another: what is moved together must not cancel."""
    factors: Array = 0.8 + 0.2 * golden(size)
    return factors
