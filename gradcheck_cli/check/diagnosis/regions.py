"""Where a rule is wrong, when it is right elsewhere: a condition on values, a place, a single entry."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import comb
from typing import Any, NamedTuple

import numpy as np

from gradcheck_cli.check.diagnosis.cause import Diagnosis
from gradcheck_cli.check.diagnosis.evidence import Evidence, distinct, is_round

Array = np.ndarray[Any, Any]
SPLIT = 20
"""Ways to choose as many wrong entries from all, from which on a sign that separates them is no chance,"""
OTHERS = 70
"""the same for the sign of another array,"""
THRESHOLD = 100
"""and a threshold."""
INTERVAL = 10_000
"""The same for an interval, of which there are many more."""


class Side(NamedTuple):
    """The columns or the rows of a Jacobian as entries of one array."""

    name: str
    shape: tuple[int, ...]
    wrong: Array
    """Flat positions of entries with a wrong derivative,"""
    fine: Array
    """and of those with right ones only, some of which are not zero."""
    still: Array
    """Those whose derivatives are all zero, and rightly so."""
    values: Sequence[tuple[str, Array]]
    """What may decide: the array itself, and others of its shape."""


def zero(e: Evidence) -> Iterator[Diagnosis]:
    """The claimed gradient is zero wherever it is wrong."""
    if not e.wrong.any() or np.any(e.A[e.wrong] != 0):
        return
    if not np.any(e.A[e.decided]):
        yield Diagnosis("zero", f"the gradient of {e.name} is zero everywhere, the numeric one is not ({e.count()})")
        return
    yield Diagnosis("zero", f"the gradient is zero in all {int(e.wrong.sum())} entries that are wrong{_whole_output(e)}")


def _whole_output(e: Evidence) -> str:
    """`: the cotangent of b is ignored`, where all rows of an output are zero."""
    kept, starts = e.outputs.kept, e.outputs.starts
    silent = [k for n, k in enumerate(kept) if not np.any(e.A[starts[n] : starts[n + 1]])]
    loud = [k for n, k in enumerate(kept) if np.any(e.D[starts[n] : starts[n + 1]])]
    names = [e.outputs.names[k] for k in silent if k in loud]
    if e.A.shape[0] != e.outputs.size or not names or e.wrong[_rows_of(e, [k for k in kept if k not in silent])].any():
        return ""
    return f": the cotangent of {', '.join(names)} is ignored"


def _rows_of(e: Evidence, outputs: list[int]) -> Array:
    starts = e.outputs.starts
    chosen = np.zeros(e.outputs.size, bool)
    for n, k in enumerate(e.outputs.kept):
        chosen[starts[n] : starts[n + 1]] = k in outputs
    return chosen


def located(e: Evidence, known: Sequence[tuple[str, Array]]) -> Iterator[Diagnosis]:
    """The columns, or else the rows, that are wrong, in words; with the factor that holds there."""
    if not e.wrong.any() or not e.apart:
        return
    if not e.positional:
        yield from _one_column(e)
        return
    sides = [_side(e, known, columns=True)]
    if e.out_places is not None:
        sides.append(_side(e, known, columns=False))
    for side in sides:
        alone = len(side.wrong) == len(side.fine) == 1 and (side is sides[0] or len(side.still) > 0)
        if len(side.wrong) and (len(side.fine) >= 2 or alone):
            found = next(_described(side), None)
            if found is not None:
                yield Diagnosis(found.cause, found.message + _factor_there(e))
                return
    yield from _one_of_all(e)


def where(e: Evidence, known: Sequence[tuple[str, Array]]) -> Iterator[Diagnosis]:
    """Where the wrong entries are, or that the rule gives zero there."""
    place, nothing = next(located(e, known), None), next(zero(e), None)
    if place is not None:
        yield place._replace(cause="zero") if nothing is not None and place.cause == "region" else place
    elif nothing is not None:
        yield nothing


def _side(e: Evidence, known: Sequence[tuple[str, Array]], columns: bool) -> Side:
    axis = 0 if columns else 1
    array = e.value if columns else e.outputs.arrays[e.outputs.kept[0]]
    name = e.name if columns else e.output
    wrong = e.wrong.any(axis)
    fine = ~wrong & (e.right & ((e.A != 0) | (e.D != 0))).any(axis)
    # What is undecided belongs to neither.
    parts = 2 if array.dtype.kind == "c" else 1
    wrong, fine = wrong.reshape(-1, parts).any(1), fine.reshape(-1, parts).any(1) & ~wrong.reshape(-1, parts).any(1)
    values = [(name, array.reshape(-1))] if array.dtype.kind == "f" else []
    values += [(n, v.reshape(-1)) for n, v in known if v.shape == array.shape and n != name]
    still = ~wrong & ~fine & e.right.all(axis).reshape(-1, parts).all(1)
    return Side(name, array.shape, np.flatnonzero(wrong), np.flatnonzero(fine), np.flatnonzero(still), values)


def _described(side: Side) -> Iterator[Diagnosis]:
    """The simplest description of the wrong entries that no right one fits."""
    if len(side.wrong) == 1:
        index = tuple(map(int, np.unravel_index(side.wrong[0], side.shape)))
        yield _single(side.name, index, len(side.fine) + len(side.still))
        return
    yield from _by_sign(side)
    yield from _by_place(side)
    yield from _by_threshold(side)


def _single(name: str, index: tuple[int, ...], others: int) -> Diagnosis:
    rest = "all other entries are right" if others > 1 else "the other entry is right"
    return Diagnosis("single_entry", f"only {name}[{','.join(map(str, index))}] is wrong, {rest}")


def _one_column(e: Evidence) -> Iterator[Diagnosis]:
    """A single entry of an input that has a structure, whose columns are the entries of a triangle."""
    wrong = e.wrong.any(axis=0)
    fine = ~wrong & (e.right & ((e.A != 0) | (e.D != 0))).any(axis=0)
    if e.triangle is not None and wrong.sum() == 1 and fine.sum() >= 2:
        found = _single(e.name, e.triangle.index(int(np.argmax(wrong))), int(fine.sum()))
        yield found._replace(message=found.message + _factor_there(e))


def _ways(side: Side) -> int:
    total, wrong = len(side.wrong) + len(side.fine), len(side.wrong)
    return comb(min(total, 200), min(wrong, len(side.fine), 100))


def _by_sign(side: Side) -> Iterator[Diagnosis]:
    if _ways(side) < SPLIT:
        return
    for name, v in side.values:
        if name != side.name and _ways(side) < OTHERS:
            continue
        wrong, fine = v[side.wrong], v[side.fine]
        for sign, apart in ((">", (wrong > 0).all() and (fine <= 0).all()), ("<", (wrong < 0).all() and (fine >= 0).all())):
            if apart:
                yield _region(side, f"where {name} {sign} 0")


def _region(side: Side, place: str) -> Diagnosis:
    return Diagnosis("region", f"wrong only {place} ({len(side.wrong)} entries of {side.name}), right elsewhere")


def _by_place(side: Side) -> Iterator[Diagnosis]:
    """One index along an axis, all but one, or the border."""
    if _ways(side) < SPLIT * sum(side.shape) or not side.shape:
        return
    wrong = np.array(np.unravel_index(side.wrong, side.shape))
    fine = np.array(np.unravel_index(side.fine, side.shape))
    for axis, n in enumerate(side.shape):
        for i in {0, n - 1, int(wrong[axis][0])} if n > 1 else ():
            place = f"the {'first' if i == 0 else 'last'} index" if i in (0, n - 1) else f"index {i}"
            if len(side.shape) == 1:
                continue
            if (wrong[axis] == i).all() and (fine[axis] != i).all():
                yield _region(side, f"at {place} along axis {axis}")
            elif n > 2 and (wrong[axis] != i).all() and (fine[axis] == i).all():
                yield _region(side, f"away from {place} along axis {axis}")
    last = np.array(side.shape)[:, None] - 1
    outer, inner = ((wrong == 0) | (wrong == last)).any(0), ((fine == 0) | (fine == last)).any(0)
    if outer.all() and not inner.any():
        yield _region(side, "at the border")
    elif not outer.any() and inner.all():
        yield _region(side, "away from the border")


def _by_threshold(side: Side) -> Iterator[Diagnosis]:
    """Above or below a number, in value or in size; or within an interval."""
    ways = _ways(side)
    if ways < THRESHOLD:
        return
    for name, v in side.values:
        for text, u in ((name, v), (f"|{name}|", np.abs(v))):
            wrong, fine = u[side.wrong], u[side.fine]
            if wrong.min() > fine.max():
                yield _region(side, f"where {text} >= {wrong.min():.6g} (right up to {fine.max():.6g})")
            elif wrong.max() < fine.min():
                yield _region(side, f"where {text} <= {wrong.max():.6g} (right from {fine.min():.6g})")
    if ways >= INTERVAL:
        for name, v in side.values:
            wrong, fine = v[side.wrong], v[side.fine]
            if not ((fine >= wrong.min()) & (fine <= wrong.max())).any():
                yield _region(side, f"where {wrong.min():.6g} <= {name} <= {wrong.max():.6g}")


def _factor_there(e: Evidence) -> str:
    """`; there numeric = 2.000000 x claimed`, if that is so."""
    if not np.any(e.A[e.wrong]):
        return "; it is zero there"
    c = e.ratio(e.wrong)
    if c is None or not e.explains(c * e.A, e.wrong):
        return ""
    there = e.D[e.wrong]
    if len(distinct(there)) < 2 and not (abs(c) in (1.0, 2.0, 0.5) or e.telling):
        return ""
    return f"; there numeric = {c:.6g} x claimed"


def _one_of_all(e: Evidence) -> Iterator[Diagnosis]:
    """A single entry of the whole Jacobian."""
    shown = e.decided & ((e.A != 0) | (e.D != 0))
    if int(e.wrong.sum()) == 1 and int(shown.sum()) >= 4:
        k, j = (int(i[0]) for i in np.nonzero(e.wrong))
        yield Diagnosis("single_entry", f"only the derivative of output {k} by entry {j} of {e.name} (counted flat) is wrong")


def rounded(e: Evidence) -> Iterator[Diagnosis]:
    """Claimed values that are all numbers of float32, and off by its rounding."""
    A, D = e.A[e.wrong], e.D[e.wrong]
    claimed = e.A[e.decided & (e.A != 0)]
    if e.value.dtype != np.float64 or len(distinct(claimed[~is_round(claimed)])) < 4 or not np.isfinite(A).all():
        return
    with np.errstate(all="ignore"):
        relative = (A - D) / np.abs(D)
        exact = np.all(claimed == claimed.astype(np.float32).astype(np.float64))
    if exact and np.all(np.abs(relative) < 3e-6):
        largest = float(np.max(np.abs(relative)))
        what = f"every claimed value is a number of float32, and off by up to {largest:.0e} of the numeric one"
        yield Diagnosis("float32", f"rounded to float32 inside: {what}")
