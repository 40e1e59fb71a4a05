"""`verify()`: what Python programs call."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from inspect import Parameter, signature
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from gradcheck_cli.errors import UsageError, nearest
from gradcheck_cli.options import settings_from
from gradcheck_cli.report.report import Report
from gradcheck_cli.run import run_specs
from gradcheck_cli.selection import Selection

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from gradcheck_cli.check.problem import Input, Problem


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
    - a `Function` (or its `apply`), or any function of engine tensors.

    `inputs` are arrays or tensors, in a sequence or by name. Arrays of floating or complex numbers require a gradient;
    of tensors those that say so. `name` is what the report calls a callable. `options` are those of a spec's `check:`
    block: rtol, atol, eps, order, points, mode, kinks, seed; `points` is for drawn inputs, so for specs only. With
    `pictures=True` the report holds what its pictures show: Taylor remainders and graphs. The inputs, the global random
    generators, NumPy's treatment of errors and the filters of warnings are left as they were. What a callable raises is a
    finding, SystemExit too; but KeyboardInterrupt passes through. Raises UsageError and SpecError.
    """
    if isinstance(target, str | Path):
        if inputs is not None or backward is not None or name is not None:
            raise UsageError("a spec file brings its own inputs, rules and names: pass neither inputs, backward nor name")
        return run_specs([str(target)], Selection(function, case), options, strict=True)
    if not callable(target):
        raise UsageError(f"verify() takes a path or a callable, not {type(target).__name__}")
    if function is not None or case is not None:
        raise UsageError("function and case select checks of a spec file; a callable is checked as it is")
    if inputs is None:
        raise UsageError("verify() of a callable needs its inputs: verify(f, [x, y])")
    if backward is not None and not callable(backward):
        raise UsageError(f"backward must be a callable, not {type(backward).__name__}")
    from gradcheck_cli.check.check import check
    from gradcheck_cli.check.guard import Guard, surroundings_kept

    with surroundings_kept():
        problem = _problem_of(target, inputs, backward, name, options)
        with Guard(problem) as guard:
            found = check(guard.problem)
    found = found._replace(findings=(*found.findings, *guard.notes()))
    return Report((found,), seed=problem.settings.seed, seconds=found.seconds)


def verify_many(
    specs: str | Path | Iterable[str | Path],
    *,
    executor: Executor | None = None,
    keyword: str = "",
    **options: Any,
) -> Report:
    """Check spec files, or folders of them, as `gradcheck run` does: one report of all checks, in the files' order.

    `executor` is any `concurrent.futures.Executor`: its workers do the checks, and the report is the same. A worker needs
    this package, and the array files that a spec names, at the same path. `keyword` selects as `-k`; `options` are as in
    `verify`. What is wrong with a file is in the report's `mistakes`. Raises UsageError.
    """
    paths = [specs] if isinstance(specs, str | Path) else specs
    return run_specs([str(path) for path in paths], Selection(keyword=keyword), options, executor=executor)


def _problem_of(
    target: Callable[..., Any], inputs: Any, backward: Callable[..., Any] | None, name: str | None, options: dict[str, Any]
) -> Problem:
    from gradcheck_cli.check.array_problem import array_problem
    from gradcheck_cli.check.engine_problem import tensor_problem
    from gradcheck_cli.engine import Function

    settings = settings_from(options)
    if isinstance(target, type) and issubclass(target, Function):
        target = target.apply
    called = name or _name_of(target)
    given = _inputs(target, inputs, called)
    if backward is not None:
        return array_problem(called, target, backward, given, settings=settings, python=True)
    return tensor_problem(called, given, target, settings=settings, python=True)


def _name_of(target: Callable[..., Any]) -> str:
    subject = getattr(target, "__self__", None)
    if isinstance(subject, type):
        return subject.__name__
    return str(getattr(target, "__name__", type(target).__name__)).strip("<>")


def _inputs(target: Callable[..., Any], inputs: Any, called: str) -> list[Input]:
    """The inputs with their names: those of a mapping, or of the callable's parameters."""
    from gradcheck_cli.check.problem import Input
    from gradcheck_cli.engine import Tensor

    named = _by_name(_parameters(target), inputs, called)
    tensors = any(isinstance(value, Tensor) for _, value in named)
    found = []
    for name, value in named:
        array = _as_array(name, value)
        wanted = value.requires_grad if isinstance(value, Tensor) else array.dtype.kind in "fc" and not tensors
        found.append(Input(name, array, bool(wanted), given=_callers(value)))
    if not any(x.requires_grad for x in found):
        hint = "pass tensors with requires_grad=True" if tensors else "pass arrays of floating numbers"
        raise UsageError(f"no input requires a gradient, so there is nothing to check; {hint}")
    return found


def _as_array(name: str, value: Any) -> Any:
    """A copy of the value as an array in the machine's byte order; float16 becomes float32."""
    import numpy as np

    own = _callers(value)
    if np.ma.is_masked(value):
        raise UsageError(f"input {name!r} has masked entries; fill them")
    try:
        array = np.array(value if own is None else own)
    except Exception as error:  # of an object that makes an array of itself, any
        raise UsageError(f"input {name!r} is no array: {error}") from None
    if array.dtype.kind not in "fciub":
        raise UsageError(f"input {name!r} must hold numbers, found {array.dtype}")
    return array.astype(np.float32 if array.dtype == np.float16 else array.dtype.newbyteorder("="), copy=False)


def _callers(value: Any) -> Any:
    """The array that the caller keeps, where there is one."""
    import numpy as np

    from gradcheck_cli.engine import Tensor

    array = value.data if isinstance(value, Tensor) else value
    return np.asarray(array) if isinstance(array, np.ndarray) else None


# The callable's own parameters.


class _Parameters(NamedTuple):
    names: tuple[str, ...] = ()
    required: int = 0
    open: bool = True
    """Whether it takes any number of arguments, or nothing is known."""


def _parameters(target: Callable[..., Any]) -> _Parameters:
    subject, skip = getattr(target, "__self__", None), 0
    if isinstance(subject, type) and hasattr(subject, "forward"):
        target, skip = subject.forward, 1
    try:
        found = list(signature(target).parameters.values())[skip:]
    except (TypeError, ValueError):
        return _Parameters()
    plain = [p for p in found if p.kind in (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)]
    required = sum(p.default is Parameter.empty for p in plain)
    return _Parameters(tuple(p.name for p in plain), required, any(p.kind is Parameter.VAR_POSITIONAL for p in found))


def _by_name(parameters: _Parameters, inputs: Any, called: str) -> list[tuple[str, Any]]:
    """Names and values in the order in which the callable takes them. Raises UsageError where they do not fit it."""
    by_name = isinstance(inputs, Mapping)
    values = list(inputs.values()) if by_name else list(inputs) if isinstance(inputs, tuple | list) else [inputs]
    count, names = len(values), parameters.names
    if not parameters.open and not parameters.required <= count <= len(names):
        raise UsageError(f"{called}({', '.join(names)}) cannot be called with {count} input{'s' if count != 1 else ''}")
    if not by_name:
        return list(zip(names[:count] if len(names) >= count else _numbered(count), values, strict=True))
    if parameters.open:
        return [(str(name), value) for name, value in inputs.items()]
    for name in inputs:
        if name not in names[:count]:
            raise UsageError(f"{called} has no input {name!r}{nearest(str(name), names)}")
    return [(name, inputs[name]) for name in names[:count]]


def _numbered(count: int) -> Iterable[str]:
    return [f"x{k}" for k in range(count)]
