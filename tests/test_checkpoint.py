"""Checkpointing: the same gradients, twice the runs, less memory."""

# ruff: noqa: NPY002 (the global generator is what is tested)

from __future__ import annotations

import functools
import gc
import weakref
from typing import NamedTuple

import numpy as np
import pytest

from gradcheck_cli import Function, GradcheckError, Tensor, checkpoint, draw_graph, grad, graph_stats, no_grad, ops
from gradcheck_cli.engine.modes import without_rules

X = np.array([0.3, -1.2, 0.7])
GLOBAL = np.random.default_rng(11)


def leaf(value=X):
    return Tensor(value, requires_grad=True)


def both(f, *values):
    """Gradients of sum(f(*inputs)) without and with checkpoint, and the runs of f in each."""
    found = []
    for wrap in (lambda f, *xs: f(*xs), checkpoint):
        runs = []

        def counted(*xs, runs=runs):
            runs.append(1)
            return f(*xs)

        xs = [leaf(v) for v in values]
        y = wrap(counted, *xs)
        y.sum().backward()
        found.append(([x.grad.data for x in xs], len(runs)))
    return found


@pytest.mark.parametrize(
    ("f", "values"),
    [
        (lambda x: ops.sin(ops.exp(x)), [X]),
        (lambda x, w: ops.tanh(x @ w) * x.sum(), [X, np.outer(X, X)]),
        (lambda x: ops.exp(checkpoint(lambda u: ops.sin(u) * u, x)), [X]),
        (lambda x: x[::2] ** 2, [X]),
        (lambda x: ops.sin(x), [np.zeros((0, 3))]),
        (lambda x: x * x, [np.array(1.5)]),
    ],
)
def test_the_same_gradients(f, values):
    (plain, once), (kept, twice) = both(f, *values)
    for a, b in zip(plain, kept, strict=True):
        assert np.array_equal(a, b)
    assert (once, twice) == (1, 2)


def test_scenario_8_two_segments():
    def segment(x):
        runs.append(1)
        return ops.sin(ops.exp(ops.tanh(x)))

    x, c, runs = leaf(np.linspace(-1, 1, 100)), leaf(np.linspace(-1, 1, 100)), []
    y = segment(segment(x)).sum()
    plain = graph_stats([y]).saved_bytes
    y.backward()
    assert len(runs) == 2
    y = checkpoint(segment, checkpoint(segment, c)).sum()
    assert len(runs) == 4
    assert graph_stats([y]).saved_bytes == 2 * 800 < plain == 4 * 800
    y.backward()
    assert len(runs) == 6
    assert np.array_equal(x.grad.data, c.grad.data)


def test_tensors_that_the_function_closes_over():
    w = leaf(np.array([2.0, 3.0, 5.0]))
    scaled = w * 2.0  # no leaf, and made outside
    x = leaf()
    y = checkpoint(lambda x: ops.sin(x) * w + scaled * scaled, x)
    y.sum().backward()
    assert np.allclose(x.grad.data, np.cos(X) * w.data, rtol=1e-15)
    assert np.allclose(w.grad.data, np.sin(X) + 8 * w.data, rtol=1e-15)
    alone = leaf()
    checkpoint(lambda: alone * alone).sum().backward()
    assert np.array_equal(alone.grad.data, 2 * X)


def test_an_input_that_depends_on_another_is_not_counted_twice():
    x = leaf()
    u = x * 3.0
    v = u * u
    y = checkpoint(lambda x, u: ops.exp(x) * u * v, x, u)
    y.sum().backward()
    z = leaf()
    (ops.exp(z) * (z * 3.0) * (z * 3.0) ** 2).sum().backward()
    assert np.allclose(x.grad.data, z.grad.data, rtol=1e-14)


def test_second_derivatives():
    x = leaf()
    y = checkpoint(lambda x: ops.sin(x) * x**2, x)
    (g,) = grad(y.sum(), x, create_graph=True)
    (h,) = grad(g.sum(), x, create_graph=True)
    (t,) = grad(h.sum(), x)
    assert np.allclose(g.data, np.cos(X) * X**2 + 2 * X * np.sin(X), rtol=1e-14)
    assert np.allclose(h.data, -np.sin(X) * X**2 + 4 * X * np.cos(X) + 2 * np.sin(X), rtol=1e-14)
    assert np.allclose(t.data, -np.cos(X) * X**2 - 6 * X * np.sin(X) + 6 * np.cos(X), rtol=1e-13)


