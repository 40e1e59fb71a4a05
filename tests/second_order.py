"""Second derivatives of ops: those of <u, VJP(inputs, cotangents)>, for a random u."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from differences import STEPS, slope
from op_cases import Case

from gradcheck_cli.engine import Tensor, grad


def inner(us: Sequence[Any], ys: Sequence[Any]) -> Any:
    """Re <u, y> over all pairs; None counts as zero."""
    pairs = zip(us, ys, strict=True)
    return sum(np.sum(np.real(np.conj(u) * y)) for u, y in pairs if u is not None and y is not None)


def like(x: Any, rng: Any) -> Any:
    """Normal draws of x's shape, complex where x is."""
    real = rng.normal(size=np.shape(x))
    return real + 1j * rng.normal(size=np.shape(x)) if np.iscomplexobj(x) else real


def check_second_order(case: Case, cotangents: list[Any], rng: Any) -> None:
    """The engine's derivative against differences, all inputs and cotangents moving along random directions."""
    base = [case.arrays[i] for i in case.smooth] + [g for g in cotangents if g is not None]
    us = [like(case.arrays[i], rng) for i in case.smooth]
    vs = [like(x, rng) for x in base]

    def total(t: float) -> Any:
        arrays, gs = _arguments(case, [x + t * v for x, v in zip(base, vs, strict=True)], cotangents)
        return inner(us, case.pull(gs, arrays))

    claimed = _gradients(case, [Tensor(x, requires_grad=True) for x in base], cotangents, us)
    size = sum(float(np.sum(np.abs(gx))) for gx in claimed)
    assert abs(inner(claimed, vs) - slope(total, 0.0, 1.0, STEPS[2:7])) <= 1e-8 * (size + 1.0), case


def _arguments(case: Case, values: list[Any], cotangents: list[Any]) -> tuple[list[Any], list[Any]]:
    """The op's inputs and its outputs' cotangents, the smooth ones taken from `values`."""
    given, rest = dict(zip(case.smooth, values, strict=False)), iter(values[len(case.smooth) :])
    arrays = [given.get(k, a) for k, a in enumerate(case.arrays)]
    return arrays, [None if g is None else next(rest) for g in cotangents]


def _gradients(case: Case, leaves: list[Tensor], cotangents: list[Any], us: list[Any]) -> list[Any]:
    arrays, gs = _arguments(case, leaves, cotangents)
    used = [(y, g) for y, g in zip(case.run(*arrays), gs, strict=True) if g is not None and y.requires_grad]
    zeros = [np.zeros_like(x.data) for x in leaves]
    if not used:
        return zeros
    wanted = [arrays[i] for i in case.smooth]
    first = grad([y for y, _ in used], wanted, [g for _, g in used], create_graph=True, allow_unused=True)
    pairs = [(gx, u) for gx, u in zip(first, us, strict=True) if gx is not None and gx.requires_grad]
    if not pairs:
        return zeros
    second = grad([gx for gx, _ in pairs], leaves, [u for _, u in pairs], allow_unused=True)
    return [z if g is None else g.data for g, z in zip(second, zeros, strict=True)]
