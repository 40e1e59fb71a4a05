"""Every op of the table, from the table alone: an op that is added there is tested by being there."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache, partial
from itertools import product
from typing import Any

import numpy as np
import pytest
from corruptions import OF_THE_COTANGENT, OF_THE_GRADIENT
from differences import agree, jacobian, keeps_the_rest
from op_cases import DIFFERENTIABLE, OPS, OTHERS, Case, cases, generator, narrowed
from second_order import check_second_order

from gradcheck_cli.engine import Tensor, grad, jvp
from gradcheck_cli.engine.backward import MANY, grad_of_copies, made_of_ops
from gradcheck_cli.engine.batching import batched
from gradcheck_cli.engine.op import Op
from gradcheck_cli.engine.ops.define import CompositeOp

differentiable = pytest.mark.parametrize("name", DIFFERENTIABLE)


@cache
def jacobians(name: str) -> list[tuple[Case, list[Any]]]:
    """Each example call of an op with its Jacobians by differences: one per smooth input, over all outputs in a row."""
    found = []
    for case in cases(name):
        columns = [jacobian(_of_input(case, i), case.arrays[i]) for i in case.smooth]
        found.append((case, columns))
    return found


def _of_input(case: Case, i: int) -> Callable[[Any], Any]:
    def f(x: Any) -> Any:
        arrays = [x if k == i else a for k, a in enumerate(case.arrays)]
        return np.concatenate([np.ravel(y) for y in case.run(*arrays)])

    return f


def cotangents(case: Case, rng: Any) -> list[list[Any]]:
    """Random ones for all outputs together, and, of several outputs, for each by itself."""
    every = [rng.normal(size=np.shape(y)) for y in case.run(*case.arrays)]
    if len(every) == 1:
        return [every]
    return [every, *[[g if k == j else None for k, g in enumerate(every)] for j in range(len(every))]]


def expected(case: Case, columns: list[Any], gs: list[Any]) -> list[Any]:
    """What the gradients are by differences."""
    full = [np.zeros(np.shape(y)) if g is None else g for y, g in zip(case.run(*case.arrays), gs, strict=True)]
    row = np.concatenate([np.ravel(g) for g in full])
    return [(J @ row).reshape(case.arrays[i].shape) for i, J in zip(case.smooth, columns, strict=True)]


def all_agree(claimed: list[Any], numeric: list[Any], rtol: float = 1e-8) -> bool:
    """Whether the gradients of all inputs agree; None stands for zero."""
    pairs = [(c, n) for c, n in zip(claimed, numeric, strict=True) if c is not None or n is not None]
    return all(agree(np.zeros_like(n) if c is None else c, np.zeros_like(c) if n is None else n, rtol) for c, n in pairs)


@differentiable
def test_first_order(name: str) -> None:
    rng = generator(name, "cotangents")
    pulled = 0
    for case, columns in jacobians(name):
        for gs in cotangents(case, rng):
            claimed = case.pull(gs)
            assert all_agree(claimed, expected(case, columns, gs)), case
            pulled += sum(c is not None for c in claimed)
    assert pulled


@differentiable
def test_forward_mode(name: str) -> None:
    """The transposed rules, along a tangent of all inputs at once."""
    rng = generator(name, "tangents")
    for case, columns in jacobians(name):
        given = [rng.normal(size=case.arrays[i].shape) for i in case.smooth]
        tangents = [None] * len(case.arrays)
        for i, t in zip(case.smooth, given, strict=True):
            tangents[i] = t
        _, pushed = jvp(lambda *xs, case=case: case.run(*xs), case.arrays, tangents)
        numeric = sum(t.ravel() @ J for t, J in zip(given, columns, strict=True))
        pushed = [np.zeros(np.shape(y)) if t is None else t.data for y, t in zip(case.run(*case.arrays), pushed, strict=True)]
        assert agree(np.concatenate([t.ravel() for t in pushed]), numeric), case
        for gs in cotangents(case, rng):
            assert same_products(zip(gs, pushed, strict=True), zip(case.pull(gs), given, strict=True)), (case, gs)


def same_products(ahead: Iterable[Any], back: Iterable[Any]) -> bool:
    """The dot-product test: <v, J u> = <J' v, u>, to the rounding of their terms."""
    one, two = (np.concatenate([np.zeros(1), *((a * b).ravel() for a, b in pairs if a is not None)]) for pairs in (ahead, back))
    return bool(abs(one.sum() - two.sum()) <= 1e-12 * (np.abs(one).sum() + np.abs(two).sum()))