def test_second_derivatives_do_not_count_an_input_twice():
    x = leaf()
    u = x * x
    y = checkpoint(lambda x, u: x * u, x, u)  # x^3
    (g,) = grad(y.sum(), x, create_graph=True)
    (h,) = grad(g.sum(), x)
    assert np.allclose(g.data, 3 * X**2, rtol=1e-14)
    assert np.allclose(h.data, 6 * X, rtol=1e-14)


def test_several_outputs_and_other_values():
    x = leaf()
    a, n, b, text = checkpoint(lambda x, k: (x * k, ops.argmax(x), ops.exp(x), "text"), x, 3.0)
    assert (int(n), text) == (2, "text")
    assert not n.requires_grad
    (a.sum() + (b * b).sum()).backward()
    assert np.allclose(x.grad.data, 3 + 2 * np.exp(2 * X), rtol=1e-15)
    x.grad = None
    first, _ = checkpoint(lambda x: (x * 2.0, x * 5.0), x)
    first.sum().backward()  # nothing arrives at the second output
    assert np.array_equal(x.grad.data, [2.0, 2.0, 2.0])


def test_nested_results():
    class Pair(NamedTuple):
        one: Tensor
        other: Tensor

    def f(x):
        return {"a": x * 2.0, "rest": [Pair(ops.exp(x), ops.argmax(x)), (x * x, "text")]}

    x = leaf()
    found = checkpoint(f, x)
    (pair, (square, text)) = found["rest"]
    assert (type(pair), int(pair.other), text) == (Pair, 2, "text")
    (ops.sum(found["a"]) + ops.sum(pair.one * 3.0) + ops.sum(square * 5.0)).backward()
    assert np.allclose(x.grad.data, 2 + 3 * np.exp(X) + 10 * X, rtol=1e-15)


def test_an_error_in_the_segment_leaves_no_trace():
    def fails(x):
        ops.exp(x)
        raise KeyError("inside")

    x = leaf()
    with pytest.raises(KeyError):
        checkpoint(fails, x)
    y = checkpoint(lambda x: x * 2.0, x)
    assert len(y.grad_fn.next_functions) == 1
    later = iter([lambda x: x * x, fails])
    y = checkpoint(lambda x: next(later)(x), x)
    state = np.random.get_state()[1].tolist()
    with pytest.raises(KeyError):
        y.sum().backward()
    assert np.random.get_state()[1].tolist() == state
    (x * 3.0).sum().backward()
    assert np.array_equal(x.grad.data, [3.0, 3.0, 3.0])


def test_as_pytorch_calls_it():
    x = leaf()
    checkpoint(ops.exp, x, use_reentrant=False).sum().backward()
    assert np.allclose(x.grad.data, np.exp(X), rtol=1e-15)
    with pytest.raises(GradcheckError, match="without reentrance only"):
        checkpoint(ops.exp, x, use_reentrant=True)


def test_where_nothing_requires_grad_it_is_a_call():
    runs = []
    y = checkpoint(lambda x: runs.append(1) or x * 2.0, Tensor(X))
    assert (y.requires_grad, len(runs)) == (False, 1)
    with no_grad():
        assert not checkpoint(lambda x: x * 2.0, leaf()).requires_grad


@pytest.mark.parametrize("own", [False, True])
def test_random_numbers_are_the_same_in_both_runs(own):
    drawn = []

    def dropout(x, rng):
        mask = (rng or np.random).random(3) < 0.5
        drawn.append(mask)
        return x * mask

    np.random.seed(3)
    x, rng = leaf(), np.random.default_rng(5) if own else None
    y = checkpoint(dropout, x, rng)
    after = (rng or np.random).random()
    y.sum().backward()
    assert np.array_equal(drawn[0], drawn[1])
    assert np.array_equal(x.grad.data, drawn[0])
    np.random.seed(3)
    other = np.random.default_rng(5) if own else np.random
    other.random(3)
    assert after == other.random(), "the first run drew from the ordinary stream,"
    x = leaf()
    y = checkpoint(dropout, x, rng)
    before = rng or np.random
    state = before.bit_generator.state if own else np.random.get_state()[2]
    y.sum().backward()
    assert state == (before.bit_generator.state if own else np.random.get_state()[2]), "and the second one left it alone"


