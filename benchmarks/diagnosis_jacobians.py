"""Corrupted pullbacks: a rule that is right, with its gradients changed in ways that have a name."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from gradcheck_cli.check.dense import dense_cotangent
from gradcheck_cli.check.problem import Problem, Pulled
from gradcheck_cli.errors import RuleError

Array = np.ndarray[Any, Any]
Gradients = list[Array | None]
Rule = Callable[[Pulled, Sequence[Array]], Gradients]
"""A corrupted pullback: from the right one and the cotangents to the gradients."""


class Mutant(NamedTuple):
    kind: str
    input: str
    what: str
    rule: Rule


def mutated(problem: Problem, rule: Rule) -> Problem:
    def pullback(arrays: Sequence[Array]) -> Pulled:
        pulled = problem.pullback(arrays)
        return pulled._replace(vjp=lambda cotangents: rule(pulled, cotangents))

    return problem._replace(pullback=pullback)


def mutants(problem: Problem) -> Iterator[Mutant]:
    """Corruptions that have a name, for each input of the problem."""
    pulled = problem.pullback([x.value for x in problem.inputs])
    places = problem.differentiable_inputs()
    right = gradients(pulled, _dense(pulled))
    for n, i in enumerate(places):
        g = right[n]
        x = problem.inputs[i]
        if g is None or not np.any(g):
            continue
        yield Mutant("sign", x.name, "-1", _on(n, lambda g: -g))
        for c in (2.0, 0.5):
            yield Mutant("factor", x.name, f"{c}", _on(n, lambda g, c=c: c * g))
        if g.ndim >= 2 and g.shape[-1] == g.shape[-2] and not x.structure:
            yield Mutant("transpose", x.name, "gradient", _on(n, lambda g: np.swapaxes(g, -1, -2)))
        for m in range(n + 1, len(places)):
            h = right[m]
            if h is not None and h.shape == g.shape and not np.array_equal(g, h):
                yield Mutant("swap", x.name, f"with {problem.inputs[places[m]].name}", _swapped(n, m))
        if g.size >= 3:
            k = np.unravel_index(int(np.argmax(np.abs(g))), g.shape)
            yield Mutant("single entry", x.name, f"{tuple(map(int, k))}", _on(n, lambda g, k=k: _with(g, k)))
        for axis in _broadcast_axes(pulled, x.value.shape):
            size = pulled.outputs[0].shape[axis]
            yield Mutant("mean for sum", x.name, f"axis {axis}", _on(n, lambda g, s=size: g / s))
            sliced = _sliced(n, axis)
            if np.any(sliced(pulled, _dense(pulled))[n]):
                yield Mutant("slice for sum", x.name, f"axis {axis}", sliced)
        if len(pulled.outputs) == 1 and pulled.outputs[0].size == 1 and g.size > 1:
            yield Mutant("mean for sum", x.name, "all", _on(n, lambda g: g / g.size))
        if unsummed(pulled, n, x.value.shape, _dense(pulled)) is not None:
            yield Mutant("missing sum", x.name, "", _not_summed(problem, n, i))
        yield Mutant("nonlinear", x.name, "square", _of_cotangent(n, np.square))
        yield Mutant("nonlinear", x.name, "modulus", _of_cotangent(n, np.abs))


def gradients(pulled: Pulled, cotangents: Sequence[Array]) -> Gradients:
    return [None if g is None else np.asarray(g) for g in pulled.vjp(cotangents)]


def _dense(pulled: Pulled) -> list[Array]:
    return [dense_cotangent(y.size).reshape(y.shape).astype(y.dtype if y.dtype.kind in "fc" else float) for y in pulled.outputs]


def _on(n: int, change: Callable[[Array], Array]) -> Rule:
    def rule(pulled: Pulled, cotangents: Sequence[Array]) -> Gradients:
        found = gradients(pulled, cotangents)
        g = found[n]
        found[n] = None if g is None else np.asarray(change(g), g.dtype)
        return found

    return rule


def _with(g: Array, k: tuple[Any, ...]) -> Array:
    changed = np.array(g)
    changed[k] *= 1.01
    return changed


def _swapped(n: int, m: int) -> Rule:
    def rule(pulled: Pulled, cotangents: Sequence[Array]) -> Gradients:
        found = gradients(pulled, cotangents)
        found[n], found[m] = found[m], found[n]
        return found

    return rule


def _of_cotangent(n: int, change: Callable[[Array], Array]) -> Rule:
    def rule(pulled: Pulled, cotangents: Sequence[Array]) -> Gradients:
        found = gradients(pulled, cotangents)
        found[n] = gradients(pulled, [np.asarray(change(v), v.dtype) for v in cotangents])[n]
        return found

    return rule


def _broadcast_axes(pulled: Pulled, shape: tuple[int, ...]) -> list[int]:
    """Axes of the only output along which an input of this shape was broadcast."""
    out = pulled.outputs[0].shape
    if len(pulled.outputs) != 1 or len(shape) > len(out):
        return []
    own = (1,) * (len(out) - len(shape)) + shape
    fits = all(a in (1, b) for a, b in zip(own, out, strict=True))
    return [k for k, (a, b) in enumerate(zip(own, out, strict=True)) if a == 1 and b > 1] if fits else []


def _sliced(n: int, axis: int) -> Rule:
    """Only index 0 of the axis counts."""

    def rule(pulled: Pulled, cotangents: Sequence[Array]) -> Gradients:
        found = gradients(pulled, cotangents)
        (v,) = cotangents
        kept = np.zeros(v.shape, v.dtype)
        first = (slice(None),) * axis + (slice(0, 1),)
        kept[first] = v[first]
        found[n] = gradients(pulled, [kept])[n]
        return found

    return rule


def unsummed(pulled: Pulled, n: int, shape: tuple[int, ...], cotangents: Sequence[Array]) -> Array | None:
    """The shares of the output's entries in a gradient, of the output's shape; None where each has not exactly one place."""
    axes = _broadcast_axes(pulled, shape)
    y = pulled.outputs[0]
    if not axes or y.size > 200:
        return None
    shares = np.zeros(y.shape)
    for k in np.ndindex(y.shape):
        one = np.zeros(y.shape, y.dtype)
        one[k] = cotangents[0][k]
        g = gradients(pulled, [one])[n]
        if g is None or np.count_nonzero(g) > 1:
            return None
        shares[k] = np.sum(g)
    whole = gradients(pulled, cotangents)[n]
    assert whole is not None
    same = np.allclose(np.sum(shares, axis=tuple(axes)).reshape(shape), whole, rtol=1e-9, atol=1e-12)
    return shares if same else None


def _not_summed(problem: Problem, n: int, i: int) -> Rule:
    """The gradient with the output's shape, which the engine refuses."""

    def rule(pulled: Pulled, cotangents: Sequence[Array]) -> Gradients:
        found: list[Any] = [None] * len(problem.inputs)
        for place, g in zip(problem.differentiable_inputs(), gradients(pulled, cotangents), strict=True):
            found[place] = g
        found[i] = unsummed(pulled, n, problem.inputs[i].value.shape, cotangents)
        message = f"the gradient must have the input's shape {problem.inputs[i].value.shape}, but has another"
        error = RuleError("shape", message, rule=problem.name, input_name=problem.inputs[i].name)
        error.gradients = tuple(found)
        raise error

    return rule
