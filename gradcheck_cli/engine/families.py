"""Families of ops: what holds for all ops of a kind, said once.

A family knows four things: how a rule's result is fitted to its input (`fit` undoes broadcasting), how an op runs on a
leading axis of copies (`batch`), which output entries depend on which input entries (`dependence`), and how much is
computed (`flops`).

Dependence is told as aligned axes: the pair `(o, i)` of an input says that an output entry depends on an entry of this
input only where its coordinate along output axis `o` equals that along input axis `i`. Fewer pairs say less, and are
always sound.

Flops are counted by convention: one for a function of an entry, whatever it is (a sine as much as a sum), and none for
adding up gradients that meet, be it where a result is used twice or where an input was repeated.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from gradcheck_cli.engine.batching import note_loop
from gradcheck_cli.engine.operators import TABLE
from gradcheck_cli.engine.views import follow

if TYPE_CHECKING:
    from gradcheck_cli.engine.op import Op

Shape = tuple[int, ...]
Pairs = tuple[tuple[int, int], ...]
SAMPLES = 64
"""Entries of which axes are compared before all are."""
Flops = tuple[int, list[int]]
"""Of the op, and of the rule of each input."""


class Family:
    """Nothing is known: one call per copy, and every output depends on every input."""

    name = "general"
    calls: tuple[str, ...] = ()
    moves = False
    """Whether entries are only moved, so that a result may show its input's memory."""
    linear = ""
    """In which inputs its ops are linear, unless they say otherwise; as `Op.linear`."""

    def fit(self, gx: Any, shape: Shape) -> Any:
        """The rule's result as the gradient of an input of this shape."""
        return gx

    def batch(self, op: Op, inputs: Sequence[Any], batched: Sequence[bool], params: dict[str, Any]) -> Any:
        """Run `op` on inputs of which some carry a leading axis of copies; the result carries it too."""
        note_loop(op)
        size = _copies(inputs, batched)
        if not size:  # one of zeros tells the shape
            inputs = [np.zeros((1, *x.shape[1:]), x.dtype) if b else x for x, b in zip(inputs, batched, strict=True)]
        alone = [[x[k] if b else x for x, b in zip(inputs, batched, strict=True)] for k in range(size or 1)]
        results = [op.forward(*xs, **params) for xs in alone]
        if isinstance(results[0], tuple | list):
            return tuple(np.stack(parts)[:size] for parts in zip(*results, strict=True))
        return np.stack(results)[:size]

    def batch_at_once(self, op: Op, inputs: Sequence[Any], batched: Sequence[bool], params: dict[str, Any]) -> Any:
        """The same, where it does not matter whether copies that are equal are rounded alike."""
        return self.batch(op, inputs, batched, params)

    def dependence(self, op: Op, shapes: Sequence[Shape], params: dict[str, Any], outputs: Sequence[Shape]) -> list[Pairs]:
        """For each input the aligned axes of the first output (of the others too, unless a family says otherwise)."""
        return [()] * len(shapes)

    def flops(self, op: Op, shapes: Sequence[Shape], params: dict[str, Any], outputs: Sequence[Shape]) -> Flops | None:
        """Flops of the op, and of the rule of each input; None: not known."""
        return None


class Elementwise(Family):
    """Entry by entry, with NumPy's broadcasting."""

    name = "elementwise"
    calls = ("()", "(3,)", "(2, 3)", "(0, 2)")

    def fit(self, gx: Any, shape: Shape) -> Any:
        """Sum over the axes along which the input was repeated."""
        return gx if np.shape(gx) == shape else TABLE["sum_to"](gx, shape)

    def batch(self, op: Op, inputs: Sequence[Any], batched: Sequence[bool], params: dict[str, Any]) -> Any:
        """Line the copies' axis up in front of the broadcast shape."""
        if len(inputs) == 1:
            return op.forward(inputs[0], **params)
        ndim = max(np.ndim(x) - b for x, b in zip(inputs, batched, strict=True))
        return op.forward(
            *[_lift(x, ndim, 1) if b else x for x, b in zip(inputs, batched, strict=True)],
            **params,
        )

    def dependence(self, op: Op, shapes: Sequence[Shape], params: dict[str, Any], outputs: Sequence[Shape]) -> list[Pairs]:
        """Trailing axes are aligned, but where an axis of length 1 is repeated."""
        n = len(outputs[0])
        return [tuple((n - len(s) + i, i) for i in range(len(s)) if s[i] == outputs[0][n - len(s) + i]) for s in shapes]

    def flops(self, op: Op, shapes: Sequence[Shape], params: dict[str, Any], outputs: Sequence[Shape]) -> Flops:
        """One per output entry, and so is each rule."""
        return _entries(outputs), [_entries(outputs)] * len(shapes)