def test_without_preserving_it_draws_anew():
    np.random.seed(0)
    drawn = []
    x = leaf()
    y = checkpoint(lambda x: drawn.append(np.random.random(3)) or x * drawn[-1], x, preserve_rng_state=False)
    y.sum().backward()
    assert not np.array_equal(*drawn)
    assert np.array_equal(x.grad.data, drawn[1])


def test_custom_functions_inside():
    class Square(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        def backward(ctx, g):
            (x,) = ctx.saved_tensors
            return 2 * g * x

    (plain, _), (kept, _) = both(lambda x: ops.sin(Square.apply(x)), X)
    assert np.array_equal(plain[0], kept[0])


def test_in_place_steps_inside():
    def f(x):
        y = x * 1.0
        y *= x
        y[0] += 5.0
        return y

    (plain, _), (kept, _) = both(f, X)
    assert np.array_equal(plain[0], kept[0])
    w = leaf()

    def g(x):
        y = x * 1.0
        y *= w
        return y

    checkpoint(g, leaf()).sum().backward()
    assert np.array_equal(w.grad.data, X)


def test_it_is_freed_and_can_be_kept():
    x = leaf()
    y = checkpoint(ops.exp, x * 1.0).sum()
    y.backward(retain_graph=True)
    y.backward()
    assert np.allclose(x.grad.data, 2 * np.exp(X), rtol=1e-15)
    with pytest.raises(GradcheckError, match="retain_graph=True"):
        y.backward()
    gc.disable()
    try:
        inner = x * 1.0
        kept = weakref.ref(inner.data)
        y = checkpoint(lambda u: ops.exp(u), inner).sum()
        del inner
        assert kept() is not None
        y.backward()
        assert kept() is None
    finally:
        gc.enable()


def test_mistakes_are_said():
    sizes = [3, 2]
    y = checkpoint(lambda x: ops.exp(x[: sizes.pop(0)]), leaf())
    with pytest.raises(GradcheckError, match=r"must compute the same.*float64 \(3,\) first, and now float64 \(2,\)"):
        y.sum().backward()
    dtypes = ["float64", "float32"]
    y = checkpoint(lambda x: ops.astype(ops.exp(x), dtypes.pop(0)), leaf())
    with pytest.raises(GradcheckError, match=r"float64 \(3,\) first, and now float32 \(3,\)"):
        y.sum().backward()
    counts = [1, 2]
    y = checkpoint(lambda x: [ops.exp(x)] * counts.pop(0), leaf())
    with pytest.raises(GradcheckError, match="must compute the same"):
        y[0].sum().backward()
    functions = [lambda x: ops.exp(x), lambda x: ops.sin(x), lambda x: ops.exp(x), lambda x: ops.exp(x * 1.0)]
    y = checkpoint(lambda x: functions.pop(0)(x), leaf(), determinism_check="none")
    with pytest.raises(GradcheckError, match=r"ExpBackward with results float64 \(3,\) was .* first, and now SinBackward"):
        y.sum().backward()
    y = checkpoint(lambda x: functions.pop(0)(x), leaf())
    with pytest.raises(GradcheckError, match="1 operations were recorded first, and now 2"):
        y.sum().backward()
    with pytest.raises(GradcheckError, match="must be 'default' or 'none'"):
        checkpoint(ops.exp, leaf(), determinism_check="loose")
    x = leaf()
    u = x * 1.0
    y = checkpoint(ops.exp, u)
    with no_grad():
        u += 1.0
    with pytest.raises(GradcheckError, match="modified in place"):
        y.sum().backward()


def test_many_segments():
    x = leaf()
    y = x
    for _ in range(300):
        y = checkpoint(lambda u: u + 0.5 * u * 0.0, y)
    y.sum().backward()
    assert np.array_equal(x.grad.data, [1.0, 1.0, 1.0])


class Dropout:
    """A layer with a generator of its own."""

    def __init__(self):
        self.rng = np.random.default_rng(3)

    def __call__(self, x):
        return dropped(x, self.rng)


def dropped(x, rng):
    return x * (rng.random(20) < 0.5)


def from_global(x):
    return dropped(x, GLOBAL)


def in_a_closure():
    rng = np.random.default_rng(0)
    return lambda x: dropped(x, rng)


def in_a_default():
    return lambda x, rng=np.random.default_rng(0), *, other=np.random.default_rng(1): dropped(dropped(x, rng), other)  # noqa: B008


DRAWING = [
    (in_a_closure(), ()),
    (in_a_default(), ()),
    (from_global, ()),
    (lambda x: from_global(x), ()),
    (functools.partial(dropped, rng=np.random.default_rng(0)), ()),
    (functools.partial(lambda rng, x: dropped(x, rng), np.random.default_rng(0)), ()),
    (Dropout(), ()),
    (Dropout().__call__, ()),
    (lambda x, layers: layers["all"][0](x), ({"all": [Dropout()]},)),
    (lambda x, rng: dropped(x, rng[0]), ([np.random.default_rng(0)],)),
    (lambda x, rng: dropped(x, rng["rng"]), ({"rng": np.random.default_rng(0)},)),
    (lambda x, rng: dropped(x, rng), (np.random.RandomState(0),)),
    (lambda x, rng: dropped(x, rng) * (rng.normal() > 0.0), (np.random.RandomState(0),)),
    (lambda x, bits: dropped(x, np.random.Generator(bits)), (np.random.PCG64(0),)),
]


@pytest.mark.parametrize(("function", "args"), DRAWING)
def test_generators_are_found_wherever_they_are(function, args):
    for _ in range(3):
        x = leaf(np.ones(20))
        y = checkpoint(function, x, *args)
        assert graph_stats([y]).saved_bytes > 0, "something has to be computed again"
        y.sum().backward()
        assert np.array_equal(x.grad.data, y.data)


def hidden_generator(seed):
    """One that nobody can find."""

    def draws(rng):
        while True:
            yield rng.random(20) < 0.5

    masks = draws(np.random.default_rng(seed))
    return lambda x: x * next(masks)


def test_other_values_than_the_first_time_are_an_error():
    y = checkpoint(hidden_generator(0), leaf(np.ones(20)))
    with pytest.raises(GradcheckError, match=r"the values of a result, float64 \(20,\), are not the same\n.*pass it as an"):
        y.sum().backward()
    for allowed in ({"preserve_rng_state": False}, {"determinism_check": "none"}):
        checkpoint(hidden_generator(0), leaf(np.ones(20)), **allowed).sum().backward()
    scale = np.array([2.0, 3.0, 5.0])
    y = checkpoint(lambda x: ops.exp(x) * scale, leaf())
    scale *= 2.0
    with pytest.raises(GradcheckError, match="must compute the same"):
        y.sum().backward()
    total = Tensor(np.zeros(3))

    def counts(x):
        total.add_(x.detach())
        return ops.exp(x)

    x = leaf()
    checkpoint(counts, x).sum().backward()  # what the result does not depend on may change
    assert np.array_equal(x.grad.data, np.exp(X))
    assert np.array_equal(total.data, 2 * X)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "complex128"])
