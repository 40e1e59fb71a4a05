"""Systematic corruptions of the gradient that a rule computes: each is a mistake that a check must notice.

They are linear in the gradient, and the same for every cotangent: only the values show them, not the contract.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from gradcheck_cli.check.dense import dense_cotangent
from gradcheck_cli.check.problem import Problem, Pulled
from gradcheck_cli.errors import RuleError

Array = np.ndarray[Any, Any]
Change = Callable[[Array], Array]
OVERALL, ENTRY = "relative error", "relative error of one entry"
KINDS = (OVERALL, ENTRY, "zeroed row", "rolled", "NaN", "negative", "transposed")
"""All kinds."""
SIZES = (1e-2, 1e-4, 1e-6)
"""Relative errors."""


class Corruption(NamedTuple):
    """One change of a computed gradient."""

    kind: str
    what: str
    change: Change


def corruptions(gradient: Array, structure: str = "") -> Iterator[Corruption]:
    """Those that change a gradient of this shape; single entries and rows are changed where this one is largest."""
    shape = gradient.shape
    if not gradient.size:
        return
    magnitude = np.nan_to_num(np.abs(np.tril(gradient) if structure == "lower" else gradient), nan=0.0)
    entry = tuple(int(i) for i in np.unravel_index(int(np.argmax(magnitude)), shape))
    for size in SIZES:
        yield Corruption(OVERALL, f"x (1 + {size:g})", lambda g, f=1 + size: g * f)  # type: ignore[misc]
    yield Corruption("negative", "x -1", lambda g: -g)
    yield Corruption("NaN", "NaN in the largest entry", lambda g: _with(g, entry, np.nan))
    if gradient.size == 1:
        return
    for size in SIZES:
        change: Change = lambda g, f=1 + size: _with(g, entry, g[entry] * f)  # type: ignore[misc]  # noqa: E731
        yield Corruption(ENTRY, f"largest entry x (1 + {size:g})", change)
    yield Corruption("zeroed row", "zeros in the row of the largest entry", lambda g: _with(g, entry[:1], 0.0))
    yield Corruption("rolled", "entries moved on by one", lambda g: np.roll(g, 1))
    if len(shape) > 1 and shape[-1] == shape[-2] > 1:
        yield Corruption("transposed", "last two axes swapped", lambda g: np.swapaxes(g, -1, -2))


def _with(g: Array, place: tuple[int, ...], value: Any) -> Array:
    changed = np.array(g)
    changed[place] = value
    return changed


def gradients_at(problem: Problem) -> Sequence[Array | None]:
    """One gradient (or None) per input that requires one, for a dense cotangent. Raises RuleError."""
    pulled = problem.pullback([x.value for x in problem.inputs])
    gradients = pulled.vjp(dense_cotangents(pulled))
    return [None if g is None else np.asarray(g) for g in gradients]


def dense_cotangents(pulled: Pulled) -> list[Array]:
    """A cotangent for every output without zeros and without two equal entries."""
    sizes = [y.size for y in pulled.outputs]
    dense = np.split(dense_cotangent(sum(sizes)), np.cumsum(sizes)[:-1])
    return [
        g.reshape(y.shape).astype(y.dtype if y.dtype.kind in "fc" else np.float64)
        for g, y in zip(dense, pulled.outputs, strict=True)
    ]


def corrupted(problem: Problem, position: int, change: Change) -> Problem:
    """The problem with a rule whose gradient for the input at `position` is changed."""
    number = problem.differentiable_inputs().index(position)

    def pullback(arrays: Sequence[Array]) -> Pulled:
        pulled = problem.pullback(arrays)

        def vjp(cotangents: Sequence[Array]) -> Sequence[Array | None]:
            gradients = list(pulled.vjp(cotangents))
            g = gradients[number]
            gradients[number] = None if g is None else change(np.asarray(g)).astype(np.asarray(g).dtype)
            return gradients

        return pulled._replace(vjp=vjp)

    return problem._replace(pullback=pullback)


def corruptions_of(problem: Problem) -> Iterator[tuple[int, Corruption]]:
    """All corruptions of all gradients of a right rule, each with the position of its input."""
    try:
        gradients = gradients_at(problem)
    except RuleError:
        return
    for position, g in zip(problem.differentiable_inputs(), gradients, strict=True):
        if g is not None and np.any(g):
            structure = problem.inputs[position].structure
            yield from ((position, corruption) for corruption in corruptions(g, structure))
