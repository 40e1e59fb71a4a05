"""The Jacobian that a rule claims: one pullback per output coordinate, or for each of the questions that coordinates ask."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from gradcheck_cli.check.coordinates import Coordinates, scale_of
from gradcheck_cli.check.differences import copies_at_once, outputs_as_real
from gradcheck_cli.check.findings import Finding
from gradcheck_cli.check.problem import Problem, Pulled
from gradcheck_cli.errors import RuleError

Array = np.ndarray[Any, Any]
Gradients = Sequence[Array | None]
KIND_CODES = {
    "count": "GC101",
    "shape": "GC102",
    "dtype": "GC103",
    "none": "GC105",
    "raised": "GC106",
    "state": "GC111",
    "cotangent": "GC113",
    "inputs": "GC114",
    "alias": "GC115",
}
"""Which finding a broken contract is."""


class Claimed(NamedTuple):
    """What the rule says, and how it was asked."""

    jacobians: dict[int, Array]
    """For each input that requires grad, by position: (rows, coordinates). Rows are the outputs, or what coordinates have in
    their place."""
    missing: frozenset[int]
    """Inputs for which the rule gave no gradient at all."""
    findings: tuple[Finding, ...]
    pullbacks: int
    sizes: dict[int, RowSizes]
    """Of each kind of rows, by the `id` of what `Coordinates.rows` has for it."""


class Outputs:
    """The outputs that are checked, as one vector of real coordinates."""

    def __init__(self, names: Sequence[str], arrays: Sequence[Array], differentiable: Sequence[bool]) -> None:
        self.kept = [k for k, y in enumerate(arrays) if y.dtype.kind in "fc" and (not differentiable or differentiable[k])]
        self.names = list(names) or (["out"] if len(arrays) == 1 else [f"out{k}" for k in range(len(arrays))])
        self.arrays = list(arrays)
        self.coordinates = {k: Coordinates(arrays[k]) for k in self.kept}
        self.starts = np.cumsum([0, *(self.coordinates[k].size for k in self.kept)])

    @property
    def size(self) -> int:
        """Number of coordinates of all checked outputs."""
        return int(self.starts[-1])

    def place(self, i: int) -> tuple[str, tuple[int, ...]]:
        """Name of the output and index of the entry that coordinate `i` belongs to."""
        which = int(np.searchsorted(self.starts, i, side="right")) - 1
        k = self.kept[which]
        return self.names[k], self.coordinates[k].index(i - int(self.starts[which]))

    def rounded(self, v: Array) -> Array:
        """A vector of coordinates as the outputs' dtypes can hold it."""
        return outputs_as_real(self.cotangents(v), self.kept)

    def sizes(self, v: Array) -> Array:
        """|v_k| and |v_k f_k| of every output f_k, (2, outputs); zero where it is not finite."""
        f = outputs_as_real(self.arrays, self.kept)
        found: Array = np.abs([v, v * np.where(np.isfinite(f), f, 0.0)])
        return found

    def cotangents(self, v: Array) -> list[Array]:
        """A vector of coordinates as one cotangent per output."""
        return [g[0, ...] for g in self.stacked(v[None])]

    def stacked(self, vectors: Array) -> list[Array]:
        """Vectors of coordinates, (k, size), as one stack of cotangents per output."""
        found, start = [], 0
        for k, y in enumerate(self.arrays):
            shape = (len(vectors), *y.shape)
            if k not in self.coordinates:
                found.append(np.zeros(shape, y.dtype if y.dtype.kind in "fc" else np.float64))
                continue
            part = vectors[:, start : start + self.coordinates[k].size]
            start += self.coordinates[k].size
            part = np.ascontiguousarray(part).view(np.complex128) if y.dtype.kind == "c" else part
            found.append(part.reshape(shape).astype(y.dtype))
        return found


def broken(error: RuleError, problem: Problem) -> Finding:
    """A contract that the rule broke, as a finding."""
    return Finding(KIND_CODES[error.kind], str(error), error.location or problem.location, error.input_name)


def asked(pulled: Pulled, outputs: Outputs, vectors: Sequence[Array]) -> Sequence[Gradients]:
    """The gradients for several cotangents, given as vectors: in one run of the rule where that can be, else one by one.

    Raises RuleError.
    """
    found = _at_once(pulled, outputs, np.array(vectors))
    if found is None:
        return [pulled.vjp(outputs.cotangents(v)) for v in vectors]
    return [[None if g is None else g[k] for g in found] for k in range(len(vectors))]