@pytest.mark.parametrize("change", [1, 37, 999, 0])
def test_which_values_count_as_the_same(dtype, change):
    first = np.random.default_rng(0).normal(size=1000).astype(dtype)
    second = first[::-1].copy()[::-1]
    if change:
        second[change] += 200.0
    noise = iter([Tensor(first), Tensor(second * (1 + np.finfo(dtype).eps))])
    y = checkpoint(lambda x: x * x * next(noise), leaf(np.ones(1000, dtype)))
    if change:
        with pytest.raises(GradcheckError, match="the values of a result"):
            y.backward(np.ones(1000, dtype))
    else:
        y.backward(np.ones(1000, dtype))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e300, 0.0])
def test_results_that_are_not_finite(value):
    x = leaf(np.array([value, 1.0]))
    with np.errstate(all="ignore"):
        checkpoint(lambda x: x * x * x, x).sum().backward()
        expected = 3.0 * np.array([value, 1.0]) ** 2
    assert np.array_equal(x.grad.data, expected, equal_nan=True)


def test_only_what_is_needed_runs_again():
    runs = []
    x = leaf()
    for f in (lambda x: x, lambda x: x + 1.0, lambda x: x[:2], lambda x: x.reshape(3, 1) * 2.0):
        y = checkpoint(lambda x, f=f: runs.append(1) or f(x), x)
        y.sum().backward()
    assert len(runs) == 4
    z = x * 1.0
    assert checkpoint(lambda z: z, z) is z