class Reduction(Family):
    """One number per slice along `axis` (None: all axes)."""

    name = "reduction"
    calls = ("()", "(4,)", "(2, 3), axis=0", "(2, 3)", "(2, 3, 2), axis=-1")

    def batch(self, op: Op, inputs: Sequence[Any], batched: Sequence[bool], params: dict[str, Any]) -> Any:
        """The same axes, one further back."""
        (x,) = inputs
        axes = _axes(params.get("axis"), x.ndim - 1)
        if "keepdims" not in params and len(axes) != 1:  # argmax and argmin take one axis, or count through them all
            return op.forward(_rows(x), **{**params, "axis": 1})
        return op.forward(x, **{**params, "axis": axes[0] + 1 if len(axes) == 1 else tuple(a + 1 for a in axes)})

    def dependence(self, op: Op, shapes: Sequence[Shape], params: dict[str, Any], outputs: Sequence[Shape]) -> list[Pairs]:
        """The axes that are left are aligned."""
        n = len(shapes[0])
        gone = _axes(params.get("axis"), n)
        left = [a for a in range(n) if a not in gone]
        return [tuple((a, a) for a in left) if params.get("keepdims") else tuple(enumerate(left))]

    def flops(self, op: Op, shapes: Sequence[Shape], params: dict[str, Any], outputs: Sequence[Shape]) -> Flops:
        """One per input entry, and so is the rule."""
        return _entries(shapes), [_entries(shapes)]


class SumTo(Reduction):
    """sum_to: the sum over the axes that broadcasting `shape` to the input's shape repeats."""

    def batch(self, op: Op, inputs: Sequence[Any], batched: Sequence[bool], params: dict[str, Any]) -> Any:
        """The copies' axis stays, in front of axes of length 1 that make up for those that go."""
        (x,) = inputs
        shape = _shape(params["shape"])
        return op.forward(x, shape=(len(x), *(1,) * (x.ndim - 1 - len(shape)), *shape)).reshape(len(x), *shape)

    def dependence(self, op: Op, shapes: Sequence[Shape], params: dict[str, Any], outputs: Sequence[Shape]) -> list[Pairs]:
        """Trailing axes that keep their length are aligned."""
        (x,), (y,) = shapes, outputs
        gone = len(x) - len(y)
        return [tuple((o, gone + o) for o in range(len(y)) if y[o] == x[gone + o])]


class Along(Family):
    """Slices along `axis` are mapped to slices; `axis=None` flattens first."""

    name = "along an axis"
    calls: tuple[str, ...] = ("(4,)", "(2, 3)", "(3, 2), axis=0")

    def batch(self, op: Op, inputs: Sequence[Any], batched: Sequence[bool], params: dict[str, Any]) -> Any:
        """The same axis, one further back."""
        (x,) = inputs
        if params["axis"] is None or x.ndim == 1:
            return op.forward(_rows(x), **{**params, "axis": 1})
        (axis,) = _axes(params["axis"], x.ndim - 1)
        return op.forward(x, **{**params, "axis": axis + 1})

    def dependence(self, op: Op, shapes: Sequence[Shape], params: dict[str, Any], outputs: Sequence[Shape]) -> list[Pairs]:
        """All axes but one are aligned."""
        gone = _axes(params["axis"], len(shapes[0]))
        return [tuple((a, a) for a in range(len(shapes[0])) if a not in gone)]


