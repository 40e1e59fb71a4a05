"""Where an op's test points lie, and the example calls that are drawn from there."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from gradcheck_cli.engine.op import Op

Draw = Callable[[Any, tuple[int, ...]], Any]
"""From a generator and a shape to an array."""


def between(low: float, high: float) -> Draw:
    """Uniform draws."""
    return lambda rng, shape: rng.uniform(low, high, shape)


def integers(low: int, high: int) -> Draw:
    """Integers, `high` excluded."""
    return lambda rng, shape: rng.integers(low, high, shape)


def away_from(*points: float, by: float = 0.1) -> Draw:
    """Normal draws that keep a distance from some points."""

    def draw(rng: Any, shape: tuple[int, ...]) -> Any:
        x = rng.normal(size=shape)
        for point in points:
            x = np.where(np.abs(x - point) < by, point + np.copysign(by + np.abs(x - point), x - point), x)
        return x

    return draw


def real(rng: Any, shape: tuple[int, ...]) -> Any:
    """Standard normal draws."""
    return rng.normal(size=shape)


def distinct(rng: Any, shape: tuple[int, ...]) -> Any:
    """Numbers of which no two are near each other, nor near zero."""
    size = int(np.prod(shape))
    return (rng.permutation(size) - size / 2 + rng.uniform(0.2, 0.45, size)).reshape(shape) * 0.5


def booleans(rng: Any, shape: tuple[int, ...]) -> Any:
    """True and False."""
    return rng.random(shape) < 0.5


def invertible(rng: Any, shape: tuple[int, ...]) -> Any:
    """Matrices far from singular, with singular values and eigenvalues apart."""
    x = rng.normal(size=shape) * 0.4
    k = min(shape[-2:], default=0)
    x[..., range(k), range(k)] += 1.0 + np.arange(k)
    return x


def positive_definite(rng: Any, shape: tuple[int, ...]) -> Any:
    """Symmetric positive definite matrices with eigenvalues apart."""
    x = rng.normal(size=shape) * 0.3
    return x @ np.swapaxes(x, -1, -2) + np.eye(shape[-1]) * (1.0 + np.arange(shape[-1]))


positive = between(0.3, 2.5)
unit = between(-0.9, 0.9)


def examples(op: Op, rng: Any) -> Iterator[tuple[tuple[Any, ...], dict[str, Any]]]:
    """The arguments of the op's example calls, with tensors drawn from its domain."""
    for call in op.calls:
        yield example(op, call, rng)


def example(op: Op, call: str, rng: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Arguments from a text such as `(2, 3), axis=0`.

    A tuple in a tensor's place is the shape of a drawn input; a number there stays a number, which is a constant.
    """
    tree = ast.parse(f"f({call})", mode="eval").body
    assert isinstance(tree, ast.Call)
    domains = iter(op.at if isinstance(op.at, tuple) else (op.at or real,) * 9)
    kinds = [p.kind for p in op.signature]
    args: list[Any] = []
    for k, node in enumerate(tree.args):
        value = ast.literal_eval(node)
        kind = kinds[min(k, len(kinds) - 1)]
        if kind == "tensor":
            draw = next(domains)
            value = np.asarray(draw(rng, value)) if isinstance(value, tuple) else value
        elif kind == "tensors":
            draw = next(domains)
            value = draw(rng, value) if isinstance(value, tuple) else [np.asarray(draw(rng, s)) for s in value]
        args.append(value)
    return tuple(args), {str(k.arg): ast.literal_eval(k.value) for k in tree.keywords}
