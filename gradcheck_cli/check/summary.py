"""From judged entries to what is reported: one `InputResult` per input, and the findings that its entries make."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from gradcheck_cli.check.claimed import Outputs
from gradcheck_cli.check.comparison import Judged
from gradcheck_cli.check.coordinates import Coordinates
from gradcheck_cli.check.differences import PIECE
from gradcheck_cli.check.findings import CODES, Finding
from gradcheck_cli.check.problem import Input
from gradcheck_cli.check.result import LOOSE, SHOWN, Entry, Extent, InputResult
from gradcheck_cli.check.verdict import FAILING, UNDECIDED, Verdict, all_agree, among
from gradcheck_cli.errors import Location

Array = np.ndarray[Any, Any]
UNDECIDED_CODES = {
    Verdict.NOISE: "GC301",
    Verdict.SCALES: "GC302",
    Verdict.NEAR_KINK: "GC303",
    Verdict.NOT_FINITE: "GC304",
}


def by_policy(verdict: Array, kinks: str) -> Array:
    """Kinks as the `kinks` option wants them."""
    become = {"fail": Verdict.KINK_OUTSIDE, "skip": Verdict.SKIPPED}.get(kinks)
    if become is None:
        return verdict
    return np.where(among(verdict, (Verdict.KINK_BETWEEN, Verdict.KINK_OUTSIDE)), np.int8(become), verdict)


def worst_of_columns(result: InputResult) -> list[tuple[int, int]]:
    """(row, column) of the wrong entry with the largest relative error in each column that has one, the worst first."""
    with np.errstate(all="ignore"):
        relative = np.abs(result.claimed - result.numeric) / np.maximum(np.abs(result.claimed), np.abs(result.numeric))
    badness = np.where(among(result.verdicts, FAILING), np.nan_to_num(relative, nan=np.inf), -1.0)
    rows = np.argmax(badness, axis=0)
    largest = badness[rows, np.arange(len(rows))]
    order = np.argsort(-largest, kind="stable")
    return [(int(rows[j]), int(j)) for j in order if largest[j] >= 0]


def undecided_at_kinks(result: InputResult) -> InputResult:
    """The same, but what is wrong is undecided."""
    verdicts = np.where(among(result.verdicts, FAILING), np.int8(Verdict.NEAR_KINK), result.verdicts)
    entries = tuple(entry._replace(verdict=Verdict.NEAR_KINK) for entry in result.mismatches)
    shown = (*result.undecided, *entries)[:SHOWN]
    return result._replace(verdict="inconclusive", verdicts=verdicts, mismatches=(), undecided=shown)


def summarise(x: Input, judged: Judged, outputs: Outputs, coordinates: Coordinates, kinks: str, **rest: Any) -> InputResult:
    """Count, find the worst entries, and keep the arrays; `rest` are further fields of the result."""
    a, D, E, verdict = coordinates.entries(judged)
    verdict = by_policy(verdict, kinks)
    every = all_agree(verdict)
    settled = None if every else among(verdict, (Verdict.AGREE, Verdict.DISAGREE))
    largest = _largest_errors(a, D, E, settled)

    def entry(flat: Any) -> Entry:
        j, k = divmod(int(flat), a.shape[1])
        output, index = place_of(outputs, coordinates, k)
        place, part = coordinates.place(j, k)
        return Entry(output, index, place, float(a[j, k]), float(D[j, k]), float(E[j, k]), Verdict(verdict[j, k]), part)

    wrong = unknown = np.empty(0, np.intp)
    if not every:
        with np.errstate(all="ignore"):
            size = np.maximum(np.abs(a), np.abs(D))
            wrong = _worst_first(among(verdict, FAILING), np.abs(a - D) / np.where(size == 0, 1.0, size))
            unknown = _worst_first(among(verdict, UNDECIDED), E / size)
    return InputResult(
        name=x.name,
        shape=x.value.shape,
        verdict="fail" if len(wrong) else "inconclusive" if len(unknown) else "pass",
        claimed=coordinates.stored(a, 0.0).T,
        numeric=coordinates.stored(D, 0.0).T,
        error_bound=coordinates.stored(E, 0.0).T,
        verdicts=coordinates.stored(verdict, Verdict.AGREE).T,
        entries=outputs.size * coordinates.every,
        checked=a.size + coordinates.outside * outputs.size,
        max_abs_error=largest.absolute,
        max_rel_error=max(largest.relative, 0.0),
        worst=entry(largest.place) if largest.relative >= 0 else None,
        mismatches=tuple(map(entry, wrong)),
        undecided=tuple(map(entry, unknown)),
        bound=largest.bound,
        outputs=tuple(_extent(outputs.names[k], outputs.arrays[k]) for k in outputs.kept),
        **rest,
    )


class _Largest(NamedTuple):
    """Of the entries that are settled."""

    absolute: float = 0.0
    relative: float = -1.0
    """|a - D| / max(|a|, |D|); negative where no entry is settled,"""
    place: int = 0
    """and the flat position of the first such entry."""
    bound: float = 0.0
    """The largest finite error bound."""


def _largest_errors(a: Array, D: Array, E: Array, settled: Array | None) -> _Largest:
    """Piece by piece, as what is made on the way is then in the cache; `settled` None: all are."""
    found = _Largest()
    width = max(1, PIECE // max(1, a.shape[1]))
    for start in range(0, len(a) if a.size else 0, width):
        part = slice(start, start + width)
        with np.errstate(all="ignore"):
            error = np.abs(a[part] - D[part])
            size = np.maximum(np.abs(a[part]), np.abs(D[part]))
            if not size.all():
                size[size == 0] = 1.0
            relative = error / size
        bound = E[part]
        if settled is not None or not np.isfinite(bound.max()):
            bound = np.where(np.isfinite(bound), bound, 0.0)
        if settled is not None:
            left_out = ~settled[part]
            error[left_out], relative[left_out], bound[left_out] = 0.0, -1.0, 0.0
        worst = float(np.fmax.reduce(relative, axis=None))
        if worst > found.relative:
            place = start * a.shape[1] + int(np.argmax(relative == worst))
            found = found._replace(relative=worst, place=place)
        absolute = max(found.absolute, float(np.fmax.reduce(error, axis=None, initial=0.0)))
        found = found._replace(absolute=absolute, bound=max(found.bound, float(bound.max())))
    return found


def _extent(name: str, y: Array) -> Extent:
    return Extent(name, y.shape, 2 if y.dtype.kind == "c" else 1)


def place_of(outputs: Outputs, coordinates: Coordinates, k: int) -> tuple[str, tuple[int, ...]]:
    """Name of the output and index of the entry that row `k` is; `v.out` and its number for a combination."""
    row = coordinates.row(k)
    return ("v.out", (k,)) if row is None else outputs.place(row)


def _worst_first(chosen: Array, badness: Array) -> Array:
    """Flat positions of the chosen entries, the worst first (NaN is the worst), at most SHOWN.

    Equally bad ones, to a percent, keep their order: the differences' own noise must not shuffle them.
    """
    flat = np.flatnonzero(chosen)
    if not len(flat):
        return flat
    with np.errstate(all="ignore"):
        order = np.argsort(-np.nan_to_num(np.round(np.log10(badness.ravel()[flat]), 2), nan=np.inf), kind="stable")
    worst: Array = flat[order][:SHOWN]
    return worst


def findings_of(result: InputResult, missing: bool, place: Location | None) -> Iterator[Finding]:
    """What one input's entries amount to: one finding for the wrong ones, one for each reason to leave some open."""
    name = result.name
    if result.mismatches:
        code = _mismatch_code(result, missing)
        yield Finding(code, _mismatch_message(code, result, result.mismatches[0]), place, name)
    for verdict, code in UNDECIDED_CODES.items():
        entries = [e for e in result.undecided if e.verdict is verdict]
        if entries:
            count = int((result.verdicts == verdict).sum())
            yield Finding(code, _undecided_message(result, entries[0], code, count), place, name)
    loose = result.loose
    if loose:
        message = f"{loose} of {result.checked} entries of {name!r} differ by more than {LOOSE:.0%}, within the tolerance"
        yield Finding("GC607", message, place, name)