class Rescaling(Along):
    """Slices along one or several axes (None: all) are mapped to slices; the shape stays."""

    calls = ("(4,)", "(2, 3)", "(3, 2), axis=0", "(2, 3), axis=None", "(2, 3, 2), axis=(0, -1)", "()")

    def batch(self, op: Op, inputs: Sequence[Any], batched: Sequence[bool], params: dict[str, Any]) -> Any:
        """The same axes, one further back."""
        (x,) = inputs
        return op.forward(x, **{**params, "axis": tuple(a + 1 for a in _axes(params["axis"], x.ndim - 1))})

    def flops(self, op: Op, shapes: Sequence[Shape], params: dict[str, Any], outputs: Sequence[Shape]) -> Flops:
        """Per entry 5 (maximum, difference, exponential, sum, quotient); the rule 4 (product, sum, difference, product)."""
        return 5 * _entries(outputs), [4 * _entries(outputs)]


class Movement(Family):
    """Every output entry is one input entry, or a zero; which one is learnt by moving the entries' own numbers."""

    name = "movement"
    moves = True
    linear = "together"
    calls = ("(3,)", "(2, 3)")

    def sources(self, op: Op, shape: Shape, params: dict[str, Any]) -> Any:
        """For each output entry 1 + the flat index of the input entry it comes from; 0 where it is a zero."""
        return op.forward(np.arange(1, 1 + int(np.prod(shape)), dtype=np.int64).reshape(shape), **params)

    def batch(self, op: Op, inputs: Sequence[Any], batched: Sequence[bool], params: dict[str, Any]) -> Any:
        """Move each copy's entries by the same table."""
        (x,) = inputs
        table = self.sources(op, x.shape[1:], params)
        if (
            op.outputs == 1
            and table.size == prod(x.shape[1:])
            and np.array_equal(np.ravel(table), np.arange(1, table.size + 1))
        ):
            return x.reshape(len(x), *table.shape)
        flat = np.concatenate([np.zeros((len(x), 1), x.dtype), _rows(x)], axis=1)
        if isinstance(table, tuple | list):
            return tuple(flat[:, part] for part in table)
        return flat[:, table]

    def dependence(self, op: Op, shapes: Sequence[Shape], params: dict[str, Any], outputs: Sequence[Shape]) -> list[Pairs]:
        """Axes whose coordinates agree in every entry that is moved, to whichever output."""
        table = self.sources(op, shapes[0], params)
        parts = [_aligned(t, shapes[0]) for t in (table if isinstance(table, tuple | list) else (table,))]
        return [tuple(pair for pair in parts[0] if all(pair in part for part in parts))] if parts else [()]

    def flops(self, op: Op, shapes: Sequence[Shape], params: dict[str, Any], outputs: Sequence[Shape]) -> Flops:
        """Nothing is computed."""
        return 0, [0] * len(shapes)


class Joining(Family):
    """Several inputs laid beside each other along an axis."""

    name = "joining"
    linear = "together"
    calls = ("[(3,), (2,)]",)

    def batch(self, op: Op, inputs: Sequence[Any], batched: Sequence[bool], params: dict[str, Any]) -> Any:
        """Give every input the copies' axis."""
        size = _copies(inputs, batched)
        full = [x if b else np.broadcast_to(x, (size, *np.shape(x))) for x, b in zip(inputs, batched, strict=True)]
        axis = params["axis"]
        if axis is None:
            full, axis = [_rows(x) for x in full], 0
        return op.forward(*full, axis=axis + 1 if axis >= 0 else axis)

    def dependence(self, op: Op, shapes: Sequence[Shape], params: dict[str, Any], outputs: Sequence[Shape]) -> list[Pairs]:
        """All axes but the one along which they lie; where that one is new (stack), those behind it have moved."""
        if params["axis"] is None:
            return [()] * len(shapes)
        n = len(outputs[0])
        others = [a for a in range(n) if a != params["axis"] % n]
        return [tuple(zip(others, range(n - 1) if len(s) < n else others, strict=True)) for s in shapes]

    def flops(self, op: Op, shapes: Sequence[Shape], params: dict[str, Any], outputs: Sequence[Shape]) -> Flops:
        """Nothing is computed."""
        return 0, [0] * len(shapes)


