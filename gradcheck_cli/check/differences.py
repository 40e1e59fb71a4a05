"""Evaluating the plain forward around a point. Knows nothing of rules, of the engine, or of specs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from copy import copy
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from gradcheck_cli.check.coordinates import Coordinates, as_real, fraction, golden, kept, scale_of
from gradcheck_cli.errors import GradcheckError

Array = np.ndarray[Any, Any]
EPS = 2.0**-52
DITHER = np.array([1.0136, 0.9371, 1.1717, 0.8793, 1.0739])
"""Steps must not be powers of two: x + h would stay on one grid, and its rounding noise cancel exactly, unseen."""
PROBE = np.array([-0.9713, -0.7402, -0.5331, -0.2718, 0.0, 0.2239, 0.4917, 0.7624, 0.9655])
"""Where the noise is probed: nine points, not equispaced, so that no regular error can hide in their fit; the fifth is the
point itself."""
LINE = np.concatenate([sign * 2.0 ** np.array([-14, -11, -8, -5, -3, -2]) for sign in (-0.9713, 0.9655)])
"""At so many scales to both sides it is asked whether a function is straight: what is finer than one shows at the next."""
CHUNK_NUMBERS = 1_000_000
"""Perturbed copies are evaluated in chunks of at most so many numbers."""
FEW_NUMBERS = 2**12
"""Of copies of each column that are evaluated at once: calling NumPy costs more than they do."""
PIECE = 2**15
"""Entries are looked at so many at a time, for what is made on the way to stay in the cache."""
np.empty(2**25 - 2**14, np.uint8)
# Made, not written to, and freed: glibc keeps the memory of freed arrays for the next ones from then on, instead of giving it
# back and asking for it page by page. Whole checks take up to 30 % less time for it; elsewhere it does nothing.
LOST = (ValueError, ArithmeticError, np.linalg.LinAlgError, GradcheckError)
"""What a forward may raise where it is not defined; at a perturbed point it counts as NaN."""


class Model:
    """What values at PROBE are sums of: columns of (9, terms)."""

    def __init__(self, columns: Array) -> None:
        self.freedom = len(columns) - columns.shape[1]
        """Values less terms."""
        self._columns = columns

    @cached_property
    def terms(self) -> Array:
        """From the values to the terms' coefficients, (terms, 9)."""
        found: Array = np.linalg.pinv(self._columns)
        return found

    @cached_property
    def residue(self) -> Array:
        """The projection on what is not of the model."""
        found: Array = np.eye(len(self._columns)) - self._columns @ self.terms
        return found


_QUARTIC = PROBE[:, None] ** np.arange(5)
SMOOTH = Model(_QUARTIC)
"""What a smooth function does within a window: a quartic."""
KINKED = Model(np.concatenate([_QUARTIC, np.abs(PROBE)[:, None]], axis=1))
"""The same with a kink at the point itself."""


class Noise(NamedTuple):
    """Rounding noise of each output, at least 2 EPS |f|."""

    wide: Array
    """In a window of 2^-17 scales: all that is not smooth at the cheap test's step."""
    rounding: Array
    """In a window of 2^-32 scales: too small for anything but rounding, or a kink at the point."""
    beside_kink: Array
    """The same, once a kink at the point is taken out."""


def residual_noise(changes: Array, model: Model) -> Array:
    """4 times the rms of what the model leaves of the changes, (points, outputs), over its degrees of freedom."""
    noise = np.empty(changes.shape[1])
    with np.errstate(all="ignore"):
        for some in (slice(k, k + PIECE) for k in range(0, len(noise), PIECE)):
            residual = model.residue @ changes[:, some]
            size = np.abs(residual).max(axis=0)  # taken out first: squares of huge or tiny values have no place
            size = np.where(size > 0, size, 1.0)
            noise[some] = 4.0 * size * np.sqrt(np.sum((residual / size) ** 2, axis=0) / model.freedom)
    return noise


class Look(NamedTuple):
    """What is seen to both sides: values (columns, outputs), and the distances gone, (columns, 1) or (columns, outputs)."""

    up: Array
    down: Array
    h_up: Array
    h_down: Array

    @property
    def step(self) -> Array:
        """The mean of the distances to both sides."""
        return (self.h_up + self.h_down) / 2


