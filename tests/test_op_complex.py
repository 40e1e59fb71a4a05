"""Complex numbers: gradients follow PyTorch's convention.

With y = f(x) and a cotangent g, the gradient gx is what makes Re<gx, v> the change of Re<g, f(x + t v)> for every
direction v, where <a, b> = sum conj(a) b: its real part belongs to the real part of x, its imaginary part to the other.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from differences import slope
from op_cases import DIFFERENTIABLE, OPS, Case, cases, generator
from second_order import check_second_order, inner, like

from gradcheck_cli.engine import Tensor, grad, jvp, ops
from gradcheck_cli.errors import GraphError

# Orders and steps mean nothing for complex numbers; what NumPy refuses by itself (arctan2, say) need not be named.
UNORDERED = {
    "clip",
    "cummax",
    "digamma",
    "erf",
    "erfc",
    "log_ndtr",
    "max",
    "maximum",
    "min",
    "minimum",
    "relu",
    "round",
    "sort",
}
# Defined up to a phase only, which differences see and gradients must not: tested through what does not depend on it.
UP_TO_A_PHASE = {"eigh", "svd"}


def imaginary(case: Case, rng: Any) -> Case:
    """The same call, its inputs with imaginary parts."""
    case.arrays = [x + 0.3j * rng.normal(size=x.shape) if i in case.smooth else x for i, x in enumerate(case.arrays)]
    return case


def supported(case: Case) -> bool:
    try:
        case.run(*case.arrays)
    except (TypeError, np.exceptions.ComplexWarning):
        return False
    return True


def spun(name: str) -> Iterator[tuple[Case, list[Any], Any]]:
    """The op's calls on complex numbers, as far as NumPy has them, with cotangents."""
    rng = generator(name, "complex")
    for case in cases(name):
        if supported(imaginary(case, rng)):
            yield case, [like(y, rng) for y in case.run(*case.arrays)], rng


complex_ops = pytest.mark.parametrize("name", [n for n in DIFFERENTIABLE if n not in UNORDERED | UP_TO_A_PHASE])


@complex_ops
def test_first_order(name: str) -> None:
    for case, gs, rng in spun(name):
        for i, gx in zip(case.smooth, case.pull(gs), strict=True):

            def along(x: Any, i: int = i, case: Case = case, gs: Any = gs) -> Any:
                return inner(gs, case.run(*[x if k == i else a for k, a in enumerate(case.arrays)]))

            v = like(case.arrays[i], rng)
            numeric = slope(along, case.arrays[i], v)
            assert abs(inner([gx], [v]) - numeric) <= 1e-9 * (1.0 + abs(numeric)), (case, i)


@complex_ops
def test_second_order(name: str) -> None:
    for case, gs, rng in spun(name):
        check_second_order(case, gs, rng)


@complex_ops
def test_forward_mode(name: str) -> None:
    """Re<v, J u> = Re<J' v, u>, and J u is what differences along u measure."""
    for case, gs, rng in spun(name):
        tangents: list[Any] = [None] * len(case.arrays)
        for i in case.smooth:
            tangents[i] = like(case.arrays[i], rng)
        us = [tangents[i] for i in case.smooth]
        _, pushed = jvp(lambda *xs, case=case: case.run(*xs), case.arrays, tangents)
        found = [None if t is None else t.data for t in pushed]

        def along(t: float, case: Case = case, tangents: Any = tangents) -> Any:
            moved = [x if u is None else x + t * u for x, u in zip(case.arrays, tangents, strict=True)]
            return np.concatenate([np.zeros(0), *(np.ravel(y) for y in case.run(*moved))])

        gradients = case.pull(gs)
        size = sum(float(np.sum(np.abs(gx * u))) for gx, u in zip(gradients, us, strict=True) if gx is not None)
        assert abs(inner(gs, found) - inner(gradients, us)) <= 1e-12 * (1.0 + size), case
        numeric = slope(along, 0.0, 1.0)
        claimed = np.concatenate(
            [
                np.zeros(0),
                *(
                    np.zeros(np.shape(y)).ravel() if t is None else np.ravel(t)
                    for t, y in zip(found, case.run(*case.arrays), strict=True)
                ),
            ]
        )
        assert np.allclose(claimed, numeric, rtol=1e-8, atol=1e-8), case


