"""`verify()`, and running spec files: what the command line and Python programs call."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from gradcheck_cli.errors import GradcheckError, Mistake, RuleError, SpecError, UsageError
from gradcheck_cli.report.report import Report

if TYPE_CHECKING:
    from gradcheck_cli.check.problem import Problem
    from gradcheck_cli.check.result import CheckResult
    from gradcheck_cli.spec.model import Case, FunctionSpec, SpecFile

SUFFIXES = (".yaml", ".yml")


def verify(
    target: Any,
    inputs: Any = None,
    *,
    backward: Callable[..., Any] | None = None,
    function: str | None = None,
    case: str | None = None,
    name: str | None = None,
    **options: Any,
) -> Report:
    """Check gradients against central differences.

    `target` is a spec file (or a folder of them), of which `function` and `case` may select one; or a callable:

    - with `backward=`: a forward on NumPy arrays, and its rule: `backward(grad, *inputs)` returns one gradient per input
      that requires one. The rule's parameters may also be named `grad`, `out` and like the inputs, in any order.
    - a `Function.apply`, or any function of engine tensors.

    `inputs` are arrays or tensors, in a sequence or by name. Arrays of floating or complex numbers require a gradient;
    of tensors those that say so. `options` are those of a spec's `check:` block: rtol, atol, eps, order, points, mode,
    kinks, seed. The inputs and NumPy's random state are left as they were. Raises UsageError and SpecError.
    """
    if isinstance(target, str | Path):
        if inputs is not None or backward is not None:
            raise UsageError("a spec file brings its own inputs and rules: pass neither inputs nor backward")
        return run_specs([str(target)], Selection(function, case), options, strict=True)
    if not callable(target):
        raise UsageError(f"verify() takes a path or a callable, not {type(target).__name__}")
    if inputs is None:
        raise UsageError("verify() of a callable needs its inputs: verify(f, [x, y])")
    from gradcheck_cli.check.check import check

    problem = _problem_of(target, inputs, backward, name, options)
    return Report((check(problem),), seed=problem.settings.seed)


def _problem_of(
    target: Callable[..., Any], inputs: Any, backward: Callable[..., Any] | None, name: str | None, options: dict[str, Any]
) -> Problem:
    from gradcheck_cli.check.array_problem import array_problem
    from gradcheck_cli.check.engine_problem import as_outputs, engine_problem
    from gradcheck_cli.engine import Tensor, no_grad
    from gradcheck_cli.engine.stop import freeze

    settings = _settings(options)
    given = _inputs(target, inputs, forward_only=backward is None)
    called = name or _name_of(target)
    if backward is not None:
        return array_problem(called, target, backward, given, settings=settings)

    def plain(*arrays: Any) -> Any:
        with no_grad():
            outputs = as_outputs(target(*[Tensor(a) for a in arrays]))
        return [y.data if isinstance(y, Tensor) else y for y in outputs]

    primal = freeze(plain, *[x.value for x in given])
    return engine_problem(called, given, target, primal=primal, settings=settings)


def _settings(options: Mapping[str, Any]) -> Any:
    from dataclasses import fields

    from gradcheck_cli.check.problem import Settings

    names = [f.name for f in fields(Settings)]
    for option in options:
        if option not in names:
            raise UsageError(f"verify() has no option {option!r}{_nearest(option, names)}")
    settings = Settings(**options)
    rtol, atol = settings.tolerances()
    checks = {
        "rtol": 0 < rtol < 1,
        "atol": 0 <= atol < float("inf"),
        "eps": settings.eps is None or 0 < settings.eps < float("inf"),
        "order": settings.order in (1, 2),
        "points": isinstance(settings.points, int) and settings.points >= 1,
        "mode": settings.mode in ("", "full", "projected"),
        "kinks": settings.kinks in ("subgradient", "fail", "skip"),
        "seed": isinstance(settings.seed, int) and settings.seed >= 0,
    }
    for option, valid in checks.items():
        if not valid:
            raise UsageError(f"verify(): {option}={getattr(settings, option)!r} is out of its range")
    return settings


def _nearest(word: str, known: Iterable[str]) -> str:
    from difflib import get_close_matches

    found = get_close_matches(word, list(known), n=1)
    return f"; did you mean {found[0]!r}?" if found else ""


def _inputs(target: Callable[..., Any], inputs: Any, forward_only: bool) -> list[Any]:
    """The inputs with their names: those of a mapping, or of the callable's parameters."""
    import numpy as np

    from gradcheck_cli.check.problem import Input
    from gradcheck_cli.engine import Tensor

    if isinstance(inputs, Mapping):
        names, values = list(map(str, inputs)), list(inputs.values())
    else:
        values = list(inputs) if isinstance(inputs, tuple | list) else [inputs]
        names = _parameter_names(target, len(values))
    tensors = any(isinstance(v, Tensor) for v in values)
    found = []
    for name, value in zip(names, values, strict=True):
        array = np.array(value.data if isinstance(value, Tensor) else value)
        if array.dtype.kind not in "fciub":
            raise UsageError(f"input {name!r} must hold numbers, found {array.dtype}")
        if array.dtype.kind == "f" and array.dtype.itemsize < 4:
            array = array.astype(np.float32)
        wanted = value.requires_grad if isinstance(value, Tensor) else array.dtype.kind in "fc" and not tensors
        found.append(Input(name, array, bool(wanted)))
    if not any(x.requires_grad for x in found):
        hint = "pass tensors with requires_grad=True" if tensors else "pass arrays of floating numbers"
        raise UsageError(f"no input requires a gradient, so there is nothing to check; {hint}")
    return found


