"""Odd Python callables: each gets the finding that names what is odd about it, and nothing of it reaches the caller."""

from __future__ import annotations

import contextlib
import functools
import io
import logging
import os
import random
import subprocess
import sys
import threading
import warnings
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from gradcheck_cli import Function, GradcheckError, Tensor, UsageError, ops, verify

RNG = np.random.default_rng(0)
X = RNG.normal(size=(3, 4))
Y = RNG.normal(size=(3, 4)) + 2
S = np.array(1.5)


def after(result: Any, *done: Any) -> Any:
    """The first argument; the others are there for what they do."""
    return result


def raised(error: BaseException) -> Any:
    raise error


def slope(g: Any, x: Any) -> Any:
    return g * np.cos(x)


def rule(change: Callable[[Any, Any], Any]) -> Callable[..., Any]:
    """The right rule of sin, which then does something else."""
    return lambda g, x: after(g * np.cos(x), change(g, x))


def forward(change: Callable[[Any], Any]) -> Callable[..., Any]:
    """Sine, which then does something else."""
    return lambda x: after(np.sin(x), change(x))


class BadError(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no words")


class Evil(np.ndarray):
    """Says that it equals everything, and that nothing can be computed with it."""

    def __eq__(self, other: object) -> Any:
        return True

    __hash__ = None  # type: ignore[assignment]

    def __array_ufunc__(self, *args: Any, **how: Any) -> Any:
        raise RuntimeError("evil")


class Wrapped:
    """Something that makes an array of itself, as data frames do."""

    def __init__(self, array: Any) -> None:
        self.array = array

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        return self.array


@functools.lru_cache
def cosine(data: bytes, shape: tuple[int, ...]) -> Any:
    return np.cos(np.frombuffer(data).reshape(shape))


CALLS: Counter[str] = Counter()
BUFFER = np.empty((3, 4))
KEPT: dict[int, Any] = {}
LAST: list[Any] = []


def nth(name: str) -> int:
    CALLS[name] += 1
    return CALLS[name]


def last_slope(x: Any, is_known: Callable[[Any], bool]) -> Any:
    """The slope at `x`, kept from the last call if its input is known."""
    if not (LAST and is_known(LAST[0])):
        LAST[:] = [x, np.cos(x)]
    return LAST[1]


def in_a_thread(call: Callable[[], Any]) -> Any:
    found: list[Any] = []
    thread = threading.Thread(target=lambda: found.append(call()))
    thread.start()
    thread.join()
    return found[0]


def only_if(condition: bool, change: Callable[[], Any]) -> None:
    if condition:
        change()


def fails_once_written(g: Any, x: Any) -> Any:
    with contextlib.suppress(ValueError):
        g *= 2
    return g * np.cos(x) / 2


def elsewhere(x: Any) -> bool:
    return bool(np.abs(x - X).max() > 1e-12)


RULES: dict[str, tuple[Callable[..., Any], str]] = {
    "input: out=": (rule(lambda g, x: np.add(x, 1, out=x)), "GC114"),
    "input: through a view": (rule(lambda g, x: x.reshape(-1)[2:5].fill(0)), "GC114"),
    "input: transposed": (rule(lambda g, x: x.T[0].fill(0)), "GC114"),
    "input: add.at": (rule(lambda g, x: np.add.at(x, (0, 0), 1e-3)), "GC114"),
    "input: put": (rule(lambda g, x: np.put(x, [0], [3.0])), "GC114"),
    "input: memoryview": (rule(lambda g, x: memoryview(x).cast("B").__setitem__(slice(8), bytes(8))), "GC114"),
    "input: for one sign only": (rule(lambda g, x: only_if(g[0, 0] < 0, lambda: x.fill(0))), "GC114"),
    "input: shape": (rule(lambda g, x: setattr(x, "shape", (-1,))), "GC114"),
    "input: dtype": (rule(lambda g, x: setattr(x, "dtype", np.int64)), "GC114"),
    "input: made read-only": (rule(lambda g, x: x.setflags(write=False)), "pass"),
    "cotangent: contiguous ones": (rule(lambda g, x: only_if(g.flags.c_contiguous, lambda: g.fill(0))), "GC113"),
    "cotangent: others": (rule(lambda g, x: only_if(not g.flags.c_contiguous, lambda: g.fill(0))), "GC113"),
    "cotangent: in Fortran order": (
        rule(lambda g, x: only_if(g.flags.f_contiguous and not g.flags.c_contiguous, lambda: g.fill(0))),
        "GC113",
    ),
    "cotangent: one-hot ones": (rule(lambda g, x: only_if(np.count_nonzero(g) == 1, lambda: g.fill(0))), "GC113"),
    "cotangent: where allowed": (fails_once_written, "GC113"),
    "cotangent: made writeable": (rule(lambda g, x: after(g.setflags(write=True), g.fill(0))), "GC113"),
    "cotangent: add.at": (rule(lambda g, x: np.add.at(g, (0,), 1)), "GC113"),
    "cotangent: sorted": (rule(lambda g, x: g.sort(axis=0)), "GC113"),
    "cotangent: shape": (rule(lambda g, x: setattr(g, "shape", (-1,))), "GC113"),
    "output": (lambda grad, out, x: after(grad * np.cos(x), out.fill(0)), "GC114"),
    "buffer": (lambda g, x: np.multiply(g, np.cos(x), out=BUFFER), "GC111"),
    "view of a buffer": (lambda g, x: np.multiply(g, np.cos(x), out=BUFFER)[:], "GC111"),
    "copy of a buffer": (lambda g, x: np.multiply(g, np.cos(x), out=BUFFER).copy(), "pass"),
    "random": (lambda g, x: g * np.cos(x) * random.random(), "GC111"),
    "wrong for one call": (lambda g, x: g * np.cos(x) * (1 + (nth("fourth") == 4)), "GC111"),
    "wrong from some call on": (lambda g, x: g * np.cos(x) * (1 + (nth("from") > 3)), "GC111"),
    "memory by value": (lambda g, x: g * cosine(x.tobytes(), x.shape), "pass"),
    "memory by identity": (lambda g, x: g * KEPT.setdefault(id(x), np.cos(x)), "GC116"),
    "last input, by identity": (lambda g, x: g * last_slope(x, lambda y: y is x), "GC116"),
    "last input, by value": (lambda g, x: g * last_slope(np.array(x), lambda y: np.array_equal(x, y)), "pass"),
    "last input, by value, but not copied": (lambda g, x: g * last_slope(x, lambda y: np.array_equal(x, y)), "GC116"),
    "input itself": (lambda g, x: x, "GC115"),
    "tuple": (lambda g, x: (slope(g, x),), "pass"),
    "dictionary": (lambda g, x: {"x": slope(g, x)}, "pass"),
    "dictionary of no input": (lambda g, x: {0: 1, "a": 2}, "GC101"),
    "list of lists": (lambda g, x: slope(g, x).tolist(), "GC101"),
    "nothing": (lambda g, x: (), "GC101"),
    "too much": (lambda g, x: (slope(g, x), None, None), "GC101"),
    "None": (lambda g, x: None, "GC105"),
    "nested": (lambda g, x: ((slope(g, x),),), "GC103"),
    "generator": (lambda g, x: (a for a in [slope(g, x)]), "GC103"),
    "text": (lambda g, x: "abc", "GC103"),
    "NotImplemented": (lambda g, x: NotImplemented, "GC103"),
    "objects": (lambda g, x: slope(g, x).astype(object), "GC103"),
    "structures": (lambda g, x: np.zeros(x.shape, [("a", float)]), "GC103"),
    "complex": (lambda g, x: slope(g, x) + 0j, "GC103"),
    "another byte order": (lambda g, x: slope(g, x).astype(np.dtype(float).newbyteorder()), "GC103"),
    "makes an array of itself": (lambda g, x: Wrapped(slope(g, x)), "GC103"),
    "masked entries": (lambda g, x: np.ma.array(slope(g, x), mask=x > 0), "GC103"),
    "masked array without masked entries": (lambda g, x: np.ma.array(slope(g, x)), "pass"),
    "evil subclass": (lambda g, x: slope(g, x).view(Evil), "pass"),
    "evil subclass, wrong": (lambda g, x: (g * np.sin(x)).view(Evil), "GC201"),
    "number": (lambda g, x: 1.0, "GC102"),
    "transposed": (lambda g, x: slope(g, x).T, "GC102"),
    "infinite": (lambda g, x: slope(g, x) * np.inf, "GC104"),
    "exit": (lambda g, x: sys.exit(3), "GC106"),
    "exit for some": (rule(lambda g, x: only_if(np.count_nonzero(g) == 1, sys.exit)), "GC106"),
    "an error of ours": (lambda g, x: raised(GradcheckError("mine")), "GC106"),
    "a usage error": (lambda g, x: raised(UsageError("mine")), "GC106"),
    "error without words": (lambda g, x: raised(BadError()), "GC106"),
    "StopIteration": (lambda g, x: next(iter(())), "GC106"),
    "endless recursion": (lambda g, x: (lambda f: f(f))(lambda f: f(f)), "GC106"),
    "errors of NumPy": (rule(lambda g, x: after(np.seterr(all="raise"), np.log(0 * x))), "GC106"),
    "thread": (lambda g, x: in_a_thread(lambda: slope(g, x)), "pass"),
    "not even called": (dict, "GC106"),
    "writeable ones only": (lambda g, x: slope(g, x) if g.flags.writeable else g, "GC112"),
    "own memory only": (lambda g, x: slope(g, x) if g.base is None else g, "GC111"),
}

FORWARDS: dict[str, tuple[Callable[..., Any], str]] = {
    "input: out=": (lambda x: np.sin(x, out=x), "GC503"),
    "input: through a view": (forward(lambda x: x.ravel().fill(0)), "GC503"),
    "input: sorted": (forward(lambda x: x.sort()), "GC503"),
    "buffer": (lambda x: np.sin(x, out=BUFFER), "pass"),
    "random": (lambda x: np.sin(x) + np.random.rand(), "GC502"),  # noqa: NPY002
    "random of Python": (lambda x: np.sin(x) + random.random(), "GC502"),
    "seeded": (lambda x: after(np.sin(x), np.random.seed(0)), "pass"),  # noqa: NPY002
    "counting": (lambda x: np.sin(x) + nth("forward"), "GC502"),
    "memory by value": (lambda x: np.tan(np.arctan(np.sin(x))), "pass"),
    "list": (lambda x: [np.sin(x)], "pass"),
    "big-endian": (lambda x: np.sin(x).astype(">f8"), "pass"),
    "evil subclass": (lambda x: np.sin(x).view(Evil), "pass"),
    "makes an array of itself": (lambda x: Wrapped(np.sin(x)), "pass"),
    "masked entries": (lambda x: np.ma.array(np.sin(x), mask=x > 0), "GC501"),
    "dictionary": (lambda x: {"a": x}, "GC501"),
    "ragged": (lambda x: (x, (x, x[0])), "GC501"),
    "None": (lambda x: None, "GC501"),
    "generator": (lambda x: (a for a in [x]), "GC501"),
    "objects": (lambda x: x.astype(object), "GC501"),
    "exit": (lambda x: sys.exit(0), "GC501"),
    "an error of ours": (lambda x: raised(GradcheckError("mine")), "GC501"),
    "error without words": (lambda x: raised(BadError()), "GC501"),
    "endless recursion": (lambda x: (lambda f: f(f))(lambda f: f(f)), "GC501"),
    "thread": (lambda x: in_a_thread(lambda: np.sin(x)), "pass"),
    "exit elsewhere": (forward(lambda x: only_if(elsewhere(x), sys.exit)), "GC304"),
    "KeyError elsewhere": (forward(lambda x: only_if(elsewhere(x), lambda: {}[1])), "GC304"),
    "None elsewhere": (lambda x: None if elsewhere(x) else np.sin(x), "GC304"),
}


def checked(target: Any, inputs: Any, backward: Any = None, **options: Any) -> Any:
    (result,) = verify(target, inputs, backward=backward, **options).checks
    return result


def codes(result: Any) -> set[str]:
    """The verdict, or what was found besides notes; GC301 comes with every GC304."""
    return {f.code for f in result.findings if f.verdict != "note"} - {"GC301"} or {result.verdict}


@pytest.mark.parametrize("name", RULES)
def test_rules(name: str) -> None:
    backward, code = RULES[name]
    LAST.clear()
    x = X.copy()
    assert codes(checked(np.sin, [x], backward)) == {code}
    assert np.array_equal(x, X)


@pytest.mark.parametrize("name", FORWARDS)
def test_forwards(name: str) -> None:
    target, code = FORWARDS[name]
    x = X.copy()
    assert codes(checked(target, [x], slope)) == {code}
    assert np.array_equal(x, X)


# Functions of tensors.


def square(backward: Callable[..., Any], saved: Callable[..., Any] | None = None) -> type[Function]:
    def run(ctx: Any, x: Any) -> Any:
        y = x * x
        ctx.save_for_backward(x if saved is None else saved(x, y))
        return y

    return type("Square", (Function,), {"forward": staticmethod(run), "backward": staticmethod(backward)})


def squares(change: Callable[[Any, Any], Any]) -> type[Function]:
    """The right rule of x * x, which then does something else with its cotangent and the saved input."""
    return square(lambda ctx, g: after(2 * g * ctx.saved_tensors[0], change(g, ctx.saved_tensors[0])))


def of(run: Callable[..., Any]) -> type[Function]:
    return type("Of", (Function,), {"forward": staticmethod(run), "backward": staticmethod(lambda ctx, g: g)})


FUNCTIONS: dict[str, tuple[Any, str]] = {
    "right": (squares(lambda g, x: None), "pass"),
    "cotangent in place": (squares(lambda g, x: g.zero_()), "GC113"),
    "cotangent's array, if contiguous": (
        squares(lambda g, x: only_if(g.data.flags.c_contiguous, lambda: g.data.fill(0))),
        "GC113",
    ),
    "saved input": (squares(lambda g, x: x.data.fill(0)), "GC114"),
    "saved output": (square(lambda ctx, g: after(2 * g, ctx.saved_tensors[0].data.fill(0)), lambda x, y: y), "GC114"),
    "exit": (squares(lambda g, x: sys.exit()), "GC106"),
    "error of ours": (squares(lambda g, x: raised(UsageError("mine"))), "GC106"),
    "forward exits": (of(lambda ctx, x: sys.exit()), "GC501"),
    "forward gives an array": (of(lambda ctx, x: x.data), "GC501"),
    "forward gives nothing": (of(lambda ctx, x: None), "GC501"),
    "forward gives a list": (of(lambda ctx, x: [x]), "GC501"),
    "forward gives its input": (of(lambda ctx, x: x), "pass"),
    "forward writes": (of(lambda ctx, x: x.add_(1)), "GC503"),
    "function: exits": (lambda x: sys.exit(), "GC501"),
    "function: exits when recorded": (lambda x: sys.exit() if x.requires_grad else ops.sin(x), "GC106"),
    "function: exits elsewhere": (lambda x: sys.exit() if elsewhere(x.data) else ops.sin(x), "GC304"),
    "function: random": (lambda x: ops.sin(x) * np.random.rand(), "GC502"),  # noqa: NPY002
    "function: view": (lambda x: x[::-1].T, "pass"),
    "function: its input": (lambda x: x, "pass"),
    "function: writes": (lambda x: after(ops.sin(x), x.data.fill(0)), "GC503"),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_of_tensors(name: str) -> None:
    target, code = FUNCTIONS[name]
    x = Tensor(X, requires_grad=True)
    assert codes(checked(target, [x])) == {code}
    assert np.array_equal(x.data, X)


def test_hooks_that_raise() -> None:
    def hooked(x: Any) -> Any:
        y = ops.sin(x)
        if y.requires_grad:
            y.register_hook(lambda g: sys.exit())
        return y

    assert codes(checked(hooked, [Tensor(X, requires_grad=True)])) == {"GC106"}


def test_rule_that_exits_where_it_is_differentiated() -> None:
    cube = square(lambda ctx, g: sys.exit() if g.requires_grad else 2 * g * ctx.saved_tensors[0])
    assert codes(checked(cube, [Tensor(X, requires_grad=True)], order=2)) == {"GC205"}


# What is meant for somebody else.


@pytest.mark.parametrize("error", [KeyboardInterrupt, pytest.skip.Exception, GeneratorExit])
def test_interruptions_pass_through(error: type[BaseException]) -> None:
    before = vars(sys.stdout).get("write")
    for target, backward in (
        (np.sin, lambda g, x: raised(error())),
        (lambda x: raised(error()), slope),
        (forward(lambda x: raised(error()) if elsewhere(x) else None), slope),
    ):
        with pytest.raises(error):
            verify(target, [X], backward=backward)
    assert vars(sys.stdout).get("write") is before


# What the caller has.


@pytest.mark.parametrize("dtype", ["f8", ">f8", "f4", "f2"])
def test_callers_own_arrays_that_code_refers_to(dtype: str) -> None:
    mine = X.astype(dtype)
    kept = mine.copy()
    assert codes(checked(np.sin, [mine], rule(lambda g, x: mine.fill(1)))) == {"GC114"}
    assert np.array_equal(mine, kept)
    assert codes(checked(forward(lambda x: mine.fill(1)), [mine], slope)) == {"GC503"}
    assert np.array_equal(mine, kept)
    tensor = Tensor(X, requires_grad=True)
    assert codes(checked(squares(lambda g, x: tensor.data.fill(1)), [tensor])) == {"GC114"}
    assert np.array_equal(tensor.data, X)


def test_surroundings_are_as_before() -> None:
    def state() -> Any:
        return random.getstate(), np.random.get_state()[1].tolist(), np.geterr(), list(warnings.filters)  # noqa: NPY002

    def change(*given: Any) -> None:
        random.seed(3)
        np.random.seed(3)  # noqa: NPY002
        np.seterr(all="raise")
        warnings.simplefilter("error")

    before = state()
    assert codes(checked(forward(change), [X], rule(change))) == {"pass"}
    assert codes(checked(lambda x: after(ops.sin(x), change()), [Tensor(X, requires_grad=True)])) == {"pass"}
    assert state() == before


# What callables are given.


@pytest.mark.parametrize("value", [1.5, S, np.float32(1.5), 1.5 + 1j, [1.5, 2.0], X])
@pytest.mark.parametrize("options", [{}, {"eps": 1e-3}, {"mode": "projected"}])
def test_only_arrays_are_given(value: Any, options: dict[str, Any]) -> None:
    """Never a number in place of an array without axes."""
    seen = []

    def target(x: Any) -> Any:
        seen.append(x)
        return x * x

    def backward(g: Any, x: Any) -> Any:
        seen.extend([g, x])
        return 2 * g * np.conj(x)

    for factor in (1, 1.5):  # a wrong rule is looked at more closely
        checked(target, [value], lambda g, x, factor=factor: factor * backward(g, x), **options)
    assert {isinstance(x, np.ndarray) and x.shape == np.shape(value) for x in seen} == {True}


@pytest.mark.parametrize(
    "value",
    [
        [1.0, 2.0],
        (1.0, 2.0),
        np.asfortranarray(X),
        np.repeat(X, 2, axis=1)[:, ::2],
        X[::-1, ::-1],
        np.broadcast_to(1.5, (3,)),
        X.astype(">f8"),
        X.astype("f2"),
        X.astype(np.longdouble),
        X.view(Evil),
        np.ma.array(X),
        Wrapped(X),
        memoryview(X),
        np.array([5e-324, -0.0, 1e-310]),
    ],
)
def test_inputs_of_every_kind(value: Any) -> None:
    assert codes(checked(np.sin, [value], slope)) == {"pass"}


def test_one_array_for_two_inputs() -> None:
    x = X.copy()
    product: Callable[..., Any] = lambda x, y: x * y  # noqa: E731
    assert codes(checked(product, [x, x], lambda g, x, y: (g * y, g * x))) == {"pass"}
    assert codes(checked(product, [x, x], lambda g, x, y: after((g * y, g * x), y.fill(0)))) == {"GC114"}
    assert codes(checked(lambda x, y: after(x * y, y.fill(0)), [x, x], lambda g, x, y: (g * y, g * x))) == {"GC503"}
    assert np.array_equal(x, X)


class Broken:
    def __array__(self, *args: Any, **how: Any) -> Any:
        raise RuntimeError("no array today")


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (np.ma.array(X, mask=X > 0), "masked entries"),
        (Broken(), "is no array: no array today"),
        ([[1.0], [1.0, 2.0]], "is no array"),
        (X.astype(object), "must hold numbers"),
        ({1.0}, "must hold numbers"),
        (10**400, "must hold numbers"),
        (np.zeros(3, [("a", float)]), "must hold numbers"),
        (3, "no input requires a gradient"),
    ],
)
def test_inputs_that_are_none(value: Any, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        verify(np.sin, [value], backward=slope)


def test_rule_that_is_no_callable() -> None:
    with pytest.raises(UsageError, match="backward must be a callable, not int"):
        verify(np.sin, [X], backward=3)


def test_half_precision_outputs_are_no_fault_of_the_rule() -> None:
    assert checked(lambda x: np.sin(x).astype("f2"), [X], slope).verdict == "inconclusive"


def test_forward_that_takes_single_precision_only() -> None:
    result = checked(lambda x: np.sin(x) if x.dtype == np.float32 else raised(TypeError("float32!")), [X.astype("f4")], slope)
    assert codes(result) == {"GC501"}
    assert "float32!" in result.findings[0].message


# Printing.


def printed(result: Any) -> list[str]:
    return [f.message for f in result.findings if f.code == "GC608"]


def silently(call: Callable[[], Any]) -> None:
    with contextlib.redirect_stdout(io.StringIO()):
        call()


def log(*given: Any) -> None:
    logger = logging.Logger("test")
    logger.addHandler(logging.StreamHandler())
    logger.warning("x")


@pytest.mark.parametrize(
    "speak",
    [
        lambda *_: print("x"),
        lambda *_: print("x", file=sys.stderr),
        lambda *_: sys.stdout.write("x"),
        lambda *_: sys.stdout.writelines(["x"]),
        log,
    ],
)
def test_printing_is_noted_and_let_through(speak: Callable[..., Any], capsys: pytest.CaptureFixture[str]) -> None:
    (message,) = printed(checked(np.sin, [X], rule(speak)))
    assert "calls of the rule wrote" in message
    heard = "".join(capsys.readouterr())
    assert heard.count("x") == int(message.split()[0])
    (message,) = printed(checked(forward(speak), [X], slope))
    assert "calls of the forward wrote" in message
    (message,) = printed(checked(forward(speak), [X], rule(speak)))
    assert "of the forward and" in message
    (message,) = printed(checked(squares(speak), [Tensor(X, requires_grad=True)]))
    assert "of the rule" in message
    result = checked(np.sin, [X], lambda g, x: after(g * x, speak()))
    assert codes(result) == {"GC201"}
    assert printed(result)


@pytest.mark.parametrize(
    "quiet",
    [
        lambda *_: print(end=""),
        lambda *_: only_if(nth("once") == 1, lambda: print("compiling")),
        lambda *_: silently(lambda: print("x")),
        lambda *_: sys.stdout.flush(),
        lambda *_: in_a_thread(lambda: print("somebody else")),
    ],
)
def test_what_is_no_printing(quiet: Callable[..., Any]) -> None:
    assert not printed(checked(np.sin, [X], rule(quiet)))


def test_streams_stay_what_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stdout", stream)
    seen = set()
    checked(np.sin, [X], rule(lambda g, x: seen.add(sys.stdout)))
    assert seen == {stream}
    assert "write" not in vars(stream)
    stream.write = written = stream.write  # type: ignore[method-assign]
    checked(np.sin, [X], slope)
    assert vars(stream)["write"] is written
    monkeypatch.setattr(sys, "stdout", None)
    assert codes(checked(np.sin, [X], rule(lambda g, x: print("x")))) == {"pass"}


def test_checks_in_threads_hear_their_own() -> None:
    found: dict[str, set[bool]] = {"quiet": set(), "loud": set()}

    def run(name: str) -> None:
        for _ in range(5):
            speaks = rule(lambda g, x: print("x") if name == "loud" else None)
            found[name].add(bool(printed(checked(np.sin, [X], speaks))))

    threads = [threading.Thread(target=run, args=(name,)) for name in ("quiet", "loud") * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {"quiet": {False}, "loud": {True}}
    assert "write" not in vars(sys.stdout)


def test_debugger_stops_in_a_rule() -> None:
    program = """
import numpy as np
from gradcheck_cli import verify
calls = []
def rule(g, x):
    calls.append(1)
    if len(calls) == 2: breakpoint()
    return g * np.cos(x)
print(verify(np.sin, [np.array([0.5, 2.0])], backward=rule).ok)
"""
    where = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    ran = subprocess.run(
        [sys.executable, "-c", program], input="p x * 10\nc\n", capture_output=True, text=True, check=True, env=where
    )
    assert "array([ 5., 20.])" in ran.stdout
    assert ran.stdout.strip().endswith("True")
