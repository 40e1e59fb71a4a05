"""Hypotheses of right numbers in wrong places: transposed, rolled, reversed, permuted, swapped between inputs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import permutations
from typing import Any

import numpy as np

from gradcheck_cli.check.diagnosis.cause import Diagnosis
from gradcheck_cli.check.diagnosis.evidence import BUDGET, Evidence

Array = np.ndarray[Any, Any]
Move = tuple[str, str, Array]
"""Cause, words with a place for the array's name, and where each flat entry is taken from."""


def swapped_both(e: Evidence, others: Sequence[Evidence], signs: bool) -> Iterator[Diagnosis]:
    """The gradient of this input was given for another one, and the reverse; `signs`: where two wrong signs do the same."""
    for o in _comparable(e, others):
        if not o.wrong.any() or (e.scaled_explains(-1.0) and o.scaled_explains(-1.0)) != signs:
            continue
        # Two numbers that are each other's are no chance, even if they are round.
        if e.explains(o.A) and o.explains(e.A):
            what = f"the gradients of {e.name} and {o.name} are swapped: each equals the other's on {e.count()}"
            yield Diagnosis("swapped", what)


def swapped(e: Evidence, others: Sequence[Evidence]) -> Iterator[Diagnosis]:
    """The claimed values are another input's gradient, or another input's claimed values are this one's."""
    for o in _comparable(e, others):
        with np.errstate(all="ignore"):
            same = np.abs(e.A - o.D) <= o.allowed
        decided = e.decided & o.decided
        if e.telling and decided.any() and np.all(same[decided]) and np.any(o.D[decided] != 0):
            yield Diagnosis("swapped", f"this is the gradient of {o.name}: claimed for {e.name} = numeric for {o.name}")


def _comparable(e: Evidence, others: Sequence[Evidence]) -> Iterator[Evidence]:
    for o in others:
        if e.positional and o.positional and o.A.shape == e.A.shape and o.value.shape == e.value.shape:
            yield o


def moved(e: Evidence) -> Iterator[Diagnosis]:
    """The claimed Jacobian with columns (or rows, or both) taken from other places is the numeric one."""
    if not e.positional or not e.telling:
        return
    columns = list(_bounded(_moves(e.places), e.A.size))
    for cause, words, taken in columns:
        if e.moved_explains(None, taken):
            yield Diagnosis(cause, f"the gradient of {e.name} is {words}: put back, {e.count()} are right")
            return
    rows = [] if e.out_places is None else list(_bounded(_moves(e.out_places), e.A.size))
    for cause, words, taken in rows:
        if e.moved_explains(taken, None):
            yield Diagnosis(cause, f"the cotangent of {e.output} is used {words}: put back, {e.count()} are right")
            return
    turned = [(r, c) for r in rows for c in columns if r[0] == c[0] == "transposed"]
    for r, c in turned[:16]:
        if e.moved_explains(r[2], c[2]):
            yield Diagnosis("transposed", f"both the cotangent and the gradient of {e.name} are {c[1]}: put back, all is right")
            return
    yield from _matched(e)


def _bounded(moves: Iterator[Move], cost: int) -> Iterator[Move]:
    """As many as the budget allows; a move that is none is left out."""
    for spent, move in enumerate(moves):
        if spent * min(cost, 1_000) > BUDGET:
            return
        if not np.array_equal(move[2], np.arange(len(move[2]))):
            yield move


