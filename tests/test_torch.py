"""The same scripts on the engine and on PyTorch: values to 1e-12, and the same kind of error.

Skipped without PyTorch, which nothing else here needs. `pytest tests/test_torch.py` runs the group.
"""

from __future__ import annotations

import inspect
from collections import Counter
from typing import Any

import numpy as np
import pytest
import torch_scripts
from torch_expressions import EXPRESSIONS as GROUPS
from torch_expressions import NOT_TWICE
from torch_namespaces import Engine, Torch, kind_of, to_array

torch = pytest.importorskip("torch")

RNG = np.random.default_rng(7)
POINTS: dict[str, Any] = {
    "x": RNG.choice([-1, 1], (2, 3)) * RNG.uniform(0.3, 1.5, (2, 3)),
    "p": RNG.uniform(0.5, 2.0, (2, 3)),
    "u": RNG.uniform(-0.9, 0.9, (2, 3)),
    "y": RNG.normal(size=3),
    "q": RNG.uniform(0.5, 2.0, 3),
    "c": RNG.normal(size=(2, 1)),
    "s": np.asarray(0.7),
    "k": RNG.normal(size=(2, 3, 4)),
    "e": np.zeros((0, 3)),
    "one": RNG.normal(size=(1, 1)),
    "m": RNG.normal(size=(3, 3)) + 3.0 * np.eye(3),
    "n": RNG.normal(size=(3, 2)),
    "b": RNG.normal(size=(4, 3, 3)) + 3.0 * np.eye(3),
    "z": RNG.normal(size=(2, 3)) + 1j * RNG.normal(size=(2, 3)),
    "w": RNG.normal(size=3) + 1j * RNG.normal(size=3),
    "h": RNG.normal(size=(3, 3)) + 1j * RNG.normal(size=(3, 3)) + 3.0 * np.eye(3),
    "o": np.array([0.0, 1.0, -1.0, 2.0, 2.0]),
}
"""What the expressions' names stand for; each is a leaf that requires grad."""

SCRIPTS = {
    name: f for name, f in vars(torch_scripts).items() if inspect.isfunction(f) and [*inspect.signature(f).parameters] == ["t"]
}
EXPRESSIONS = [(group, text) for group, texts in GROUPS.items() for text in texts.strip().splitlines()]
expressions = pytest.mark.parametrize(("group", "text"), EXPRESSIONS, ids=[f"{g}: {t}" for g, t in EXPRESSIONS])


def evaluated(text: str, t: Any) -> tuple[dict[str, Any], Any]:
    """The leaves of an expression, and its value."""
    code = compile(text, text, "eval")
    leaves = {n: t.tensor(POINTS[n], requires_grad=True) for n in POINTS if n in code.co_names}
    return leaves, eval(code, {"t": t, "np": np, **leaves})


def weights(y: Any, seed: int) -> Any:
    """A random cotangent of y's shape, complex where y is."""
    rng = np.random.default_rng(seed)
    real = rng.normal(size=tuple(y.shape))
    return real + 1j * rng.normal(size=tuple(y.shape)) if "complex" in str(y.dtype) else real


def real_product(t: Any, g: Any, v: Any) -> Any:
    """Re <v, g>, a real scalar that can be differentiated."""
    product = t.conj(t.tensor(v)) * g
    return (t.real(product) if "complex" in str(product.dtype) else product).sum()


def first_order(text: str, t: Any) -> Any:
    leaves, y = evaluated(text, t)
    return to_array([y, t.grad(y, list(leaves.values()), t.tensor(weights(y, 1)), allow_unused=True)])


def second_order(text: str, t: Any) -> Any:
    """The gradients of the gradients along fixed directions, also with respect to the cotangent."""
    leaves, y = evaluated(text, t)
    g = t.tensor(weights(y, 1), requires_grad=True)
    first = t.grad(y, list(leaves.values()), g, create_graph=True)
    total = sum(real_product(t, gx, weights(gx, 2 + k)) for k, gx in enumerate(first))
    wanted = [*leaves.values(), g]
    if not total.requires_grad:
        return to_array([np.zeros(tuple(x.shape)) for x in wanted])
    return to_array([zero_for_none(gx, x) for gx, x in zip(t.grad(total, wanted, allow_unused=True), wanted, strict=True)])


def zero_for_none(gx: Any, x: Any) -> Any:
    """PyTorch and the engine need not agree on which zeros are left out."""
    return np.zeros(tuple(x.shape)) if gx is None else gx


def pushed(text: str, t: Any) -> Any:
    """The tangent of the value along a direction of all leaves."""
    code = compile(text, text, "eval")
    names = [n for n in POINTS if n in code.co_names]
    f = lambda *xs: eval(code, {"t": t, "np": np, **dict(zip(names, xs, strict=True))})  # noqa: E731
    points = tuple(t.tensor(POINTS[n]) for n in names)
    return to_array(t.jvp(f, points, tuple(t.tensor(weights(x, 9)) for x in points)))


def outcome(run: Any, *args: Any) -> Any:
    """What a script returns, or the kind of its error."""
    try:
        return run(*args)
    except Exception as error:
        return "error: " + kind_of(error)


def test_there_are_enough_of_each_kind() -> None:
    """A change that hides scripts from the collection is noticed."""
    kinds = Counter(name.partition("_")[0] for name in SCRIPTS)
    fewest = {"accumulation": 13, "freeing": 12, "error": 14, "mode": 10, "in": 40, "hook": 21, "higher": 12, "checkpoint": 35}
    assert all(kinds[kind] >= n for kind, n in fewest.items()), kinds
    groups = Counter(group for group, _ in EXPRESSIONS)
    fewest = {"op": 95, "broadcasting": 25, "views": 45, "complex": 30, "kink": 45}
    assert all(groups[group] >= n for group, n in fewest.items()), groups


def assert_same(ours: Any, theirs: Any) -> None:
    if isinstance(theirs, list | dict):
        assert type(ours) is type(theirs)
        assert len(ours) == len(theirs)
        keys = theirs if isinstance(theirs, dict) else range(len(theirs))
        for key in keys:
            assert_same(ours[key], theirs[key])
    elif isinstance(theirs, np.ndarray):
        assert isinstance(ours, np.ndarray)
        assert ours.dtype == theirs.dtype
        precision = 1e-12 if theirs.dtype.itemsize >= 8 and theirs.dtype != np.complex64 else 1e-6
        np.testing.assert_allclose(ours, theirs, rtol=precision, atol=precision, strict=True)
    else:
        assert ours == theirs


def compared(run: Any, *args: Any) -> None:
    with np.errstate(all="ignore"):
        ours, theirs = outcome(run, *args, Engine()), outcome(run, *args, Torch(torch))
    assert_same(ours, theirs)


@expressions
def test_value_and_gradient(group: str, text: str) -> None:
    compared(first_order, text)


@pytest.mark.parametrize("text", [text for group, text in EXPRESSIONS if group not in NOT_TWICE])
def test_double_backward(text: str) -> None:
    compared(second_order, text)


@pytest.mark.parametrize("text", [text for group, text in EXPRESSIONS if group not in NOT_TWICE])
def test_forward_mode(text: str) -> None:
    compared(pushed, text)


@pytest.mark.parametrize("name", SCRIPTS)
@pytest.mark.filterwarnings(
    "ignore:Using backward.. with create_graph=True", "ignore:Anomaly Detection", "ignore:Error detected in"
)
def test_script(name: str) -> None:
    def run(t: Any) -> Any:
        return to_array(SCRIPTS[name](t))

    compared(run)
