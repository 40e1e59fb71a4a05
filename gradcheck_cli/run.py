"""Running spec files: from paths to a report."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

from gradcheck_cli.errors import GradcheckError, Mistake, SpecError, UsageError, nearest
from gradcheck_cli.options import settings_from
from gradcheck_cli.planning import Planned, plan
from gradcheck_cli.report.report import Report
from gradcheck_cli.selection import Selection

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from gradcheck_cli.check.problem import Settings
    from gradcheck_cli.check.result import CheckResult


def run_specs(
    paths: Sequence[str],
    selection: Selection | None = None,
    options: Mapping[str, Any] | None = None,
    *,
    base: Mapping[str, Any] | None = None,
    strict: bool = False,
    stop_at_first: bool = False,
    executor: Executor | None = None,
    watch: Callable[[Iterator[CheckResult], int], Iterable[CheckResult]] | None = None,
) -> Report:
    """Check spec files; with an `executor` its workers do the checks, and the results are the same.

    `options` win over what the files say, `base` holds where they say nothing. With `strict` an invalid file, a selection of
    nothing, and an internal error raise instead of being reported.
    """
    start = time.perf_counter()
    selection = selection or Selection()
    overrides = {n: v for n, v in (options or {}).items() if v is not None}
    settings = settings_from({**(base or {}), **overrides})
    _refuse_loose(settings)
    planned, mistakes = plan(paths, selection, base)
    if strict and mistakes:
        raise SpecError(mistakes)
    if strict and not planned:
        raise UsageError(_nothing_selected(paths, selection))
    _refuse_many(planned, overrides)
    outcomes = _here(planned, overrides, strict) if executor is None else _there(executor, planned, overrides, strict)
    results = _until(outcomes, mistakes, stop_at_first)
    checks = tuple(watch(results, len(planned)) if watch is not None else results)
    return Report(
        checks,
        tuple(mistakes),
        seed=settings.seed,
        options=overrides,
        seconds=time.perf_counter() - start,
        sources={p.file.path: p.file.text for p in planned},
    )


def _refuse_loose(settings: Settings) -> None:
    """What no spec may ask for, the run's own options must not ask for either. Raises UsageError."""
    from gradcheck_cli.spec import limits

    asked = settings.tolerances()[0]
    if asked > limits.RTOL and (settings.rtol, settings.eps) != (None, None):
        raise UsageError(f"rtol must be at most {limits.RTOL} (--max-rtol); the options ask for {asked}")


def _refuse_many(planned: Sequence[Planned], overrides: Mapping[str, Any]) -> None:
    """Raises UsageError where there are more checks than a run may do."""
    from gradcheck_cli.spec import limits
    from gradcheck_cli.spec.build import points_of

    count = sum(points_of(item.case, overrides) for item in planned)
    if count > limits.CHECKS:
        raise UsageError(f"a run does at most {limits.CHECKS:,} checks; found {count:,}; {limits.hint('CHECKS', count)}")


def _nothing_selected(paths: Sequence[str], selection: Selection) -> str:
    everything = plan(paths, Selection())[0]
    functions = dict.fromkeys(p.function.name for p in everything)
    if selection.function is not None and selection.function not in functions:
        return f"{', '.join(paths)}: there is no function {selection.function!r}{nearest(selection.function, functions)}"
    cases = dict.fromkeys(p.case.name for p in everything if selection.function in (None, p.function.name))
    return f"{', '.join(paths)}: there is no case {selection.case!r}{nearest(selection.case or '', cases)}"


def _until(outcomes: Iterator[CheckResult | SpecError], mistakes: list[Mistake], stop_at_first: bool) -> Iterator[CheckResult]:
    """The results; what is wrong with files is put to the other mistakes."""
    for outcome in outcomes:
        if isinstance(outcome, SpecError):
            mistakes += outcome.mistakes
        else:
            yield outcome
        if stop_at_first and (isinstance(outcome, SpecError) or outcome.verdict in ("fail", "error")):
            outcomes.close()  # type: ignore[attr-defined]
            return


class Draw(NamedTuple):
    """One check at one draw of its inputs: the smallest piece of work."""

    item: Planned
    point: int


def draws(item: Planned, overrides: Mapping[str, Any]) -> list[Draw]:
    """All draws of a check's inputs."""
    from gradcheck_cli.spec.build import points_of

    return [Draw(item, point) for point in range(points_of(item.case, overrides))]


def _here(planned: Sequence[Planned], overrides: Mapping[str, Any], strict: bool) -> Iterator[CheckResult | SpecError]:
    """Check one after the other."""
    for item in planned:
        yield _merged(item, (_attempt(d, overrides, strict) for d in draws(item, overrides)))


