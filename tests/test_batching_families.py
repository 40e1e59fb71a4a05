"""Families of ops on a leading axis of copies: bit for bit what each copy gives alone, whatever the dtypes and indices."""

from __future__ import annotations

from itertools import product
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from differences import keeps_the_rest
from op_cases import OPS

from gradcheck_cli.engine import ops
from gradcheck_cli.engine.batching import Batched, Notes, batched, noting
from gradcheck_cli.engine.families import Family
from gradcheck_cli.engine.ops.define import CompositeOp

COLUMNS = np.asfortranarray([[0, 1, 0], [0, 2, 1]])
WRITES: dict[str, tuple[Any, Any, Any]] = {
    "one entry": ((4,), -1, ()),
    "the only one": ((), (), ()),
    "all": ((2, 3), ..., (3,)),
    "a row": ((2, 3), 1, (3,)),
    "a column": ((2, 3), (..., -1), (2,)),
    "backwards": ((5,), slice(None, None, -2), (3,)),
    "a new axis": ((2, 3), (None, 1), (1, 3)),
    "twice, the last one stays": ((4,), [1, 1, 3, 1], (4,)),
    "twice, on two axes": ((3,), np.array([[0, 0, 2], [-1, 1, 0]]), (2, 3)),
    "twice, by columns": ((3,), COLUMNS, (2, 3)),
    "twice, by columns of a transpose": ((4, 3), (slice(1, None), COLUMNS.T), (2,)),
    "repeated along an axis": ((3, 2), ([0, 0, 2], ...), (3, 1)),
    "a mask": ((2, 3), np.array([[True, False, True], [False, True, False]]), (3,)),
    "a mask of one axis": ((2, 3), (slice(None), [True, False, True]), (2, 2)),
    "a mask of nothing": ((2, 3), np.zeros((2, 3), bool), (0,)),
    "a mask without axes": ((2, 3), True, (2, 3)),
    "arrays that are apart": ((2, 3, 2), ([0, 1, 0], slice(None), [1, 1, 1]), (3, 3)),
    "arrays beside each other": ((2, 3, 2), (slice(None), [[0], [2]], [1, 0]), (2, 2, 2)),
    "nothing": ((4,), [], (0,)),
    "of nothing": ((0, 3), (slice(None), 1), (0,)),
    "a list": ((2, 3), ([0, 1], [2, 2]), (2,)),
}
DTYPES = [("d", "d"), ("f", "d"), ("d", "f"), ("l", "l"), ("l", "D"), ("?", "?"), ("D", "f"), ("d", "l"), ("f", None)]
FLAGS = [(True, False), (False, True), (True, True)]


def drawn(rng: Any, shape: Any, dtype: str) -> Any:
    x = rng.integers(-9, 9, shape) / 7
    return (
        (x + 1j * rng.integers(-9, 9, shape) / 7).astype("D")
        if dtype == "D"
        else np.asarray(x * (7 if dtype == "l" else 1), dtype)
    )


def assert_same_bits(f: Any, inputs: Any, flags: Any) -> None:
    """All copies together, two of them, and none, against one after the other."""
    for size in (3, 1, 0):
        some = [x[:size] if b else x for x, b in zip(inputs, flags, strict=True)]
        before = [np.array(x) for x in some]
        together = batched(f, some, flags)
        alone = [f(*[x[k] if b else x for x, b in zip(inputs, flags, strict=True)]) for k in range(3)]
        expected = np.stack(alone)[:size]
        assert (together.shape, together.dtype) == (expected.shape, expected.dtype)
        assert together.tobytes() == expected.tobytes()
        assert all(np.array_equal(a, b) for a, b in zip(some, before, strict=True))  # the inputs stay


@pytest.mark.parametrize("name", WRITES)
@pytest.mark.parametrize("op", [ops.index_set, ops.add_at], ids=lambda op: op.name)
def test_writing(op: Any, name: str) -> None:
    (shape, index, v_shape), rng = WRITES[name], np.random.default_rng(0)

    def f(x: Any, v: Any) -> Any:
        return op(x, index, v)

    for (x_dtype, v_dtype), flags in product(DTYPES, FLAGS):
        if v_dtype is None:
            if flags == (True, False):
                assert_same_bits(f, [drawn(rng, (3, *shape), x_dtype), 0.3], flags)
            continue
        x = drawn(rng, (3, *shape) if flags[0] else shape, x_dtype)
        v = drawn(rng, (3, *v_shape) if flags[1] else v_shape, v_dtype)
        assert_same_bits(f, [x, v], flags)
        if op is ops.index_set and v_shape and not name.startswith("a mask"):  # NumPy takes more axes of length 1 in front
            wide = v.reshape(3, 1, 1, *v_shape) if flags[1] else v.reshape(1, 1, *v_shape)
            assert_same_bits(f, [x, wide], flags)