def _parameter_names(target: Callable[..., Any], count: int) -> list[str]:
    """The callable's parameter names where they fit the inputs, else x0, x1, ..."""
    from inspect import Parameter, signature

    plain = (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)
    subject = getattr(target, "__self__", None)
    skip = 0
    if isinstance(subject, type) and hasattr(subject, "forward"):
        target, skip = subject.forward, 1
    try:
        names = [p.name for p in signature(target).parameters.values() if p.kind in plain][skip : skip + count]
    except (TypeError, ValueError):
        names = []
    return names if len(names) == count else [f"x{k}" for k in range(count)]


def _name_of(target: Callable[..., Any]) -> str:
    subject = getattr(target, "__self__", None)
    if isinstance(subject, type):
        return subject.__name__
    return str(getattr(target, "__name__", type(target).__name__)).strip("<>")


# Spec files.


class Selection(NamedTuple):
    """Which checks of the files are wanted."""

    function: str | None = None
    case: str | None = None
    keyword: str = ""
    """As pytest's -k: words to be found in `function[case]`, with and, or, not."""

    def wants(self, function: str, case: str) -> bool:
        """Whether the check is selected."""
        if self.function not in (None, function) or self.case not in (None, case):
            return False
        return not self.keyword or keyword_matches(self.keyword, f"{function}[{case}]")


def keyword_matches(expression: str, name: str) -> bool:
    """`not` binds tighter than `and`, `and` tighter than `or`; a word matches where it occurs, whatever its case."""
    return any(
        all(_word_matches(word.strip(), name.lower()) for word in part.split(" and "))
        for part in expression.lower().split(" or ")
    )


def _word_matches(word: str, name: str) -> bool:
    if word.startswith("not "):
        return not _word_matches(word[4:].strip(), name)
    return word in name or (name.endswith("[default]") and word == name.removesuffix("[default]"))


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
        place = Path(path)
        if path != "-" and place.is_dir():
            inside = sorted(str(p) for p in place.rglob("*") if p.suffix in SUFFIXES and p.is_file())
            if not inside:
                raise UsageError(f"there is no spec file (.yaml, .yml) in the folder {path}")
            found += inside
        elif path != "-" and not place.exists():
            raise UsageError(f"there is no file or folder {path}")
        else:
            found.append(path)
    return list(dict.fromkeys(found))


