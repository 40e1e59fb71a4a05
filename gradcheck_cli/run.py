"""Running spec files: from paths to a report."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from operator import index
from os import listdir
from os.path import basename, dirname, exists, isdir
from typing import TYPE_CHECKING, Any, NamedTuple

from gradcheck_cli.errors import GradcheckError, Location, Mistake, SpecError, UsageError, did_you_mean
from gradcheck_cli.report.report import Report
from gradcheck_cli.selection import Selection

if TYPE_CHECKING:
    from gradcheck_cli.check.problem import Settings
    from gradcheck_cli.check.result import CheckResult
    from gradcheck_cli.spec.model import Case, FunctionSpec, SpecFile

SUFFIXES = (".yaml", ".yml")
STDIN = "<stdin>"


class Planned(NamedTuple):
    """One check that a run would do."""

    file: SpecFile
    function: FunctionSpec
    case: Case

    @property
    def name(self) -> str:
        """As in `CheckResult.name`."""
        return self.function.name if self.case.name == "default" else f"{self.function.name}[{self.case.name}]"


def spec_files(paths: Iterable[str]) -> list[str]:
    """The files that the paths name: a folder stands for all spec files below it. Raises UsageError."""
    found: list[str] = []
    for path in paths:
        if path != "-" and isdir(path):
            found += _inside(path)
        elif path != "-" and not exists(path):
            raise UsageError(f"there is no file or folder {path}{nearest(basename(path), _beside(path))}")
        else:
            found.append(path)
    return list(dict.fromkeys(found))


def _inside(folder: str) -> list[str]:
    from pathlib import Path

    inside = sorted(str(p) for p in Path(folder).rglob("*") if p.suffix in SUFFIXES and p.is_file())
    if not inside:
        raise UsageError(f"there is no spec file (.yaml, .yml) in the folder {folder}")
    return inside


def _beside(path: str) -> list[str]:
    try:
        return listdir(dirname(path) or ".")
    except (OSError, ValueError):
        return []


def plan(paths: Iterable[str], selection: Selection) -> tuple[list[Planned], list[Mistake]]:
    """What a run of these files would check, in their order; and what is wrong with the files that cannot be used."""
    from gradcheck_cli.spec.loader import load, loads

    wants = selection.matcher()
    planned: list[Planned] = []
    mistakes: list[Mistake] = []
    for path in spec_files(paths):
        try:
            file = loads(_standard_input(), STDIN) if path == "-" else load(path)
        except SpecError as error:
            mistakes += error.mistakes
            continue
        every = (Planned(file, function, case) for function in file.functions.values() for case in function.cases)
        planned += [p for p in every if wants(p.function.name, p.case.name)]
    return planned, mistakes


def _standard_input() -> str:
    import sys

    try:
        return sys.stdin.buffer.read(2**21).decode()
    except UnicodeDecodeError:
        raise SpecError([Mistake(Location(STDIN, 1, 1), "a spec must be UTF-8")]) from None


def run_specs(
    paths: Sequence[str],
    selection: Selection | None = None,
    options: Mapping[str, Any] | None = None,
    *,
    strict: bool = False,
    stop_at_first: bool = False,
    watch: Callable[[Iterator[CheckResult], int], Iterable[CheckResult]] | None = None,
) -> Report:
    """Check spec files.

    With `strict` an invalid file, a selection of nothing, and an internal error raise instead of being reported.
    """
    selection = selection or Selection()
    overrides = {n: v for n, v in (options or {}).items() if v is not None}
    settings = settings_from(overrides)
    planned, mistakes = plan(paths, selection)
    if strict and mistakes:
        raise SpecError(mistakes)
    if strict and not planned:
        raise UsageError(_nothing_selected(paths, selection))
    results = _results(planned, overrides, mistakes, stop_at_first, strict)
    checks = tuple(watch(results, len(planned)) if watch is not None else results)
    return Report(checks, tuple(mistakes), seed=settings.seed, options=overrides)


def _nothing_selected(paths: Sequence[str], selection: Selection) -> str:
    everything = plan(paths, Selection())[0]
    functions = dict.fromkeys(p.function.name for p in everything)
    if selection.function is not None and selection.function not in functions:
        return f"{', '.join(paths)}: there is no function {selection.function!r}{nearest(selection.function, functions)}"
    cases = dict.fromkeys(p.case.name for p in everything if selection.function in (None, p.function.name))
    return f"{', '.join(paths)}: there is no case {selection.case!r}{nearest(selection.case or '', cases)}"


def _results(
    planned: Sequence[Planned], overrides: Mapping[str, Any], mistakes: list[Mistake], stop_at_first: bool, strict: bool
) -> Iterator[CheckResult]:
    for item in planned:
        try:
            result = run_one(item, overrides)
        except Exception as error:
            if strict:
                raise
            result = _internal_error(item, error)
        if isinstance(result, SpecError):
            mistakes += result.mistakes
        else:
            yield result
        if stop_at_first and (isinstance(result, SpecError) or result.verdict in ("fail", "error")):
            return


def run_one(item: Planned, overrides: Mapping[str, Any], explain: bool = True) -> CheckResult | SpecError:
    """One check: every draw of its inputs, until one is found wrong; `explain`: whether to look for what would mend it."""
    import numpy as np

    from gradcheck_cli.check.check import check
    from gradcheck_cli.spec.build import problems

    merged: CheckResult | None = None
    try:
        with np.errstate(all="ignore"):
            for make in problems(item.file, item.function, item.case, overrides):
                problem = make()
                result = check(problem, explain=explain)
                if explain and result.verdict == "fail" and item.case.expect.verdict != "fail":
                    from gradcheck_cli.spec.repair import Wrong, mended

                    result = mended(result, Wrong(problem, item.file, item.function, item.case, overrides))
                merged = result if merged is None else _worse(merged, result)
                if merged.verdict in ("fail", "error"):
                    break
    except SpecError as error:
        return error
    except GradcheckError as error:
        merged = _broken(item, "GC501", str(error))
    assert merged is not None
    merged = _placed(merged, item)
    return merged.expecting(item.case.expect.verdict, item.case.expect.code)


def _placed(result: CheckResult, item: Planned) -> CheckResult:
    from dataclasses import replace

    place = item.function.location if item.case.name == "default" else item.case.location
    return replace(result, case=item.case.name, file=item.file.path, location=place)


def _broken(item: Planned, code: str, message: str) -> CheckResult:
    from gradcheck_cli.check.findings import Finding
    from gradcheck_cli.check.result import CheckResult

    return CheckResult(item.function.name, verdict="error", findings=(Finding(code, message, item.case.location),))


def _internal_error(item: Planned, error: Exception) -> CheckResult:
    """A bug of this program, which must not cost the results of the other checks: its traceback goes to stderr."""
    import traceback

    traceback.print_exception(error)
    return _placed(_broken(item, "GC599", f"{type(error).__name__}: {error}"), item)


def _worse(one: CheckResult, other: CheckResult) -> CheckResult:
    """Of two draws the one to show, with the work of both."""
    from dataclasses import replace

    order = ("error", "fail", "inconclusive", "pass")
    shown = min(one, other, key=lambda r: order.index(r.verdict))
    return replace(
        shown,
        forward_evaluations=one.forward_evaluations + other.forward_evaluations,
        backward_evaluations=one.backward_evaluations + other.backward_evaluations,
        seconds=one.seconds + other.seconds,
    )


# Options.


def settings_from(options: Mapping[str, Any]) -> Settings:
    """The settings with these options; None stands for the default. Raises UsageError."""
    from gradcheck_cli.check.problem import Settings

    for option in options:
        if option not in Settings._fields:
            raise UsageError(f"there is no option {option!r}{nearest(option, Settings._fields)}")
    given = {name: value for name, value in options.items() if value is not None}
    for name, value in given.items():
        must = _broken_range(name, value)
        if must:
            raise UsageError(f"{name} must be {must}; found {value!r}")
    return Settings(**given)


_CHOICES = {
    "taylor": (True, False),
    "order": (1, 2),
    "mode": ("", "full", "projected"),
    "kinks": ("subgradient", "fail", "skip"),
}
_RANGES: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "rtol": ("a number between 0 and 1", lambda v: 0 < v < 1),
    "atol": ("a finite number, 0 or more", lambda v: 0 <= v < float("inf")),
    "eps": ("a finite number greater than 0", lambda v: 0 < v < float("inf")),
    "points": ("a whole number, 1 or more", lambda v: index(v) >= 1),
    "seed": ("a whole number, 0 or more", lambda v: index(v) >= 0),
}


def _broken_range(name: str, value: Any) -> str:
    """What an option must be, if `value` is not that; else ''."""
    if name in _CHOICES:
        choices = _CHOICES[name]
        return "" if value in choices else " or ".join(repr(c) for c in choices if c != "")
    must, holds = _RANGES[name]
    try:
        return "" if not isinstance(value, str | bool) and holds(value) else must
    except (TypeError, ValueError, OverflowError):
        return must


def nearest(word: str, known: Iterable[str]) -> str:
    """`; did you mean 'x'?`, where something is near."""
    hint = did_you_mean(word, known)
    return f"; {hint}" if hint else ""