class Differences:
    """The forward as a function of one input's coordinates: (copies, *shape) -> (copies, outputs), counted.

    `scale` s_j = 2^floor(log2 max(|x_j|, max|x|/128)), or 1 where all of x is 0: what counts as a large step.
    """

    def __init__(self, evaluate: Callable[[Array], Array], coordinates: Coordinates, batched: bool = False) -> None:
        self.evaluate, self.coordinates = evaluate, coordinates
        self.evaluations = 0
        self.scale = scale_of(coordinates)
        few = batched and len(PROBE) * coordinates.size <= PIECE
        # In double precision and not alone, so that it is rounded as the perturbed copies are.
        near = self._probes(2.0**-17, self.scale) if few else np.zeros((1 + batched, coordinates.size))
        values = self.values_at(coordinates.displaced(near))
        self.f0 = np.array(values[len(values) // 2])  # of nine the fifth
        self.costly = not batched or coordinates.size * max(coordinates.flat.size, len(self.f0)) > FEW_NUMBERS
        """Whether evaluations are worth saving: not where they are made at once, of a few numbers."""
        self._probed = values if few else None
        """The outputs at the probes of the wider window, where copies are evaluated all at once and a few more cost nothing."""
        self.narrower: Callable[[Differences, Array], tuple[Differences, Array] | None] | None = None
        """Runs the forward on a part of the input, where that is known to be possible."""
        self._noise: Noise | None = None
        self._wide: Array | None = None
        self._cubic: Array | None = None

    def along(self, coordinates: Coordinates) -> Differences:
        """The same forward, and what is known of it, along other coordinates; its evaluations are counted anew."""
        other = copy(self)
        other.coordinates, other.scale, other.evaluations = coordinates, scale_of(coordinates), 0
        return other

    def watching(self, outputs: Array) -> Differences:
        """The same for some of the outputs; its evaluations are counted anew."""
        other = copy(self)
        other.evaluate = lambda copies: self.evaluate(copies)[:, outputs]
        other.coordinates, other.f0 = self.coordinates.watching(outputs), self.f0[outputs]
        other.evaluations, other.narrower = 0, None
        for known in ("_probed", "_wide", "_cubic"):
            part = getattr(self, known)
            setattr(other, known, None if part is None else part[..., outputs])
        other._noise = None if self._noise is None else Noise(*(part[outputs] for part in self._noise))
        return other

    def narrowed(self, wanted: Array) -> tuple[Differences, Array] | None:
        """The same for what the wanted outputs depend on only, and which outputs these are; None where that cannot be."""
        return None if self.narrower is None else self.narrower(self, wanted)

    def step(self, columns: Array, exponent: int) -> Array:
        """s_j dither 2^e for each column."""
        steps: Array = self.scale[columns] * (DITHER[exponent % 5] * 2.0**exponent)
        return steps

    def at(self, columns: Array, steps: Array) -> tuple[Array, Array]:
        """The values with one coordinate moved, (k, outputs), and the distances really gone, (k, 1) or (k, outputs).

        NaN where the forward is not defined, or the point lies outside the input's bounds.
        """
        parts = list(self.chunks(len(columns)))
        if len(parts) == 1:
            return self._moved(columns, steps)
        values, gone = np.empty((len(columns), len(self.f0))), [np.empty((0, 1))]
        for part in parts:
            values[part], distances = self._moved(columns[part], steps[part])
            gone.append(distances)
        return values, np.concatenate(gone[1:] or gone)

    def _moved(self, columns: Array, steps: Array) -> tuple[Array, Array]:
        """The same for a few columns, whose copies are made all at once."""
        copies, gone, outside = self.coordinates.moved(columns, steps)
        values = self.values_at(copies)
        if outside.any():
            values = np.where(outside[:, None], np.nan, values)
        return values, gone.reshape(len(copies), -1)

    def around(self, columns: Array, exponents: Sequence[int]) -> list[Look]:
        """The values with one coordinate moved up and down by the steps of each exponent, for each column."""
        return self.around_and(columns, exponents, columns[:0], np.zeros(0))[0] if exponents else []

    def around_and(self, columns: Array, exponents: Sequence[int], others: Array, far: Array) -> tuple[list[Look], Array]:
        """The same, and the values at one further step of some columns, evaluated together."""
        steps = [sign * self.step(columns, e) for e in exponents for sign in (1.0, -1.0)]
        values, gone = self.at(np.concatenate([*[columns] * len(steps), others]), np.concatenate([*steps, far]))
        near = len(steps) * len(columns)
        v, h = (part[:near].reshape(len(exponents), 2, len(columns), -1) for part in (values, gone))
        return [Look(v[k, 0], v[k, 1], h[k, 0], -h[k, 1]) for k in range(len(exponents))], values[near:]

    def at_once(self, steps: Array) -> tuple[Array, Array]:
        """The values with many coordinates moved at the same time, and the distances really gone, both (k, ...); NaN as in
        `at`.
        """
        values, gone = np.empty((len(steps), len(self.f0))), np.empty(steps.shape)
        for part in self.chunks(len(steps)):
            copies, gone[part], outside = self.coordinates.together(steps[part])
            values[part] = self.values_at(copies)
            values[part][outside] = np.nan
        return values, gone

    def chunks(self, copies: int) -> Iterator[slice]:
        """Parts of so many copies that one does not hold more than CHUNK_NUMBERS."""
        width = copies_at_once(self.coordinates.flat.size, len(self.f0))
        return (slice(k, k + width) for k in range(0, copies, width))

    def wide_noise(self) -> Array:
        """The noise of each output in the wider window, measured once: 9 evaluations."""
        if self._wide is None:
            self._look_wide()
        assert self._wide is not None
        return self._wide

    def cubic(self) -> Array:
        """The cubic part of each output's change within the wider window."""
        if self._cubic is None:
            self._look_wide()
        assert self._cubic is not None
        return self._cubic

    def probed(self) -> Array:
        """The outputs at nine points of a line through the point, in the wider window."""
        if self._probed is None:
            self._probed = self.displaced(self._probes(2.0**-17, self.scale))
        return self._probed

    def far(self) -> Array:
        """The outputs at another point of that line, far from the point: one evaluation."""
        return self.displaced(self._probes(1.0, self.scale)[:1])

    def _look_wide(self) -> None:
        changes = self._changes(self.probed())
        self._wide = self._at_least(residual_noise(changes, SMOOTH))
        with np.errstate(all="ignore"):
            cubic = np.abs(SMOOTH.terms[3] @ changes)
        self._cubic = np.where(np.isfinite(cubic), cubic, 0.0)

    def straight(self, rounding: Array) -> bool:
        """Whether no output leaves a straight line by more than 4 times its noise, or a rounding if that is more, where all
        coordinates are moved at once, up to 2^-2 scales to both sides: 12 evaluations, and none where the noise's probes bend.
        """
        near, noise = self._changes(self.probed()), 4 * np.maximum(self.wide_noise(), rounding)
        with np.errstate(all="ignore"):
            if not np.all(np.abs(SMOOTH.terms[2] @ near) <= 4 * noise):
                return False
            changes = np.concatenate([self._changes(self.displaced(self._on_a_line(LINE, self.scale))), near])
            t = np.concatenate([LINE, 2.0**-17 * PROBE])[:, None]
            bent = np.abs(changes - t * (np.sum(t * changes, axis=0) / np.sum(t * t)))
            return bool(np.all(bent <= noise))

    def noise(self) -> Noise:
        """The noise of each output, measured once: 18 evaluations."""
        if self._noise is None:
            narrow = self._changes(self.displaced(self._probes(2.0**-32, self.own_scale())))
            found = (self._at_least(residual_noise(narrow, model)) for model in (SMOOTH, KINKED))
            self._noise = Noise(self.wide_noise(), *found)
        return self._noise

    def _at_least(self, noise: Array) -> Array:
        floored: Array = np.fmax(2 * EPS * np.abs(self.f0), noise)
        return floored

    def own_scale(self) -> Array:
        """s_j, or |x_j| where that is smaller: beside much larger ones a coordinate may have structure as small as itself."""
        size = np.abs(self.coordinates.x)
        own: Array = np.where((size > 0) & (size < self.scale), size, self.scale)
        return own

    def _probes(self, window: float, scale: Array) -> Array:
        """Displacements to nine points of a random line through the point."""
        return self._on_a_line(window * PROBE, scale)

    def _on_a_line(self, t: Array, scale: Array) -> Array:
        """Displacements to points of that line."""
        direction = scale * _line(self.coordinates.size)
        if self.coordinates.bounds is not None:
            low, high = self.coordinates.bounds
            reach = np.minimum(self.coordinates.x - low, high - self.coordinates.x)
            direction = np.where(reach < np.abs(t).max() * np.abs(direction), 0.0, direction)
        found: Array = t[:, None] * direction
        return found

    def displaced(self, steps: Array) -> Array:
        """The values with all coordinates moved: (k, size) -> (k, outputs)."""
        return np.concatenate([self.values_at(self.coordinates.displaced(steps[part])) for part in self.chunks(len(steps))])

    def _changes(self, values: Array) -> Array:
        """What the outputs changed by: taking off the value at the point first keeps a fit's own rounding below the noise."""
        with np.errstate(all="ignore"):
            changes: Array = values - self.f0
        return changes

    def values_at(self, copies: Array) -> Array:
        """The outputs of copies of the input, counted."""
        self.evaluations += len(copies)
        with np.errstate(all="ignore"):
            return self.evaluate(copies)


@kept
def _line(size: int) -> Array:
    """A direction of entries between 0.7 and 1 in size, of both signs."""
    spread = golden(size)
    return (0.7 + 0.3 * spread) * np.where(fraction(spread * 7) < 0.5, -1.0, 1.0)


def copies_at_once(inputs: int, outputs: int) -> int:
    """How many copies of an input of so many numbers are evaluated at once."""
    return max(1, CHUNK_NUMBERS // max(1, inputs, outputs))


def quotients(up: Array, down: Array, h_up: Array, h_down: Array, f0: Array) -> tuple[Array, Array, Array, Array]:
    """Step, central quotient, asymmetry |F - B|/2 and flatness, from the values on both sides and the distances gone; as
    `central` has it.
    """
    h, D, asym = central(up, down, h_up, h_down, f0)
    with np.errstate(all="ignore"):
        np.abs(asym, out=asym)
        asym /= 2
    return h, D, asym, (up == f0) & (down == f0)


def central(up: Array, down: Array, h_up: Array, h_down: Array, f0: Array) -> tuple[Array, Array, Array]:
    """Step, central quotient, and F - B.

    D = (f+ - f-)/(h+ + h-) - (F - B)(h+ - h-)/(h+ + h-), F = (f+ - f0)/h+, B = (f0 - f-)/h-. The second
    term takes out the fake slope f'' (h+ - h-)/2 of two distances that rounding made unequal.
    """
    with np.errstate(all="ignore"):
        bend, part, total = up - f0, f0 - down, h_up + h_down
        bend /= h_up
        part /= h_down
        bend -= part  # F - B
        np.multiply(bend, (h_up - h_down) / total, out=part)
        D = up - down
        D /= total
        D -= part
        return total / 2, D, bend


class Evaluator:
    """A forward as a function of copies of the input at `position`: its `kept` outputs as rows of real numbers."""

    def __init__(
        self,
        primal: Callable[..., Sequence[Array]],
        batched: Callable[[Sequence[Array], Sequence[bool]], Sequence[Array]] | None,
        arrays: Sequence[Array],
        position: int,
        kept: Sequence[int],
        width: int,
    ) -> None:
        self.primal, self.batched, self.arrays, self.position, self.kept = primal, batched, arrays, position, kept
        self.width = width
        """How many numbers the kept outputs are."""
        self.alone = 0
        """Copies that ran one by one."""

    def doubt_batches(self, base: Array) -> None:
        """Evaluate one by one, unless a batch gives what the forward does, but for rounding: of what is not known to be made of
        ops only.
        """
        if self.batched is not None:
            try:
                found, alone = self._together(np.stack([base, base])), self._one(np.array(base))
                size = np.nanmax(np.abs(alone), initial=0.0)
                agree = np.allclose(found, alone, rtol=1e-12, atol=1e-12 * size, equal_nan=True)
            except LOST:
                agree = False
            if not agree:
                self.batched = None

    def __call__(self, copies: Array) -> Array:
        """(copies, *shape) -> (copies, numbers), which may be the function's own; NaN where the forward is not defined."""
        if self.batched is not None:
            try:
                return self._together(copies)
            except LOST:
                pass  # one copy spoils the batch: each on its own
        self.alone += len(copies)
        rows = np.empty((len(copies), self.width))
        for row, moved in zip(rows, copies, strict=True):
            row[:] = self._one(moved)
        return rows

    def _together(self, copies: Array) -> Array:
        assert self.batched is not None
        flags = [k == self.position for k in range(len(self.arrays))]
        found = self.batched([copies if f else a for a, f in zip(self.arrays, flags, strict=True)], flags)
        rows = [_rows(found[k]) for k in self.kept]
        return rows[0] if len(rows) == 1 else np.concatenate(rows, axis=1)

    def _one(self, moved: Array) -> Array | float:
        given = [moved if k == self.position else np.array(a) for k, a in enumerate(self.arrays)]
        try:
            row = outputs_as_real(self.primal(*given), self.kept)
        except LOST:
            return np.nan
        return row if len(row) == self.width else np.nan


def outputs_as_real(outputs: Sequence[Any], kept: Sequence[int]) -> Array:
    """The kept outputs as one vector of real numbers, which may be an output's own."""
    parts = [as_real(np.asarray(outputs[k])) for k in kept]
    return parts[0] if len(parts) == 1 else np.concatenate([np.zeros(0), *parts])


def _rows(stack: Array) -> Array:
    """(copies, *shape) as (copies, real numbers)."""
    return as_real(np.asarray(stack)).reshape(len(stack), -1) if np.size(stack) else np.zeros((len(stack), 0))
