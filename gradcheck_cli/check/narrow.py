"""A forward on some indices of an axis only, along which its entries never meet: what is open there costs what it is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from gradcheck_cli.check.blocks import Blocks, Grouped, along, place_shape
from gradcheck_cli.check.claimed import Outputs
from gradcheck_cli.check.coordinates import Coordinates
from gradcheck_cli.check.differences import Differences, Evaluator
from gradcheck_cli.check.problem import Problem, same
from gradcheck_cli.check.structure import Structure

Array = np.ndarray[Any, Any]
WORTH = 4
"""The indices must be at most one in so many."""


class Narrower:
    """Of one input's blocks. The axis is the longest of those along which they are apart."""

    def __init__(self, problem: Problem, structure: Structure, outputs: Outputs, arrays: Sequence[Array], i: int) -> None:
        self.problem, self.structure, self.outputs, self.arrays, self.i = problem, structure, outputs, arrays, i

    def __call__(self, whole: Differences, wanted: Array) -> tuple[Differences, Array] | None:
        """The differences of the blocks at the indices of the wanted outputs, and the outputs there.

        None where that cannot be, or is not worth it. Some ops know places by their number (a slice, a triangle): the outputs
        must be those of the whole at the point, where others may happen to be the same, near it, and far from it.
        """
        grouped = whole.coordinates
        if not isinstance(grouped, Grouped) or grouped.members is not grouped.blocks.members:
            return None
        source = place_shape(grouped.base.value)
        tied = [t for t in grouped.blocks.tied if t[0] < grouped.base.value.ndim]
        if not tied:
            return None
        q, *ps = max(tied, key=lambda t: source[t[0]])
        targets = [place_shape(self.outputs.arrays[k]) for k in self.outputs.kept]
        of_output = np.concatenate([along(np.arange(source[q]), shape, p) for shape, p in zip(targets, ps, strict=True)])
        indices = np.unique(of_output[wanted])
        axes = self.structure.along(self.i, q, ps) if 0 < len(indices) * WORTH <= source[q] else None
        if axes is None:
            return None
        here = np.flatnonzero(np.isin(along(np.arange(source[q]), source, q), indices))
        there = np.flatnonzero(np.isin(of_output, indices))
        arrays = [a if axis is None else np.take(a, indices, axis) for a, axis in zip(self.arrays, axes, strict=True)]
        evaluate = Evaluator(self.problem.primal, self.problem.batched_primal, arrays, self.i, self.outputs.kept, len(there))
        d = Differences(evaluate, _restricted(grouped, arrays[self.i], here, there), self.problem.batched_primal is not None)
        alike = same(d.probed(), whole.probed()[:, there]) and same(d.far(), whole.far()[:, there])
        return (d, there) if alike else None


def _restricted(grouped: Grouped, value: Array, here: Array, there: Array) -> Grouped:
    """The groups of some of the blocks: those of the coordinates `here` and the outputs `there`."""
    blocks = grouped.blocks
    kept, of_input = np.unique(blocks.of_input[here], return_inverse=True)
    fewer = Blocks(of_input, np.searchsorted(kept, blocks.of_output[there]))
    return Grouped(Coordinates(value), fewer, grouped.scale[here], vector=grouped.vector[here])
