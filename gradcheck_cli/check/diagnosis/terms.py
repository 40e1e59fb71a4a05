"""Hypotheses of sums: a term missing or too many, entries averaged, contributions left out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations_with_replacement
from typing import Any

import numpy as np

from gradcheck_cli.check.diagnosis.cause import Diagnosis
from gradcheck_cli.check.diagnosis.evidence import BUDGET, Evidence, distinct
from gradcheck_cli.check.diagnosis.factors import ENOUGH, Known

Array = np.ndarray[Any, Any]


def term(e: Evidence, others: Sequence[Evidence], known: Known) -> Iterator[Diagnosis]:
    """numeric - claimed is a known gradient, or a product of known values."""
    if not e.positional or len(e.numbers) < ENOUGH or len(distinct((e.D - e.A)[e.wrong])) == 0:
        return
    for o in others:
        if not o.positional or o.A.shape != e.A.shape or not (o.right | ~o.decided).all():
            continue
        for sign in (1.0, -1.0):
            if len(o.numbers) >= ENOUGH and e.explains(e.A + sign * o.A):
                yield _term(e, sign, f"the gradient of {o.name}")
                return
    yield from _product(e, known)


def _term(e: Evidence, c: float, words: str) -> Diagnosis:
    size = {1.0: "", -1.0: "-"}.get(c, f"{c:g} x ")
    fault = "it is missing, or its sign or its factor is wrong"
    return Diagnosis("missing_term", f"off by one term: numeric - claimed = {size}{words} on {e.count()}; {fault}")


def _product(e: Evidence, known: Known) -> Iterator[Diagnosis]:
    """c u v grad for elementwise functions and for single outputs, with u and v among 1, inputs and outputs."""
    m, n = e.A.shape
    elementwise = e.out_places == e.places and m * n <= BUDGET
    if not elementwise and m != 1:
        return
    fitting = [(name, v.reshape(-1)) for name, v in known if v.shape == e.places or (v.size == 1 and abs(v.flat[0]) != 1)]
    values = [("", np.ones(n)), *((name, np.broadcast_to(v, n)) for name, v in fitting[:6])]
    gap = e.D - e.A
    r = np.diagonal(gap) if elementwise else gap[0]
    usable = np.isfinite(r)
    for (a, u), (b, v) in combinations_with_replacement(values, 2):
        w = u * v
        if len(distinct(w)) < ENOUGH and (a or b):
            continue
        for c in (1.0, -1.0, 2.0, -2.0, 0.5, -0.5):
            allowed = np.diagonal(e.allowed) if elementwise else e.allowed[0]
            if np.any(np.abs(c * w - r)[usable] > 2 * allowed[usable]):
                continue
            if e.explains(e.A + (np.diag(c * w) if elementwise else c * w[None])):
                yield _term(e, c, "".join(f"{part} x " for part in (a, b) if part) + "grad")
                return


def averaged(e: Evidence) -> Iterator[Diagnosis]:
    """claimed = the mean, or the sum, of the numeric values along some axes."""
    if not e.positional or not e.decided.all() or len(e.numbers) < ENOUGH:
        return
    for columns, shape, of in ((True, e.places, "the gradient of " + e.name), (False, e.out_places, "the cotangent")):
        if not shape or (len(shape) == 1 and shape[0] < 2):
            continue
        sides = [*([tuple(range(len(shape)))] if len(shape) > 1 else []), *((k,) for k, n in enumerate(shape) if n > 1)]
        M, allowed = (e.D, e.allowed) if columns else (e.D.T, e.allowed.T)
        A = e.A if columns else e.A.T
        stacked, slack = M.reshape(len(M), *shape), allowed.reshape(len(M), *shape)
        for axes in sides:
            along = tuple(k + 1 for k in axes)
            for word, reduce in (("averaged", np.mean), ("summed", np.sum)):
                one = np.broadcast_to(reduce(stacked, axis=along, keepdims=True), stacked.shape).reshape(A.shape)
                loose = np.broadcast_to(reduce(slack, axis=along, keepdims=True), stacked.shape).reshape(A.shape)
                with np.errstate(all="ignore"):
                    fits = np.all(np.abs(one - A) <= 2 * loose)
                if fits and np.any(one != 0):
                    where = "over all entries" if len(axes) == len(shape) else f"along axis {axes[0]}"
                    yield Diagnosis("averaged", f"{of} is {word} {where}, but its entries have to be kept apart")
                    return


def left_out(e: Evidence) -> Iterator[Diagnosis]:
    """Outputs that an entry reaches, but whose share the rule leaves out: a missing sum."""
    zeros = e.wrong & (e.A == 0)
    if not e.positional or not zeros.any() or (e.wrong & ~zeros).any() or not e.A.any():
        return
    yield from _one_slice(e)
    yield from _overwritten(e)
    yield from _unmixed(e)


def _one_slice(e: Evidence) -> Iterator[Diagnosis]:
    """Of an axis along which the input is broadcast only one index counts."""
    shape = e.out_places
    if not shape:
        return
    own = (1,) * (len(shape) - len(e.places)) + e.places
    silent = (e.wrong & (e.A == 0)).any(1)
    heard = e.right.any(1) & (e.A != 0).any(1)
    index = np.indices(shape).reshape(len(shape), -1)
    for axis, n in enumerate(shape):
        if n < 2 or own[axis] != 1 or not _broadcasts(own, shape):
            continue
        counted = np.unique(index[axis][heard])
        if len(counted) == 1 and not np.any(silent & (index[axis] == counted[0])):
            what = f"the sum over axis {axis} of {e.output}, along which {e.name} is broadcast, is missing"
            yield Diagnosis("missing_sum", f"{what}: only index {counted[0]} of {n} counts, the others give zero")
            return


def _overwritten(e: Evidence) -> Iterator[Diagnosis]:
    """Each entry keeps the share of one output, where it reaches several."""
    shares, kept = ((e.D != 0) & e.decided).sum(0), (e.A != 0).sum(0)
    several = shares > 1
    if several.any() and np.all(kept[shares > 0] == 1) and (~several & (shares == 1)).any():
        what = f"shares of {e.name} are overwritten instead of added"
        yield Diagnosis(
            "missing_sum", f"{what}: {int(several.sum())} entries reach several outputs, and only one of these counts for each"
        )


def _unmixed(e: Evidence) -> Iterator[Diagnosis]:
    """Only the diagonal counts, where each output depends on all entries along an axis."""
    shape, index = e.places, np.arange(e.A.shape[1])
    rows, columns = np.nonzero(e.wrong)
    if e.out_places != shape or len(shape) > 4 or np.any(rows == columns) or np.any(e.A[~np.eye(len(index), dtype=bool)]):
        return
    there = np.array(np.unravel_index(rows, shape)) != np.array(np.unravel_index(columns, shape))
    axes = np.flatnonzero(there.any(1))
    count = int(np.prod([shape[k] for k in axes]))
    if count >= 3 and np.all(np.bincount(rows, minlength=len(index)) == count - 1):
        along = f"axis {', '.join(map(str, axes))}" if len(axes) == 1 else f"axes {', '.join(map(str, axes))}"
        what = f"a sum over {along} is missing: each entry of {e.output} depends on all entries of {e.name} along it"
        yield Diagnosis("missing_sum", f"{what}, but only its own one counts")


def _broadcasts(small: tuple[int, ...], shape: tuple[int, ...]) -> bool:
    return all(a in (1, b) for a, b in zip(small, shape, strict=True)) and len(small) == len(shape)