def plan(paths: Iterable[str], selection: Selection) -> tuple[list[Planned], list[Mistake]]:
    """What a run of these files would check, in their order; and what is wrong with the files that cannot be used."""
    from gradcheck_cli.spec.loader import load, loads

    planned: list[Planned] = []
    mistakes: list[Mistake] = []
    for path in spec_files(paths):
        try:
            file = loads(_standard_input()) if path == "-" else load(path)
        except SpecError as error:
            mistakes += error.mistakes
            continue
        planned += [
            Planned(file, function, case)
            for function in file.functions.values()
            for case in function.cases
            if selection.wants(function.name, case.name)
        ]
    return planned, mistakes


def _standard_input() -> str:
    import sys

    return sys.stdin.buffer.read(2**21).decode("utf-8", "replace")


def run_specs(
    paths: Sequence[str],
    selection: Selection | None = None,
    options: Mapping[str, Any] | None = None,
    *,
    strict: bool = False,
    stop_at_first: bool = False,
    watch: Callable[[Iterator[CheckResult], int], Iterable[CheckResult]] | None = None,
) -> Report:
    """Check spec files. With `strict` an invalid file raises SpecError instead of being reported."""
    selection, options = selection or Selection(), dict(options or {})
    overrides = {n: v for n, v in options.items() if v is not None}
    _settings(overrides)
    planned, mistakes = plan(paths, selection)
    if strict and mistakes:
        raise SpecError(mistakes)
    if strict and not planned:
        wanted = "/".join(filter(None, (selection.function, selection.case)))
        raise UsageError(f"{', '.join(paths)}: there is no check {wanted!r}")
    results = _results(planned, overrides, mistakes, stop_at_first)
    checks = tuple(watch(results, len(planned)) if watch is not None else results)
    return Report(checks, tuple(mistakes), seed=int(overrides.get("seed", 0)))


def _results(
    planned: Sequence[Planned], overrides: Mapping[str, Any], mistakes: list[Mistake], stop_at_first: bool
) -> Iterator[CheckResult]:
    for item in planned:
        result = run_one(item, overrides)
        if isinstance(result, SpecError):
            mistakes += result.mistakes
        else:
            yield result
        if stop_at_first and (isinstance(result, SpecError) or result.verdict in ("fail", "error")):
            return


def run_one(item: Planned, overrides: Mapping[str, Any]) -> CheckResult | SpecError:
    """One check: every draw of its inputs, until one is found wrong."""
    from gradcheck_cli.check.check import check
    from gradcheck_cli.spec.build import problems

    merged: CheckResult | None = None
    try:
        for make in problems(item.file, item.function, item.case, overrides):
            result = check(make())
            merged = result if merged is None else _worse(merged, result)
            if merged.verdict in ("fail", "error"):
                break
    except SpecError as error:
        return error
    except (GradcheckError, RuleError) as error:
        merged = _broken(item, error)
    assert merged is not None
    place = item.function.location if item.case.name == "default" else item.case.location
    merged = replace(merged, case=item.case.name, file=item.file.path, location=place)
    return merged.expecting(item.case.expect.verdict, item.case.expect.code)


def _broken(item: Planned, error: GradcheckError) -> CheckResult:
    from gradcheck_cli.check.findings import Finding
    from gradcheck_cli.check.result import CheckResult

    finding = Finding("GC501", str(error), item.case.location)
    return CheckResult(item.function.name, verdict="error", findings=(finding,))


def _worse(one: CheckResult, other: CheckResult) -> CheckResult:
    """Of two draws the one to show, with the work of both."""
    order = ("error", "fail", "inconclusive", "pass")
    shown = min(one, other, key=lambda r: order.index(r.verdict))
    return replace(
        shown,
        forward_evaluations=one.forward_evaluations + other.forward_evaluations,
        backward_evaluations=one.backward_evaluations + other.backward_evaluations,
        seconds=one.seconds + other.seconds,
    )