class Scatter(Family):
    """The transpose of a movement: each value is added at the place that a table of numbers from 1 gives it; 0 drops it."""

    name = "scatter"

    def batch(self, op: Op, inputs: Sequence[Any], batched: Sequence[bool], params: dict[str, Any]) -> Any:
        """One scatter, to a row for each copy; what is dropped goes to the row's first entry."""
        (values,) = inputs
        size, length, table = len(values), 1 + prod(params["shape"]), np.asarray(params["table"])
        rows = 1 + length * np.arange(size).reshape(size, *(1,) * table.ndim)
        return op.forward(values, table=table + rows, shape=(size, length))[:, 1:].reshape(size, *params["shape"])

    def dependence(self, op: Op, shapes: Sequence[Shape], params: dict[str, Any], outputs: Sequence[Shape]) -> list[Pairs]:
        """As for the movement, seen from the other side."""
        return [tuple((o, i) for i, o in _aligned(params["table"], outputs[0]))]


class Writing(Family):
    """Entries of the second input go to places in the first, be they set there or added to what is there."""

    name = "writing"

    def places(self, shape: Shape, params: dict[str, Any]) -> Any:
        """The flat indices of the entries that are written to, in the shape of what is written."""
        return np.asarray(np.arange(prod(shape)).reshape(shape)[params["index"]])

    def batch(self, op: Op, inputs: Sequence[Any], batched: Sequence[bool], params: dict[str, Any]) -> Any:
        """Write to the copies made flat, at the same places in each."""
        x, v = inputs
        if not batched[0]:
            x = np.broadcast_to(x, (_copies(inputs, batched), *np.shape(x)))
        places = self.places(x.shape[1:], params)
        v = _lift(v, places.ndim, 1) if batched[1] else v
        return op.forward(_rows(x), v, index=(slice(None), places)).reshape(x.shape)

    def dependence(self, op: Op, shapes: Sequence[Shape], params: dict[str, Any], outputs: Sequence[Shape]) -> list[Pairs]:
        """All axes of the first input; of the second those whose coordinates agree wherever it is written to."""
        places = self.places(shapes[0], params)
        written = np.broadcast_to(_lift(np.arange(prod(shapes[1])).reshape(shapes[1]), places.ndim, 0), places.shape)
        return [tuple((a, a) for a in range(len(shapes[0]))), _agreeing(places, shapes[0], written, shapes[1])]


class ViewWriting(Writing):
    """Writing to the view that steps, ops with their parameters, make of the first input; its dtype stays."""

    def places(self, shape: Shape, params: dict[str, Any]) -> Any:
        """The view that the steps make of the entries' own flat indices."""
        return np.asarray(follow(np.arange(prod(shape)).reshape(shape), params["steps"]))

    def batch(self, op: Op, inputs: Sequence[Any], batched: Sequence[bool], params: dict[str, Any]) -> Any:
        """Set the entries by their indices."""
        (x, v), index_set = inputs, TABLE["index_set"]
        return super().batch(cast("Op", index_set), (x, np.asarray(v, x.dtype)), batched, params)


class Lookup(Family):
    """Each entry of the last input is looked up by itself, in all of the others, and becomes an entry or a slice."""

    name = "lookup"

    def batch(self, op: Op, inputs: Sequence[Any], batched: Sequence[bool], params: dict[str, Any]) -> Any:
        """One call, unless the copies differ in where they look."""
        return super().batch(op, inputs, batched, params) if any(batched[:-1]) else op.forward(*inputs, **params)

    def dependence(self, op: Op, shapes: Sequence[Shape], params: dict[str, Any], outputs: Sequence[Shape]) -> list[Pairs]:
        """All axes of the last input."""
        return [*[()] * (len(shapes) - 1), tuple((a, a) for a in range(len(shapes[-1])))]