def _at_once(pulled: Pulled, outputs: Outputs, vectors: Array) -> Gradients | None:
    """Each input's gradients for several cotangents, with an axis in front, if one run of the rule gives them."""
    return pulled.many(outputs.stacked(vectors)) if pulled.many is not None and len(vectors) > 1 else None


class Answers(NamedTuple):
    """One input's gradients for some of several questions; to the others the rule gave None."""

    numbers: Array
    gradients: Array
    """(len(numbers), *shape)."""


def _answers(pulled: Pulled, outputs: Outputs, vectors: Array) -> list[Answers]:
    """Of each input that requires a gradient what the rule gives it for several cotangents. Raises RuleError."""
    found = _at_once(pulled, outputs, vectors)
    if found is not None:
        every = np.arange(len(vectors))
        return [Answers(every[:0], vectors[:0]) if g is None else Answers(every, g) for g in found]
    alone = zip(*(pulled.vjp(outputs.cotangents(v)) for v in vectors), strict=True)
    given = [{k: g for k, g in enumerate(gradients) if g is not None} for gradients in alone]
    return [Answers(np.array(list(of_one), np.intp), np.array(list(of_one.values()))) for of_one in given]


def claimed_jacobians(problem: Problem, pulled: Pulled, outputs: Outputs, coordinates: dict[int, Coordinates]) -> Claimed:
    """Ask the rule for all that the coordinates ask, of as many questions at once as there is room for.

    An input for which every pullback gives None is `missing`; its claimed derivative counts as zero.
    """
    jacobians = {i: np.zeros((c.lines(outputs.size), c.size)) for i, c in coordinates.items()}
    given = dict.fromkeys(coordinates, 0)
    place = {i: k for k, i in enumerate(problem.differentiable_inputs())}
    pullbacks, width = 0, sum(c.flat.size for c in coordinates.values())
    room = copies_at_once(width, outputs.size) if pulled.many is not None else 1
    for alike in _asked_alike(coordinates):
        first = pullbacks
        try:
            for vectors in coordinates[alike[0]].questions(outputs.size, room):
                found = _answers(pulled, outputs, vectors)
                for i in alike:
                    numbers, gradients = found[place[i]]
                    if len(numbers):
                        given[i] += len(numbers)
                        coordinates[i].note(jacobians[i], numbers + (pullbacks - first), gradients)
                pullbacks += len(vectors)
        except RuleError as error:
            return Claimed({}, frozenset(), (broken(error, problem),), pullbacks + 1, {})
    missing = frozenset(i for i, count in given.items() if count == 0 and outputs.size)
    return Claimed(jacobians, missing, (), pullbacks, row_sizes(jacobians, coordinates))


def _asked_alike(coordinates: dict[int, Coordinates]) -> list[list[int]]:
    """The inputs whose coordinates ask the same questions, together."""
    groups: dict[Any, list[int]] = {}
    for i, c in coordinates.items():
        groups.setdefault(c.asked, []).append(i)
    return list(groups.values())


class RowSizes(NamedTuple):
    """What the entries of each row are measured by: the largest over all inputs, zero where there is none."""

    change: Array
    """|a_il| s_l, by what the row's output changes at a step of a whole scale: the measure of the rule's own rounding."""
    slope: Array
    """|a_il|."""


def row_sizes(claimed: dict[int, Array], coordinates: dict[int, Coordinates]) -> dict[int, RowSizes]:
    """The sizes of the rows of Jacobians (rows, coordinates), for all that have the same `Coordinates.rows`, by its `id`."""
    changes: dict[int, list[Array]] = {}
    slopes: dict[int, list[Array]] = {}
    for i, a in claimed.items():
        rows, size = id(coordinates[i].rows), np.abs(a)
        changes.setdefault(rows, []).append((size * scale_of(coordinates[i])).max(axis=1, initial=0.0))
        slopes.setdefault(rows, []).append(size.max(axis=1, initial=0.0))
    return {rows: RowSizes(_largest(changes[rows]), _largest(slopes[rows])) for rows in changes}


def _largest(parts: list[Array]) -> Array:
    found: Array = parts[0] if len(parts) == 1 else np.max(parts, axis=0)
    found[~np.isfinite(found)] = 0.0
    return found