def _there(
    executor: Executor, planned: Sequence[Planned], overrides: Mapping[str, Any], strict: bool
) -> Iterator[CheckResult | SpecError]:
    """Let the executor's workers check; in the order of the files."""
    from gradcheck_cli.workers import in_order

    pieces = [draws(item, overrides) for item in planned]
    work = partial(_attempt, overrides=dict(overrides), strict=strict)
    found = in_order(executor, work, [d for piece in pieces for d in piece], _lost)
    for item, piece in zip(planned, pieces, strict=True):
        yield _merged(item, iter(list(islice(found, len(piece)))))


def _lost(draw: Draw, error: BaseException) -> CheckResult:
    """A check that its worker did not finish."""
    if isinstance(error, TimeoutError):
        return _broken(draw.item, "GC506", "the check did not end in the time that it is allowed, and was stopped")
    said = f"{type(error).__name__}: {error}".rstrip(": ")
    return _broken(draw.item, "GC505", f"the check was lost: {said}")


def _attempt(draw: Draw, overrides: Mapping[str, Any], strict: bool) -> CheckResult | SpecError:
    try:
        return run_draw(draw, overrides)
    except Exception as error:
        if strict:
            raise
        return _internal_error(draw.item, error)


def run_one(item: Planned, overrides: Mapping[str, Any], explain: bool = True) -> CheckResult | SpecError:
    """One check: every draw of its inputs, until one is found wrong; `explain`: whether to look for what would mend it."""
    return _merged(item, (run_draw(d, overrides, explain) for d in draws(item, overrides)))


def run_draw(draw: Draw, overrides: Mapping[str, Any], explain: bool = True) -> CheckResult | SpecError:
    """One check at one draw of its inputs."""
    import numpy as np

    from gradcheck_cli.check.check import check
    from gradcheck_cli.check.plan import TooLargeError
    from gradcheck_cli.spec import limits
    from gradcheck_cli.spec.build import problem_at
    from gradcheck_cli.spec.language.program import metered

    item = draw.item
    try:
        with np.errstate(all="ignore"):
            problem = problem_at(item.file, item.function, item.case, overrides, draw.point)
            with metered():
                result = check(problem, explain=explain)
            if explain and result.verdict == "fail" and item.case.expect.verdict != "fail":
                from gradcheck_cli.spec.repair import Wrong, mended

                result = mended(result, Wrong(problem, item.file, item.function, item.case, overrides))
            return result
    except SpecError as error:
        return error
    except TooLargeError as error:
        message = f"mode: full may ask for {limits.JACOBIAN_ENTRIES:,} Jacobian entries; here it asks for {error.entries:,}"
        return SpecError([Mistake(item.case.location, message, limits.hint("JACOBIAN_ENTRIES", error.entries))])
    except GradcheckError as error:
        return _broken(item, "GC501", str(error))
    except MemoryError as error:
        return _broken(item, "GC505", f"the check ran out of memory: {error}".rstrip(": "))


def _merged(item: Planned, results: Iterator[CheckResult | SpecError]) -> CheckResult | SpecError:
    """What all draws up to the first that is wrong say together."""
    merged: CheckResult | None = None
    for result in results:
        if isinstance(result, SpecError):
            return result
        merged = result if merged is None else _worse(merged, result)
        if merged.verdict in ("fail", "error"):
            break
    assert merged is not None
    return _placed(merged, item).expecting(item.case.expect.verdict, item.case.expect.code)


def _placed(result: CheckResult, item: Planned) -> CheckResult:

    place = item.function.location if item.case.name == "default" else item.case.location
    return result._replace(case=item.case.name, file=item.file.path, location=place)


def _broken(item: Planned, code: str, message: str) -> CheckResult:
    from gradcheck_cli.check.findings import Finding
    from gradcheck_cli.check.result import CheckResult

    return CheckResult(item.function.name, verdict="error", findings=(Finding(code, message, item.case.location),))


def _internal_error(item: Planned, error: Exception) -> CheckResult:
    """A bug of this program, which must not cost the results of the other checks: its traceback goes to stderr."""
    import traceback

    traceback.print_exception(error)
    return _broken(item, "GC599", f"{type(error).__name__}: {error}")


def _worse(one: CheckResult, other: CheckResult) -> CheckResult:
    """Of two draws the one to show, with the work of both."""
    order = ("error", "fail", "inconclusive", "pass")
    shown = min(one, other, key=lambda r: order.index(r.verdict))
    return shown._replace(
        forward_evaluations=one.forward_evaluations + other.forward_evaluations,
        backward_evaluations=one.backward_evaluations + other.backward_evaluations,
        seconds=one.seconds + other.seconds,
    )
