"""Hypotheses of a factor: constant, along an axis, or a value that the rule knows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from gradcheck_cli.check.diagnosis.cause import Diagnosis
from gradcheck_cli.check.diagnosis.evidence import SEVERAL, Evidence, distinct

Array = np.ndarray[Any, Any]
Known = Sequence[tuple[str, Array]]
SIMPLE = (2.0, 3.0, 4.0)
SMALL = 5.0
"""Factors below, but for 2, are chance too often where a single number shows them."""
ENOUGH = 3
"""Different numbers that must show a factor which is not a simple one, or that match a known value."""


def simple(e: Evidence, known: Known) -> Iterator[Diagnosis]:
    """numeric = c claimed everywhere, where c is -1, a small number, or the size of an axis (or one by it)."""
    c = e.ratio(e.wrong)
    if c is None or not e.scaled_explains(c):
        return
    if e.scaled_explains(-1.0):
        yield Diagnosis("sign", f"the sign is wrong: {_shown(e, -1.0)}")
        return
    sizes = _sizes(e, known)
    s = next((s for s in _candidates(sizes) if e.telling and e.scaled_explains(s)), None)
    if s is None or (int(e.wrong.sum()) == 1 and abs(s) not in (2.0, 0.5) and 1 / SMALL < abs(s) < SMALL):
        return
    size = abs(s) if abs(s) > 1 else 1 / abs(s)
    what = f"{_number(s)} is missing" if abs(s) > 1 else f"{_number(1 / s)} is too many"
    plain = Diagnosis("factor", f"a factor {what}: {_shown(e, s)}")
    # Where the forward takes a mean over an axis, its output does not have it.
    in_output = any(round(size) in e.outputs.arrays[k].shape for k in e.outputs.kept)
    if s > 0 and round(size) in sizes and _sums(e) and not (s < 1 and in_output):
        n = round(size)
        if n == 2:  # no number tells one from the other
            yield plain._replace(message=f"{plain.message}; 2 is also {sizes[n]}")
            return
        what = "a mean stands where a sum belongs" if s > 1 else "a sum stands where a mean belongs"
        yield Diagnosis("mean_for_sum" if s > 1 else "sum_for_mean", f"{what}: {_shown(e, s)}, and {sizes[n]} is {n}")
    yield plain


def constant(e: Evidence, known: Known) -> Iterator[Diagnosis]:
    """numeric = c claimed everywhere, whatever c is."""
    c = e.ratio(e.wrong)
    several = len(e.numbers) > 1 or (e.telling and int(e.wrong.sum()) >= SEVERAL)
    if c is not None and several and e.scaled_explains(c):
        yield Diagnosis("factor", f"off by one factor everywhere: {_shown(e, c)}{_is_known(e, known)}")


def _shown(e: Evidence, c: float) -> str:
    return (
        f"numeric = {c:.6f} x claimed on {e.count()}" if 1e-3 <= abs(c) < 1e5 else f"numeric = {c:.6e} x claimed on {e.count()}"
    )


def _number(c: float) -> str:
    whole = round(c * c)
    return f"{c:g}" if abs(c - round(c)) < 1e-9 * abs(c) else f"{'-' if c < 0 else ''}sqrt({whole})"


def _sizes(e: Evidence, known: Known) -> dict[int, str]:
    """Sizes of axes, of the input and of the others, and what each is the size of."""
    found: dict[int, str] = {}
    arrays = [(e.name, e.value), *known]
    for name, array in arrays:
        for axis, n in enumerate(array.shape):
            found.setdefault(n, f"the size of axis {axis} of {name}")
    for name, array in arrays:
        found.setdefault(array.size, f"the size of {name}")
        if array.ndim > 2:
            found.setdefault(array.size // array.shape[0], f"the number of entries of {name} along the axes after the first")
            found.setdefault(array.size // array.shape[1], f"the number of entries of {name} along all axes but 1")
    return {n: what for n, what in found.items() if n > 1}


def _candidates(sizes: dict[int, str]) -> list[float]:
    """Factors that need no more evidence than one number that is not round, the simplest first."""
    whole = list(dict.fromkeys([*SIMPLE, *map(float, sizes)]))
    both = [f for n in whole for f in (n, 1 / n)]
    roots = [f for n in sizes for f in (n**0.5, n**-0.5) if n > 2]
    return [sign * f for f in both + roots for sign in (1.0, -1.0)]


def _sums(e: Evidence) -> bool:
    """Whether an output depends on several entries, or an entry reaches several outputs."""
    there = e.D != 0
    return bool((there.sum(0) > 1).any() or (there.sum(1) > 1).any())


def _is_known(e: Evidence, known: Known) -> str:
    """` (= beta)` where the factor is a number that the rule knows, or the quotient of two."""
    numbers = [(name, float(v.flat[0])) for name, v in known if v.size == 1 and float(v.flat[0]) not in (0.0, 1.0, -1.0)]
    forms = [form for a, u in numbers for form in ((a, u), (f"1/{a}", 1 / u), (f"{a}**2", u * u), (f"-{a}", -u))]
    forms += [(f"{a}/{b}", u / v) for a, u in numbers[:8] for b, v in numbers[:8] if a != b]
    return next((f" (= {text})" for text, other in forms if e.scaled_explains(other)), "")


def along_an_axis(e: Evidence) -> Iterator[Diagnosis]:
    """numeric = c_i claimed, with one factor for each index i along an axis of the input or of the output."""
    if not e.positional:
        return
    yield from _along(e, e.places, columns=True)
    if e.out_places is not None:
        yield from _along(e, e.out_places, columns=False)


def _along(e: Evidence, places: tuple[int, ...], columns: bool) -> Iterator[Diagnosis]:
    index = np.indices(places).reshape(len(places), -1) if places else np.zeros((0, 1), int)
    for axis, n in enumerate(places):
        if not 2 <= n <= 64:
            continue
        factors = []
        for i in range(n):
            chosen = index[axis] == i
            among = e.decided & (chosen[None, :] if columns else chosen[:, None]) & ((e.A != 0) | (e.D != 0))
            c = e.ratio(among)
            if c is None or len(distinct(e.D[among])) < ENOUGH or not e.explains(c * e.A, among):
                break
            factors.append(c)
        wrong = [c for c in factors if abs(c - 1) > 1e-9]
        if len(factors) == n and len(distinct(np.array(wrong))) > 1:
            shown = ", ".join(f"{c:.6g}" for c in factors[:6]) + (", ..." if n > 6 else "")
            of = e.name if columns else e.output
            yield Diagnosis(
                "axis_factor", f"off by one factor for each index along axis {axis} of {of}: numeric = ({shown}) x claimed"
            )


FORMS: tuple[tuple[str, Callable[[Array], Array]], ...] = (
    ("{} is missing", lambda v: v),
    ("{} is too many", lambda v: 1 / v),
    ("{}**2 is missing", lambda v: v * v),
    ("{}**2 is too many", lambda v: 1 / (v * v)),
)


def known_value(e: Evidence, known: Known) -> Iterator[Diagnosis]:
    """numeric = v claimed, where v is an input or an output (or a power of it), entry by entry."""
    if not e.positional:
        return
    for name, v in known:
        for shape, columns in ((e.places, True), (e.out_places, False)):
            if shape is None or v.size < ENOUGH or not _broadcasts(v.shape, shape):
                continue
            for form, power in FORMS:
                with np.errstate(all="ignore"):
                    scale = np.broadcast_to(power(v), shape).reshape(-1)
                if len(distinct(scale)) < ENOUGH or len(e.numbers) < ENOUGH:
                    continue
                if e.scaled_explains(scale[None, :] if columns else scale[:, None]):
                    yield Diagnosis("missing_factor", f"the factor {form.format(name)}: put right, {e.count()} agree")
                    return


def _broadcasts(small: tuple[int, ...], shape: tuple[int, ...]) -> bool:
    try:
        return np.broadcast_shapes(small, shape) == shape
    except ValueError:
        return False