def _mismatch_code(result: InputResult, missing: bool) -> str:
    if missing:
        return "GC105"
    if not np.isfinite(result.mismatches[0].claimed):
        return "GC104"
    return "GC202" if all(m.verdict is Verdict.KINK_OUTSIDE for m in result.mismatches) else "GC201"


def _mismatch_message(code: str, result: InputResult, worst: Entry) -> str:
    where = entry_name(worst, result.name)
    count = f"{result.wrong} of {result.checked} entries"
    numbers = f"claimed {worst.claimed:.9g}, numeric {worst.numeric:.9g} ± {worst.error_bound:.1e}"
    if code == "GC105":
        return f"no gradient is returned for {result.name!r}, but {where} is {worst.numeric:.9g} ({count} are not zero)"
    if code == "GC104":
        return f"the gradient of {result.name!r} is not finite; {where}: {numbers}"
    if code == "GC202":
        return f"the gradient of {result.name!r} lies outside the one-sided slopes at a kink in {count}; {where}: {numbers}"
    return f"the gradient of {result.name!r} is wrong in {count}; worst {where}: {numbers}"


def _undecided_message(result: InputResult, entry: Entry, code: str, count: int) -> str:
    where = entry_name(entry, result.name)
    reached = f"could be checked to {entry.resolution:.1g} only" if np.isfinite(entry.resolution) else "could not be checked"
    return f"{count} of {result.checked} entries of {result.name!r} are undecided, {CODES[code].title}: {where} {reached}"


def entry_name(entry: Entry, name: str) -> str:
    """`d out[0] / d x[1,2]`."""
    return f"d {entry.output}{at(entry.output_index)} / d {name}{at(entry.input_index)}{entry.part and '.' + entry.part}"


def at(index: tuple[int, ...]) -> str:
    """`[1,2]`, or nothing for a number without axes."""
    return f"[{','.join(map(str, index))}]" if index else ""