QUADRANTS = np.array([r * (a + 1j * b) for r in (0.4, 1.7) for a, b in ((1.0, 0.6), (-1.0, 0.6), (-0.7, -1.0), (0.7, -1.0))])


@pytest.mark.parametrize("name", [n for n in DIFFERENTIABLE if n not in UNORDERED and OPS[n].family.name == "elementwise"])
def test_elementwise_in_all_quadrants(name: str) -> None:
    """First derivatives, and second ones: a wrong branch of a root or a logarithm shows somewhere."""
    op, rng = OPS[name], generator(name, "quadrants")
    case = Case(op, op.calls[0], rng)
    case.arrays = [rng.permutation(QUADRANTS) for _ in case.arrays]
    if not supported(case) or case.run(*case.arrays)[0].dtype.kind not in "fc":
        return
    gs = [like(y, rng) for y in case.run(*case.arrays)]
    pulled = [(i, gx) for i, gx in zip(case.smooth, case.pull(gs), strict=True) if gx is not None]
    for i, gx in pulled:
        v, arrays = like(case.arrays[i], rng), list(case.arrays)

        def along(t: float, i: int = i, v: Any = v, arrays: Any = arrays) -> Any:
            return inner(gs, case.run(*[x + t * v if k == i else x for k, x in enumerate(arrays)]))

        assert abs(inner([gx], [v]) - slope(along, 0.0, 1.0)) <= 1e-8 * (1.0 + np.sum(np.abs(gx * v))), (case, i)
    check_second_order(case, gs, rng)


def test_most_ops_know_complex_numbers() -> None:
    assert sum(any(True for _ in spun(n)) for n in DIFFERENTIABLE) > 90


# Of eigenvectors and singular vectors.


def phaseless_eigh(a: Any) -> Any:
    w, v = ops.eigh(a)
    return (v * (w * w * w)) @ ops.conj(v.swapaxes(-1, -2)) + ops.square(ops.abs(v))


def phaseless_svd(a: Any) -> Any:
    u, s, vh = ops.svd(a, full_matrices=False)
    return (u * (1.0 + s * s)) @ vh + ops.abs(u)[..., :1] * ops.abs(vh)[..., :1, :]


@pytest.mark.parametrize(("f", "shape"), [(phaseless_eigh, (3, 3)), *[(phaseless_svd, s) for s in [(3, 3), (3, 2), (2, 3)]]])
def test_what_does_not_depend_on_the_phase(f: Any, shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(1)
    a, v = (rng.normal(size=shape) + 1j * rng.normal(size=shape) for _ in range(2))
    g = like(f(a), rng)
    leaf = Tensor(a, requires_grad=True)
    f(leaf).backward(g)
    assert leaf.grad is not None
    assert inner([leaf.grad.data], [v]) == pytest.approx(slope(lambda x: inner([g], [f(x)]), a, v), rel=1e-9)


# Where real and complex meet.


def test_a_real_input_has_a_real_gradient() -> None:
    x = Tensor([1.0, 2.0], requires_grad=True)
    y = x * np.array([1.0 + 2.0j, 3.0 - 1.0j])
    assert y.dtype == np.complex128
    y.backward(np.array([1.0 + 1.0j, 1.0j]))
    assert x.grad is not None
    assert x.grad.dtype == np.float64
    assert x.grad.tolist() == [3.0, -1.0]


def test_parts() -> None:
    z = Tensor([3.0 + 4.0j], requires_grad=True)
    for f, expected in ((ops.real, 1.0), (ops.imag, 1.0j), (ops.conj, 1.0), (ops.abs, 0.6 + 0.8j)):
        (found,) = grad(f(z), z, np.ones(1))
        assert found is not None
        assert found.data == pytest.approx(np.array([expected]))


def test_a_complex_result_needs_a_cotangent() -> None:
    z = Tensor(1.0 + 1.0j, requires_grad=True)
    with pytest.raises(GraphError, match="real scalar outputs"):
        (z * z).backward()