def test_the_values_of_the_first_run_go_at_once():
    alive = []

    def segment(x):
        y = ops.exp(x)
        alive.append(weakref.ref(y.data))
        z = Cube.apply(ops.tanh(y))
        alive.append(weakref.ref(z.data))
        w = z[z > 0.1]
        return ops.sin(w)

    gc.disable()
    try:
        x = leaf(np.linspace(0.0, 1.0, 100))
        y = checkpoint(segment, x)
        assert not any(value() is not None for value in alive)
        assert graph_stats([y]).saved_bytes == 800
        y.sum().backward()
        assert len(alive) == 4
        assert not any(value() is not None for value in alive)
        assert graph_stats([y]).saved_bytes == 0
    finally:
        gc.enable()
    plain = leaf(x.data)
    segment(plain).sum().backward()
    assert np.array_equal(x.grad.data, plain.grad.data)


def test_with_the_graph_retained_they_go_as_well():
    x, alive = leaf(), []

    def segment(x):
        y = ops.exp(x)
        alive.append(weakref.ref(y.data))
        return ops.sin(ops.exp(y))

    gc.disable()
    try:
        y = checkpoint(segment, x).sum()
        for _ in range(3):
            y.backward(retain_graph=True)
            assert not any(value() is not None for value in alive)
        assert len(alive) == 4
    finally:
        gc.enable()


def test_one_segment_at_a_time_is_in_memory():
    def segment(x):
        for _ in range(5):
            x = ops.sin(x)
            alive.append(weakref.ref(x.data))
            most[0] = max(most[0], sum(value() is not None for value in alive))
        return x

    gc.disable()
    try:
        alive, most = [], [0]
        y = leaf()
        for _ in range(10):
            y = checkpoint(segment, y)
        y.sum().backward()
        assert most[0] <= 10 + 5  # the segments' results, and what is in the segment
    finally:
        gc.enable()


class Cube(Function):
    @staticmethod
    def forward(ctx, x):
        y = x * x
        ctx.save_for_backward(x, None, y)
        return y * x

    @staticmethod
    def backward(ctx, g):
        x, nothing, y = ctx.saved_tensors
        assert nothing is None
        return g * 3.0 * y + 0.0 * x


def test_tensors_from_outside_that_are_modified_later():
    w = leaf()
    scaled = w * 2.0
    y = checkpoint(lambda x: ops.sin(x) * scaled, leaf())
    scaled += 1.0
    with pytest.raises(GradcheckError, match=r"(?s)a tensor from outside.*modified at .*test_checkpoint.py"):
        y.sum().backward()


def test_views_that_were_overtaken():
    x = leaf()
    y = x * 1.0
    v = y[:2]
    y *= 2.0
    z = checkpoint(lambda v: ops.exp(v), v)  # looks for the view's place in the first run only
    z.sum().backward()
    assert np.allclose(x.grad.data, [*(2 * np.exp(2 * X[:2])), 0.0], rtol=1e-15)


def test_a_rule_that_is_not_used_in_the_first_run_is_not_in_the_second():
    with without_rules():
        y = checkpoint(lambda x: Cube.apply(ops.exp(x)), x := leaf())
    y.sum().backward()
    assert np.allclose(x.grad.data, 3 * np.exp(3 * X), rtol=1e-14)


def test_an_error_in_a_run_leaves_the_graph_usable():
    fails, x = [False], leaf()

    def segment(x):
        if fails[0]:
            raise KeyError("inside")
        return ops.exp(x)

    y = checkpoint(segment, x).sum()
    fails[0] = True
    with pytest.raises(KeyError):
        y.backward()
    fails[0] = False
    y.backward()
    assert np.array_equal(x.grad.data, np.exp(X))


def test_pictures_show_what_is_kept():
    x = leaf()
    y = checkpoint(lambda x: ops.exp(x) * 2.0, x)
    shown = graph_stats([y])
    assert shown.ops == {"mul": 1, "exp": 1}
    assert [(s.nbytes, s.kept_by) for s in shown.largest_saved] == [(24, ("exp.input 0",))]
    assert "freed" not in draw_graph([y], format="dot")
    y.sum().backward()
    assert "freed" in draw_graph([y], format="dot")