class Stacked(Family):
    """Functions of matrices (the last two axes); further axes in front are independent copies, and broadcast."""

    name = "matrix"
    calls = ("(3, 3)", "(2, 3, 3)")

    def fit(self, gx: Any, shape: Shape) -> Any:
        """Sum over the leading axes along which the input was repeated."""
        return gx if np.shape(gx) == shape else TABLE["sum_to"](gx, shape)

    def batch(self, op: Op, inputs: Sequence[Any], batched: Sequence[bool], params: dict[str, Any]) -> Any:
        """One more leading axis; a vector (matmul, solve) becomes a matrix for the while."""
        if len(inputs) == 1:
            return op.forward(inputs[0], **params)
        a, b = inputs
        a_vector, b_vector = (np.ndim(x) - flag == 1 for x, flag in zip(inputs, batched, strict=True))
        a = a[..., None, :] if a_vector else a
        b = b[..., None] if b_vector else b
        ndim = max(np.ndim(x) - flag for x, flag in zip((a, b), batched, strict=True))
        y = op.forward(*[_lift(x, ndim, 1) if flag else x for x, flag in zip((a, b), batched, strict=True)], **params)
        y = y[..., 0] if b_vector else y
        return (y[..., 0] if b_vector else y[..., 0, :]) if a_vector else y

    def dependence(self, op: Op, shapes: Sequence[Shape], params: dict[str, Any], outputs: Sequence[Shape]) -> list[Pairs]:
        """Leading axes are aligned, but where an axis of length 1 is repeated."""
        leading = [s[:-2] for s in shapes]
        common = np.broadcast_shapes(*leading)
        n = len(common)
        return [tuple((n - len(s) + i, i) for i in range(len(s)) if s[i] == common[n - len(s) + i]) for s in leading]


class MatrixProduct(Stacked):
    """matmul: rows of the first input and columns of the second stay apart as well."""

    name = "matrix product"
    linear = "each"

    def batch_at_once(self, op: Op, inputs: Sequence[Any], batched: Sequence[bool], params: dict[str, Any]) -> Any:
        """Vectors beside one matrix become the rows of a matrix: a product of matrices, of which BLAS rounds each row by where
        it stands.
        """
        a, b = inputs
        if all(batched) or not np.ndim(a) == np.ndim(b) == 2:
            return self.batch(op, inputs, batched, params)
        return op.forward(a, b, **params) if batched[0] else op.forward(b, a.T, **params)

    def dependence(self, op: Op, shapes: Sequence[Shape], params: dict[str, Any], outputs: Sequence[Shape]) -> list[Pairs]:
        """As for stacked matrices, and the two outer axes."""
        (of_a, of_b), n, (a, b) = super().dependence(op, shapes, params, outputs), len(outputs[0]), shapes
        row, column = n - min(len(b), 2), n - 1
        return [(*of_a, (row, len(a) - 2)) if len(a) > 1 else of_a, (*of_b, (column, len(b) - 1)) if len(b) > 1 else of_b]

    def flops(self, op: Op, shapes: Sequence[Shape], params: dict[str, Any], outputs: Sequence[Shape]) -> Flops:
        """2 m n k for each (m, k) @ (k, n) of the stack, a product and a sum per term; and again for the rule of each input."""
        flops = 2 * _entries(outputs) * shapes[0][-1]
        return flops, [flops, flops]