def _moves(shape: tuple[int, ...]) -> Iterator[Move]:
    size = int(np.prod(shape))
    flat = np.arange(size).reshape(shape)
    if 2 <= len(shape) <= 4:
        for order in permutations(range(len(shape))):
            turned = flat.transpose(order)
            keeps = turned.shape == shape
            back = np.argsort(turned.ravel())
            if keeps:
                axes = [a for a, b in enumerate(order) if a != b]
                words = f"transposed (axes {', '.join(map(str, axes))})" if len(shape) > 2 else "transposed"
                yield "transposed", words, back
            else:
                yield "transposed", "reshaped where it has to be transposed", back
                yield "transposed", "transposed where it has to be reshaped", turned.ravel()
    for axis, n in enumerate(shape):
        along = f" along axis {axis}" if len(shape) > 1 else ""
        yield "permuted", f"reversed{along}", np.flip(flat, axis).ravel()
        for k in sorted(range(1, min(n, 64)), key=lambda k: min(k, n - k)):
            shown = k if k <= n - k else k - n
            yield "permuted", f"rolled by {shown}{along}", np.roll(flat, -k, axis).ravel()
    if len(shape) > 1:
        yield "permuted", "reversed", flat.ravel()[::-1]
        yield "permuted", "rolled by 1 (of the flat array)", np.roll(flat.ravel(), -1)
        yield "permuted", "rolled by -1 (of the flat array)", np.roll(flat.ravel(), 1)


def _matched(e: Evidence) -> Iterator[Diagnosis]:
    """Slices along an axis in another order, each found where it fits."""
    for columns, shape, of in ((True, e.places, e.name), (False, e.out_places, e.output)):
        for axis, n in enumerate(shape or ()):
            if not 3 <= n <= 256 or n * e.A.size > BUDGET:
                continue
            order = _order(e, shape or (), axis, columns)
            if order is None:
                continue
            flat = np.arange(int(np.prod(shape or ()))).reshape(shape or ())
            taken = np.take(flat, order, axis).ravel()
            if e.moved_explains(None if columns else taken, taken if columns else None):
                moved_ones = [f"{i} at {k}" for i, k in enumerate(order) if i != k]
                shown = ", ".join(moved_ones[:6]) + (", ..." if len(moved_ones) > 6 else "")
                what = f"the gradient of {of}" if columns else f"the cotangent of {of}"
                yield Diagnosis("permuted", f"{what} is in another order along axis {axis}: {shown}; put back, all is right")
                return


def _order(e: Evidence, shape: tuple[int, ...], axis: int, columns: bool) -> list[int] | None:
    """For each slice of the numeric Jacobian the one claimed slice that equals it; None where that is not clear."""

    def slices(M: Array) -> Array:
        M = M if columns else M.T
        found: Array = np.moveaxis(M.reshape(len(M), *shape), axis + 1, 0).reshape(shape[axis], -1)
        return found

    A, D, allowed, decided = slices(e.A), slices(e.D), slices(e.allowed), slices(e.decided)
    order = []
    for i in range(len(D)):
        with np.errstate(all="ignore"):
            fits = np.flatnonzero(np.all((np.abs(A - D[i]) <= allowed[i]) | ~decided[i], axis=1))
        if len(fits) != 1:
            return None
        order.append(int(fits[0]))
    return order if sorted(order) == list(range(len(D))) else None


def conjugated(e: Evidence) -> Iterator[Diagnosis]:
    """Imaginary parts with the other sign: of the gradient, of the cotangent, or of what one is multiplied by for the other."""
    if not e.positional or not e.telling:
        return
    both = all(e.outputs.arrays[k].dtype.kind == "c" for k in e.outputs.kept)
    columns = np.tile([1.0, -1.0], e.A.shape[1] // 2) if e.value.dtype.kind == "c" else None
    rows = np.tile([1.0, -1.0], e.A.shape[0] // 2)[:, None] if both else None
    if columns is not None and e.scaled_explains(columns):
        yield Diagnosis("conjugate", f"the gradient of {e.name} has to be conjugated: then {e.count()} are right")
    elif rows is not None and e.scaled_explains(rows):
        yield Diagnosis("conjugate", f"the cotangent has to be conjugated: then {e.count()} are right")
    elif rows is not None and columns is not None and e.scaled_explains(rows * columns):
        what = "what the cotangent is multiplied by has to be conjugated"
        yield Diagnosis("conjugate", f"{what}: then {e.count()} are right")