@differentiable
def test_every_corrupted_rule_is_rejected(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = generator(name, "cotangents")
    rejected: set[str] = set()
    for case, columns in jacobians(name):
        (gs, *_) = cotangents(case, rng)
        numeric, right = expected(case, columns, gs), case.pull(gs)
        for label, pull in corrupted_pulls(case, monkeypatch):
            wrong = pull(gs)
            if not all_agree(wrong, right, rtol=1e-13):  # the corruption changes something here
                assert not all_agree(wrong, numeric), f"{case}: {label}"
                rejected.add(label.partition(": ")[2])
    # An op whose derivative is zero can only be wrong by not being zero; one with one entry cannot be rolled.
    assert "one entry off by 1e-6" in rejected
    assert len(rejected) >= 5 or all(not np.any(n) for _, columns in jacobians(name) for n in columns)


def corrupted_pulls(case: Case, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Callable[[Any], list[Any]]]]:
    """For each corruption of each rule the pull with that rule; a composite has no rule, and is corrupted as a whole."""
    pulls: list[tuple[str, Callable[[Any], list[Any]]]] = []
    same = lambda a: a  # noqa: E731
    pairs = [(label, same, change) for label, change in OF_THE_GRADIENT.items()]
    pairs += [("cotangent " + label, change, same) for label, change in OF_THE_COTANGENT.items()]
    for label, before, after in pairs:
        if isinstance(case.op, CompositeOp):
            pulls.append((f"all: {label}", partial(_corrupt_whole, case, before, after)))
            continue
        for parameter, rule in case.op.rules.items():
            if rule is not None:
                pull = _with_rule(case, parameter, before, after, monkeypatch)
                pulls.append((f"{parameter}: {label}", pull))
    return pulls


def _corrupt_whole(case: Case, before: Any, after: Any, gs: Any) -> list[Any]:
    return [gx if gx is None else after(gx) for gx in case.pull([before(g) for g in gs])]