@pytest.mark.parametrize("name", WRITES)
@pytest.mark.parametrize("op", [ops.index_set, ops.add_at], ids=lambda op: op.name)
def test_what_is_written_depends_on_no_more(op: Any, name: str) -> None:
    (shape, index, v_shape), rng = WRITES[name], np.random.default_rng(0)
    arrays = [rng.normal(size=shape), rng.normal(size=v_shape)]
    pairs = op.family.dependence(op, [shape, v_shape], {"index": index}, [shape])
    for i in range(2):
        assert keeps_the_rest(lambda x, v: (op(x, index, v),), arrays, i, arrays[i] + 1.0, pairs[i])


STEPS: dict[str, tuple[Any, Any, Any, Any]] = {
    "a row": ((2, 3), (3,), (("index_get", {"index": 1}),), None),
    "a diagonal": ((3, 3), (), (("diagonal", {}),), None),
    "a view of a transpose": (
        (2, 3),
        (2,),
        (("transpose", {}), ("ravel", {}), ("index_get", {"index": slice(1, 5, 2)})),
        (1, 0),
    ),
    "the only entry": ((), (), (("reshape", {"shape": (1, 1)}),), None),
    "nothing": ((0, 2), (2,), (("index_get", {"index": slice(1)}),), None),
}


@pytest.mark.parametrize("name", STEPS)
def test_writing_to_a_view(name: str) -> None:
    (shape, v_shape, steps, axes), rng = STEPS[name], np.random.default_rng(0)
    for (x_dtype, v_dtype), flags in product([("d", "f"), ("f", "d"), ("d", "l"), ("D", "d")], FLAGS):
        x = drawn(rng, (3, *shape) if flags[0] else shape, x_dtype)
        v = drawn(rng, (3, *v_shape) if flags[1] else v_shape, v_dtype)
        assert_same_bits(lambda x, v: OPS["_copy_slices"](x, v, steps, axes), [x, v], flags)


TABLES: dict[str, tuple[Any, Any]] = {
    "in order": ([1, 2, 3, 4], (2, 2)),
    "dropped, and met": ([[4, 0, 4], [0, 1, 4]], (2, 2)),
    "by columns": (COLUMNS, (4,)),
    "one": (3, (4,)),
    "to the only one": ([1, 1, 0], ()),
    "nothing": (np.zeros((0, 2), int), (2, 3)),
    "all dropped": ([0, 0], (0, 3)),
}


@pytest.mark.parametrize("name", TABLES)
def test_scattering(name: str) -> None:
    (table, shape), rng = TABLES[name], np.random.default_rng(0)
    for dtype in "dflD?":
        values = drawn(rng, (3, *np.shape(table)), dtype)
        assert_same_bits(lambda x: OPS["_scatter"](x, table, shape), [values], [True])
    (pairs,) = OPS["_scatter"].family.dependence(OPS["_scatter"], [np.shape(table)], {"table": table, "shape": shape}, [shape])
    values = rng.normal(size=np.shape(table))
    assert keeps_the_rest(lambda x: (OPS["_scatter"](x, table, shape),), [values], 0, values + 1.0, pairs)


@pytest.mark.parametrize(
    ("shape", "to"), [((2, 3), 3), ((2, 3), [1]), ((2, 1), (2, 1)), ((1, 2, 3), (1, 1)), ((2, 0), (2, 1)), ((), ())]
)
def test_summing_to_a_shape(shape: Any, to: Any) -> None:
    for dtype in "dflD?":
        assert_same_bits(lambda x: ops.sum_to(x, to), [drawn(np.random.default_rng(0), (3, *shape), dtype)], [True])


def test_looking_up() -> None:
    rng = np.random.default_rng(0)
    steps = np.sort(rng.integers(0, 9, (3, 5)), axis=1) / 2
    for shape, flags, side in product([(), (2, 2), (0,)], FLAGS, ["left", "right"]):
        v = rng.integers(-1, 10, (3, *shape) if flags[1] else shape) / 2
        assert_same_bits(lambda a, v, side=side: ops.searchsorted(a, v, side), [steps if flags[0] else steps[0], v], flags)
    for dtype in ("l", "?", "d"):
        assert_same_bits(lambda i: ops.one_hot(i, 2), [drawn(rng, (3, 2, 2), dtype)], [True])


def test_what_nothing_is_known_of_runs_copy_by_copy() -> None:
    op: Any = SimpleNamespace(forward=lambda x, y, n: (x * y + n, x.sum()))
    x, y = np.arange(6.0).reshape(3, 2), np.ones(2, np.float32)
    for size in (3, 0):
        both, total = Family().batch(op, [x[:size], y], [True, False], {"n": 1})
        np.testing.assert_array_equal(both, x[:size] + 1)
        np.testing.assert_array_equal(total, x[:size].sum(1))


def test_no_op_runs_copy_by_copy() -> None:
    taking = [op for op in OPS.values() if op.inputs and not isinstance(op, CompositeOp)]
    assert [op.name for op in taking if type(op.family).batch is Family.batch] == []
    notes = Notes()
    with noting(notes):
        x = Batched(np.ones((3, 2)))
        ops.index_set(ops.sum_to(ops.add_at(x, [0, 0], x), (1,)), 0, ops.one_hot(0, 2)[0])
    assert (notes.looped, notes.widest) == (set(), 2)
