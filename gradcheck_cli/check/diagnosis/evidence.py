"""What is known of one input's wrong Jacobian, and whether a hypothesis explains it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from gradcheck_cli.check.blocks import place_shape
from gradcheck_cli.check.claimed import Outputs
from gradcheck_cli.check.coordinates import Coordinates
from gradcheck_cli.check.problem import Input
from gradcheck_cli.check.result import InputResult
from gradcheck_cli.check.verdict import Verdict

Array = np.ndarray[Any, Any]
BUDGET = 1e7
"""Operations that a hypothesis may cost."""
PROBES = 64
"""Entries on which a hypothesis is tried before all of them are computed."""
SEVERAL = 3
"""Wrong entries that are no chance, though they have one round value."""
APART = 10.0
"""By how much the errors of wrong entries have to exceed those of right ones for it to matter which are wrong."""
CLEAR = 3.0
"""Hypotheses are only tried where the claimed values are off by more than so many tolerances."""


class Tolerances(NamedTuple):
    """What may be left of an error under a hypothesis."""

    rtol: float
    atol: float
    unit: float = 0.0
    """Rounding unit of a rule that works in less than double precision."""


class Evidence:
    """One input's claimed Jacobian `A` and the numeric one `D`, both (output size, input size), and their surroundings."""

    def __init__(self, x: Input, result: InputResult, outputs: Outputs, tolerances: Tolerances) -> None:
        self.name, self.value, self.outputs = x.name, x.value, outputs
        self.A, self.D = result.claimed, result.numeric
        self.wrong = result.verdicts == Verdict.DISAGREE
        self.right = result.verdicts == Verdict.AGREE
        self.decided = self.wrong | self.right
        self.places = place_shape(x.value)
        """The shape whose entries are the columns: the input's, with a last axis of 2 where it is complex."""
        rows = [place_shape(outputs.arrays[k]) for k in outputs.kept]
        self.out_places = rows[0] if len(rows) == 1 else None
        """The same for the rows, where there is one output."""
        self.positional = self.A.shape == (outputs.size, int(np.prod(self.places)))
        """Whether rows and columns are entries, and not directions, or entries of a triangle."""
        coordinates = Coordinates(x.value, x.structure)
        entries = bool(x.structure) and self.A.shape == (outputs.size, coordinates.size)
        self.triangle = coordinates if entries else None
        """What the columns are, where they are the entries of a triangle."""
        with np.errstate(all="ignore"):
            E = np.where(np.isnan(result.error_bound), 0.0, result.error_bound)
            size = np.abs(np.where(self.decided, self.D, 0.0))
            row = np.max(size, axis=1, keepdims=True, initial=0.0)
            self.allowed = np.maximum(tolerances.rtol * size, tolerances.atol) + E + (1e-13 + 16 * tolerances.unit) * row
            self.error = np.abs(self.A - self.D)
            excess = self.error / self.allowed
        self.clear = bool(self.wrong.any()) and bool(np.nanmedian(np.nan_to_num(excess[self.wrong], nan=np.inf)) >= CLEAR)
        """Whether the errors stand out enough for a hypothesis to mean something."""
        self.apart = self._apart(excess)
        """Whether right entries are so much better than wrong ones that no smaller tolerance would call them wrong, too."""
        self.probes = self._probes()
        self.numbers = self._numbers()

    def _apart(self, excess: Array) -> bool:
        right = excess[self.right & np.isfinite(excess)]
        wrong = excess[self.wrong & np.isfinite(excess)]
        return bool(np.min(wrong, initial=np.inf) >= APART * np.max(right, initial=0.0))

    def _probes(self) -> tuple[Array, Array]:
        """Rows and columns of some wrong and some large right entries."""
        wrong, right = np.flatnonzero(self.wrong), np.flatnonzero(self.right)
        large = right[np.argsort(-np.abs(self.D.ravel()[right]), kind="stable")[:PROBES]]
        rows, columns = np.unravel_index(np.concatenate([wrong[:: max(1, len(wrong) // PROBES)], large]), self.D.shape)
        return rows, columns

    def _numbers(self) -> Array:
        """The different sizes (to 1e-6) of the numeric values of (some of) the entries."""
        shown = self.D[self.decided & (self.D != 0)]
        return distinct(shown[:: max(1, len(shown) // 10_000)])

    @property
    def telling(self) -> bool:
        """Whether agreement can hardly be chance: several entries or different numbers, or one that is not round."""
        return (
            len(self.numbers) > 1
            or int(self.wrong.sum()) >= SEVERAL
            or not np.all(is_round(self.D[self.wrong]) & is_round(self.A[self.wrong]))
        )

    def explains(self, B: Array, among: Array | None = None) -> bool:
        """Whether B in place of the claimed values leaves nothing wrong (among the marked entries)."""
        decided = self.decided if among is None else self.decided & among
        with np.errstate(all="ignore"):
            fine = np.abs(B - self.D) <= self.allowed
        return bool(np.all(fine[decided]))

    def likely(self, there: Array) -> bool:
        """Whether these values at the probes are right: a cheap test before `explains`."""
        r, c = self.probes
        with np.errstate(all="ignore"):
            return bool(np.all(np.abs(there - self.D[r, c]) <= self.allowed[r, c]))

    def scaled_explains(self, factor: Any) -> bool:
        """Whether the claimed Jacobian times a number, or times factors of its rows or columns, is right."""
        scale = np.broadcast_to(factor, self.A.shape)
        with np.errstate(all="ignore"):
            return self.likely(self.A[self.probes] * scale[self.probes]) and self.explains(self.A * scale)

    def moved_explains(self, rows: Array | None, columns: Array | None) -> bool:
        """Whether the claimed Jacobian with its rows and columns taken from elsewhere is right."""
        r, c = self.probes
        if not self.likely(self.A[r if rows is None else rows[r], c if columns is None else columns[c]]):
            return False
        B = self.A if rows is None else self.A[rows]
        return self.explains(B if columns is None else B[:, columns])

    def ratio(self, among: Array) -> float | None:
        """The factor from claimed to numeric at the largest of the marked entries; None where there is none."""
        size = np.where(among & np.isfinite(self.A) & (self.A != 0), np.abs(self.D), -1.0)
        k = int(np.argmax(size))
        if size.size == 0 or size.flat[k] < 0:
            return None
        c = float(self.D.flat[k] / self.A.flat[k])
        return c if np.isfinite(c) and c != 0 else None

    def count(self, among: Array | None = None) -> str:
        """`12 of 12 entries`: those that are not zero on both sides."""
        shown = self.decided & ((self.A != 0) | (self.D != 0))
        whole = int(shown.sum())
        part = whole if among is None else int((shown & among).sum())
        return f"{part} of {whole} {'entry' if whole == 1 else 'entries'}"

    @property
    def output(self) -> str:
        """The output's name; `the outputs` where there are several."""
        kept = self.outputs.kept
        return self.outputs.names[kept[0]] if len(kept) == 1 else "the outputs"


def distinct(values: Array) -> Array:
    """The different sizes among the values, to 1e-6 of each; zeros are left out."""
    sizes = np.sort(np.abs(values[np.isfinite(values) & (values != 0)]))
    if not len(sizes):
        return sizes
    kept: Array = sizes[np.concatenate([[True], sizes[1:] > sizes[:-1] * (1 + 1e-6)])]
    return kept


def is_round(values: Array) -> Array:
    """Whether a value is a multiple of 1/24 up to 100, as chance makes them equal often."""
    with np.errstate(all="ignore"):
        found: Array = (np.abs(values * 24 - np.round(values * 24)) < 1e-6) & (np.abs(values) <= 100)
    return found


def known_values(inputs: Sequence[Input], outputs: Outputs) -> Iterator[tuple[str, Array]]:
    """Name and value of the real inputs and outputs, which a rule can read."""
    for x in inputs:
        if x.value.dtype.kind == "f" and x.value.size:
            yield x.name, np.asarray(x.value, np.float64)
    for k in outputs.kept:
        y = outputs.arrays[k]
        if y.dtype.kind == "f" and y.size:
            yield outputs.names[k], np.asarray(y, np.float64)