def _with_rule(case: Case, parameter: str, before: Any, after: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    op = case.op
    right = op.rules[parameter]
    assert right is not None
    names = op.rule_names[list(op.rules).index(parameter)]

    def wrong(*args: Any) -> Any:
        args = tuple(_map(before, a) if n == "g" else a for n, a in zip(names, args, strict=True))
        return after(right(*args))

    def pull(gs: Any) -> list[Any]:
        with monkeypatch.context() as patch:
            patch.setitem(op.rules, parameter, wrong)
            return case.pull(gs)

    return pull


def _map(change: Any, g: Any) -> Any:
    if isinstance(g, tuple):
        return tuple(None if part is None else change(part) for part in g)
    return change(g)


@differentiable
def test_second_order(name: str) -> None:
    """d/d(inputs, cotangent) of <u, VJP(inputs, cotangent)>, along a random direction of each."""
    rng = generator(name, "cotangents")
    for case in cases(name):
        for gs in cotangents(case, rng):
            check_second_order(case, gs, rng)


@pytest.mark.parametrize("name", OPS)
def test_on_a_batch_axis(name: str) -> None:
    """Three draws at once, against one after the other, whichever of the inputs have copies; and none of them."""
    rng = generator(name)
    for text in [*OPS[name].calls, *(c.text for c in narrowed(name))]:
        draws = [Case(OPS[name], text, rng) for _ in range(3)]
        case = draws[0]
        for flags in product([True, False], repeat=len(case.arrays)):
            if not any(flags):
                continue
            columns = zip(*[d.arrays for d in draws], strict=True)
            arrays = [np.stack(c) if flag else c[0] for c, flag in zip(columns, flags, strict=True)]
            together = batched(lambda *xs, case=case: case.run(*xs), arrays, flags)
            nothing = [a[:0] if flag else a for a, flag in zip(arrays, flags, strict=True)]
            for none, three in zip(batched(lambda *xs, case=case: case.run(*xs), nothing, flags), together, strict=True):
                assert (none.shape, none.dtype) == ((0, *three.shape[1:]), three.dtype), (case, flags)
            for k in range(3):
                alone = case.run(*[a[k] if flag else a for a, flag in zip(arrays, flags, strict=True)])
                for one, three in zip(alone, together, strict=True):
                    assert three.shape == (3, *np.shape(one)), (case, flags)
                    assert three.dtype == np.asarray(one).dtype
                    np.testing.assert_allclose(three[k], one, rtol=1e-12, atol=1e-13, err_msg=f"{case} {flags}")


@differentiable
@pytest.mark.parametrize("copies", [3, MANY])
def test_pulling_back_copies(name: str, copies: int) -> None:
    """A few cotangents at once, and many, against one after the other."""
    rng = generator(name, "cotangents")
    for text in [*OPS[name].calls, *(c.text for c in narrowed(name))]:
        case = Case(OPS[name], text, generator(name))
        inputs = [Tensor(x, i in case.smooth) for i, x in enumerate(case.arrays)]
        outputs = [y for y in case.run(*inputs) if isinstance(y, Tensor) and y.requires_grad]
        wanted = [inputs[i] for i in case.smooth]
        gs = [rng.normal(size=(copies, *y.shape)).astype(y.dtype) for y in outputs]
        assert made_of_ops(outputs)
        together = grad_of_copies(outputs, wanted, gs)
        for k in (0, 1, copies - 1):
            alone = grad(outputs, wanted, [g[k] for g in gs], retain_graph=True, allow_unused=True)
            for one, three in zip(alone, together, strict=True):
                assert (one is None) == (three is None), case
                if one is not None:
                    assert (three[k].shape, three.dtype) == (one.shape, one.dtype), case
                    np.testing.assert_allclose(three[k], one.data, rtol=1e-12, atol=1e-13, err_msg=f"{case}")


@pytest.mark.parametrize("name", [n for n, op in OPS.items() if not isinstance(op, CompositeOp)])
def test_dependence(name: str) -> None:
    """What the family does not predict to depend on an entry keeps every bit when that entry moves.

    Without a derivative it moves to that of another draw, so that the result does, too.
    """
    rng = generator(name, "other inputs")
    for case in [*cases(name), *narrowed(name)]:
        inputs, params = case.op.bind(case.args, case.kwargs)
        before = case.run(*case.arrays)
        pairs = aligned(case.op, [np.shape(x) for x in inputs], params, [np.shape(y) for y in before])
        others = Case(case.op, case.text, rng).arrays if name in OTHERS else [x + 0.01 for x in case.arrays]
        for i in range(len(case.arrays)) if name in OTHERS else case.smooth:
            position = next(k for k, x in enumerate(inputs) if x is case.arrays[i])
            assert keeps_the_rest(case.run, case.arrays, i, others[i], pairs[position]), (case, i)


def aligned(op: Op, shapes: Any, params: Any, outputs: Any) -> Any:
    """The family's aligned axes, each of them there, and none told twice."""
    pairs = op.family.dependence(op, shapes, params, outputs)
    for shape, of_one in zip(shapes, pairs, strict=True):
        assert len(set(of_one)) == len(of_one)
        assert all(0 <= i < len(shape) and all(0 <= o < len(y) for y in outputs) for o, i in of_one)
    return pairs


ALIGNED = {
    "sum_to, (4, 2, 3), (1, 3)": [{(1, 2)}],
    "sum_to, (2, 3), (2, 1)": [{(0, 0)}],
    "sum_to, (2, 3), (3,)": [{(0, 1)}],
    "sum_to, (2, 3), ()": [set()],
    "_scatter, (2, 3), [[1, 2, 3], [5, 6, 7]], (2, 4)": [{(0, 0), (1, 1)}],
    "_scatter, (3,), [4, 5, 6], (2, 3)": [{(1, 0)}],
    "_scatter, (4,), [1, 0, 3, 3], (2, 2)": [set()],
    "index_set, (2, 3), 1, (3,)": [{(0, 0), (1, 1)}, {(1, 0)}],
    "index_set, (2, 3), (..., 1), (1,)": [{(0, 0), (1, 1)}, set()],
    "add_at, (3,), [0, 1, 1], (3,)": [{(0, 0)}, set()],
    "_copy_slices, (2, 3), (3, 2), (('transpose', {}),)": [{(0, 0), (1, 1)}, {(0, 1), (1, 0)}],
    "one_hot, (4, 2), 3": [{(0, 0), (1, 1)}],
    "searchsorted, (5,), (3, 2)": [set(), {(0, 0), (1, 1)}],
    "split, (2, 4), 2, axis=1": [{(0, 0)}],
    "split, (2, 4), [1], axis=0": [{(1, 1)}],
    "concatenate, [(2, 3), (2, 1)], axis=1": [{(0, 0)}, {(0, 0)}],
    "concatenate, [(2, 3), (2,)], axis=None": [set(), set()],
    "stack, [(2, 3), (2, 3)], axis=-2": [{(0, 0), (2, 1)}] * 2,
    "matmul, (2, 3), (3,)": [{(0, 0)}, set()],
    "matmul, (3,), (2, 3, 4)": [set(), {(0, 0), (1, 2)}],
    "matmul, (5, 2, 3), (3, 4)": [{(0, 0), (1, 1)}, {(2, 1)}],
    "solve, (2, 3, 3), (3,)": [{(0, 0)}, set()],
}


@pytest.mark.parametrize("call", ALIGNED)
def test_axes_that_are_aligned(call: str) -> None:
    name, _, text = call.partition(", ")
    case = Case(OPS[name], text, generator(name))
    inputs, params = case.op.bind(case.args, case.kwargs)
    pairs = aligned(case.op, [np.shape(x) for x in inputs], params, [np.shape(y) for y in case.run(*case.arrays)])
    long = [{(o, i) for o, i in of_one if np.shape(x)[i] > 1} for x, of_one in zip(inputs, pairs, strict=True)]
    assert long == ALIGNED[call]


@differentiable
def test_empty_axes_and_axes_of_length_one(name: str) -> None:
    rng = generator(name, "cotangents")
    for case in narrowed(name):
        (gs, *_) = cotangents(case, rng)
        columns = [jacobian(_of_input(case, i), case.arrays[i]) for i in case.smooth]
        assert all_agree(case.pull(gs), expected(case, columns, gs)), case


@differentiable
def test_memory_layout(name: str) -> None:
    """Column-major, reversed and broadcast arrays are as good as any."""
    rng = generator(name, "cotangents")
    for case in cases(name):
        (gs, *_) = cotangents(case, rng)
        backwards = [np.flip(np.flip(x).copy(order="F")) for x in case.arrays]
        strided = [np.flip(np.flip(g).copy(order="F")) for g in gs]
        assert all_agree(case.pull(strided, backwards), case.pull(gs), rtol=1e-11), case
        ones = [np.broadcast_to(1.0, g.shape) for g in gs]
        assert all_agree(case.pull(ones), case.pull([g.copy() for g in ones]), rtol=1e-11), case


@pytest.mark.parametrize("name", OTHERS)
def test_without_a_derivative_nothing_is_recorded(name: str) -> None:
    for case in cases(name):
        inputs = [Tensor(x, i in case.smooth) for i, x in enumerate(case.arrays)]
        for y in case.run(*inputs):
            assert not getattr(y, "requires_grad", False)


@differentiable
def test_float32(name: str) -> None:
    """The gradient has its input's dtype, and is that of float64 but for float32's rounding."""
    rng = generator(name, "cotangents")
    for case in cases(name):
        (gs, *_) = cotangents(case, rng)
        narrow = [x.astype(np.float32) if i in case.smooth else x for i, x in enumerate(case.arrays)]
        wide = [x.astype(np.float64) if i in case.smooth else x for i, x in enumerate(narrow)]
        outputs = case.run(*narrow)
        for found, exact in zip(case.pull(gs, narrow), case.pull(gs, wide), strict=True):
            assert (found is None) == (exact is None)
            if found is not None:
                assert found.dtype == np.float32, case
                assert found.shape == exact.shape
                size = np.max(np.abs(exact), initial=0.0)
                np.testing.assert_allclose(found, exact, rtol=1e-4, atol=1e-4 * size, err_msg=str(case))
        if name != "astype" and outputs[0].dtype.kind == "f" and len(case.smooth) == len(case.arrays):
            assert outputs[0].dtype == np.float32, case