class Contraction(Family):
    """einsum: aligned axes share a letter."""

    name = "contraction"
    linear = "each"

    def batch(self, op: Op, inputs: Sequence[Any], batched: Sequence[bool], params: dict[str, Any]) -> Any:
        """A further letter in front of the inputs that carry copies, and of the output."""
        from gradcheck_cli.engine.ops.linear_algebra import explicit_subscripts

        shapes = [np.shape(x)[1:] if b else np.shape(x) for x, b in zip(inputs, batched, strict=True)]
        operands, out = explicit_subscripts(params["subscripts"], shapes)
        free = next(c for c in "zyxwvutsrqponmlkjihgfedcbaZYXWVUTSRQPONMLKJIHGFEDCBA" if c not in "".join(operands) + out)
        named = ",".join(free * b + letters for letters, b in zip(operands, batched, strict=True))
        return op.forward(*inputs, subscripts=f"{named}->{free}{out}")

    def dependence(self, op: Op, shapes: Sequence[Shape], params: dict[str, Any], outputs: Sequence[Shape]) -> list[Pairs]:
        """Axes with the same letter, but where an axis of length 1 is repeated."""
        from gradcheck_cli.engine.ops.linear_algebra import explicit_subscripts

        operands, out = explicit_subscripts(params["subscripts"], shapes)
        return [
            tuple((out.index(c), i) for i, c in enumerate(letters) if c in out and s[i] == outputs[0][out.index(c)])
            for letters, s in zip(operands, shapes, strict=True)
        ]

    def flops(self, op: Op, shapes: Sequence[Shape], params: dict[str, Any], outputs: Sequence[Shape]) -> Flops | None:
        """As one nest of loops over all letters: p - 1 products for p operands, and a sum if a letter is summed over.

        That is 2 m n k for `ij,jk->ik`. In the rule of an operand, the cotangent and the operand have changed places.
        """
        from gradcheck_cli.engine.ops.linear_algebra import explicit_subscripts

        if "subscripts" not in params:  # the graph has been freed
            return None
        operands, out = explicit_subscripts(params["subscripts"], shapes)
        lengths: dict[str, int] = {}
        for letter, n in zip("".join(operands), (n for shape in shapes for n in shape), strict=True):
            lengths[letter] = n if lengths.get(letter, 1) == 1 else lengths[letter]
        loops = prod(lengths.values())
        forward, *rules = [loops * (len(operands) - 1 + (set(lengths) > set(kept))) for kept in (out, *operands)]
        return forward, rules


class Composite(Family):
    """Written with other ops: what holds is what holds for those."""

    name = "composite"


def _copies(inputs: Sequence[Any], batched: Sequence[bool]) -> int:
    """How many there are."""
    return next(len(x) for x, b in zip(inputs, batched, strict=True) if b)


def _rows(x: Any) -> Any:
    """Each copy as one row."""
    return x.reshape(len(x), prod(x.shape[1:]))


def _lift(x: Any, ndim: int, lead: int) -> Any:
    """`x` with `lead` leading axes kept, and axes of length 1 put in (or left out) behind them until `ndim` follow."""
    rest = x.shape[lead:]
    return x.reshape(x.shape[:lead] + ((1,) * ndim + rest)[len(rest) :])


def _aligned(table: Any, shape: Shape) -> Pairs:
    """The axes of `table` and of `shape` that agree, where the table gives flat indices in `shape`, counted from 1."""
    table = np.asarray(table)
    kept = np.flatnonzero(table)
    return _agreeing(kept, table.shape, table.ravel()[kept] - 1, shape)


def _agreeing(here: Any, shape: Shape, there: Any, other: Shape) -> Pairs:
    """The axes of `shape` and `other`, longer than 1, whose coordinates agree in all these pairs of flat indices; of none, no
    axes.
    """
    here, there = np.ravel(here), np.ravel(there)
    if not len(here):
        return ()
    # A few of them rule out nearly all pairs of axes, of which there may be thousands.
    few = np.linspace(0, len(here) - 1, min(len(here), SAMPLES)).astype(np.intp)
    one, two = (np.unravel_index(k[few], s) if s else () for k, s in ((here, shape), (there, other)))
    axes = [(o, i) for o, n in enumerate(shape) if n > 1 for i, k in enumerate(other) if k > 1]
    likely = [(o, i) for o, i in axes if np.array_equal(one[o], two[i])]
    return tuple((o, i) for o, i in likely if np.array_equal(_coordinate(here, shape, o), _coordinate(there, other, i)))


def _coordinate(flat: Any, shape: Shape, axis: int) -> Any:
    """The coordinate along an axis of flat indices in a shape."""
    return flat // prod(shape[axis + 1 :]) % shape[axis]


def _entries(shapes: Sequence[Shape]) -> int:
    """Entries of all these arrays together."""
    return sum(map(prod, shapes))


def _shape(shape: Any) -> Shape:
    """`shape` as a tuple."""
    return tuple(shape) if np.ndim(shape) else (int(shape),)


def _axes(axis: Any, ndim: int) -> tuple[int, ...]:
    """`axis` as a tuple of axes from 0."""
    if axis is None or not ndim:  # NumPy lets a number without axes be reduced along axis 0 or -1
        return tuple(range(ndim))
    return tuple(int(a) % ndim for a in (axis if isinstance(axis, tuple | list) else (axis,)))
