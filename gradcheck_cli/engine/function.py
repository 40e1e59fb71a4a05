"""`Function`: a forward and a hand-written backward, as one node of the graph."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from gradcheck_cli.engine.anomaly import ANOMALY
from gradcheck_cli.engine.modes import MODE, no_grad
from gradcheck_cli.engine.node import Edge, Node, edge_of, tensor_at
from gradcheck_cli.engine.operators import Lifted
from gradcheck_cli.engine.tensor import Tensor
from gradcheck_cli.engine.versions import CLOCK, check_unmodified, memory_of
from gradcheck_cli.engine.views import note_view
from gradcheck_cli.errors import GradcheckError, GraphError, InPlaceError, Location, RuleError

Pull = Callable[[Sequence[Any], bool], Sequence[Any]]


class CustomNode(Node):
    """A node whose rule somebody wrote by hand. Its gradients are checked and never repaired.

    `rule(grads, create_graph)` gets one array (with create_graph: one tensor) per output, and gives one gradient or
    None per input. Where nothing arrived at an output it gets zeros, or None without `materialize`.
    """

    __slots__ = ("batches", "context", "input_names", "keep", "location", "locations", "materialize", "rule")

    is_custom = True

    def __init__(
        self,
        name: str,
        inputs: Sequence[Any],
        outputs: Sequence[np.ndarray[Any, Any]],
        rule: Pull,
        *,
        input_names: Sequence[str] = (),
        location: Location | None = None,
        locations: dict[str, Location] | None = None,
        materialize: bool = True,
        batches: bool = False,
    ) -> None:
        self.name = name
        self.freed = False
        self.hooks = None
        self.time = self.output_time = CLOCK.time
        if ANOMALY.enabled:
            from gradcheck_cli.engine.lines import calling_line

            self.line = calling_line()
        self.rule: Pull | None = rule
        self.next_functions = tuple(edge_of(x) for x in inputs)
        self.input_meta = tuple((np.shape(_array(x)), np.asarray(_array(x)).dtype) for x in inputs)
        self.output_meta = tuple((y.shape, y.dtype) for y in outputs)
        self.input_names = tuple(input_names) or tuple(f"input {i}" for i in range(len(inputs)))
        self.location, self.locations = location, locations or {}
        self.materialize, self.batches = materialize, batches
        self.keep: Callable[[], Iterable[tuple[str, np.ndarray[Any, Any]]]] = tuple
        self.context: Context | None = None
        if MODE.made is not None:
            MODE.made(self)

    def pull(self, grads: Sequence[Any], create_graph: bool) -> Sequence[Any]:
        """Run the rule, and check its contract: number of gradients, and the shape and dtype of each."""
        if self.freed:
            return self.pull_restored(grads, create_graph)
        assert self.rule is not None
        arrived = [self._arrived(g, meta, create_graph) for g, meta in zip(grads, self.output_meta, strict=True)]
        try:
            found = self.rule(arrived, create_graph)
        except GradcheckError:
            raise
        except Exception as error:
            raise self._broken("raised", f"the rule raised {type(error).__name__}: {error}") from error
        if len(found) != len(self.next_functions):
            raise self._broken(
                "count",
                f"the rule must return {len(self.next_functions)} gradients, one per input, but returned {len(found)}",
            )
        try:
            return [self._checked(i, gx, create_graph) for i, gx in enumerate(found)]
        except RuleError as error:
            error.gradients = tuple(found)
            raise

    def _arrived(self, g: Any, meta: tuple[tuple[int, ...], Any], create_graph: bool) -> Any:
        """An output's cotangent as the rule gets it."""
        if g is None and self.materialize:
            g = np.zeros(*meta)
        return g if g is None or isinstance(g, Tensor | Lifted) else Tensor._wrap(g) if create_graph else np.asarray(g)

    def _checked(self, i: int, gx: Any, create_graph: bool) -> Any:
        """One gradient, as an array or tensor of exactly its input's shape and dtype."""
        if gx is None or self.next_functions[i][0] is None:
            return None
        shape, dtype = self.input_meta[i]
        if not isinstance(gx, Tensor | Lifted | np.ndarray | np.generic | float | int | complex):
            raise self._broken("dtype", f"the gradient must be an array, but is a {type(gx).__name__}", i)
        if not hasattr(gx, "dtype"):
            gx = _number(gx, dtype)
        if np.shape(_array(gx)) != shape:
            found = np.shape(_array(gx))
            raise self._broken("shape", f"the gradient must have the input's shape {shape}, but has shape {found}", i)
        if gx.dtype != dtype:
            raise self._broken("dtype", f"the gradient must have the input's dtype {dtype}, but has {gx.dtype}", i)
        if create_graph:
            return gx if isinstance(gx, Tensor) else Tensor._wrap(gx)
        return gx if isinstance(gx, Lifted) else np.asarray(_array(gx))

    def _broken(self, kind: str, message: str, i: int | None = None) -> RuleError:
        name = "" if i is None else self.input_names[i]
        where = self.locations.get(name, self.location)
        of = f" for {name!r}" if name and not name.startswith("input ") else f" for {name}" if name else ""
        return RuleError(kind, f"{self.name}{of}: {message}", rule=self.name, input_name=name, location=where)

    def release(self) -> None:
        """Let go of the rule, and of all that it holds; one that saved nothing can run again, as in PyTorch."""
        if self.freed or any(True for _ in self.keep()):
            self.freed, self.rule, self.keep, self.context, self.lender = True, None, tuple, None, None

    def drop(self) -> bool:
        """Let go of what `save_for_backward` keeps: a checkpoint brings it back."""
        if self.freed:
            return self.is_dropped
        if self.context is None or not any(True for _ in self.keep()):
            return False
        self.context.drop()
        self.freed = True
        return True

    def _borrow(self, twin: Node) -> None:
        assert isinstance(twin, CustomNode)
        assert self.context is not None
        assert twin.context is not None
        self.context.borrow(twin.context)

    def saved_values(self) -> Iterable[tuple[str, np.ndarray[Any, Any]]]:
        """Name and array of each value kept for backward."""
        return super().saved_values() if self.freed else self.keep()

    def saved_inputs(self) -> Iterable[tuple[Edge, np.ndarray[Any, Any]]]:
        """Each saved array that is an input, and the edge that leads to it."""
        return self.context.saved_inputs() if self.context is not None else ()


class Context:
    """What a Function's forward leaves for its backward; any further attribute may be set on it."""

    def __init__(self, needs_input_grad: tuple[bool, ...]) -> None:
        self.needs_input_grad = needs_input_grad
        """For each argument of apply whether its gradient is wanted."""
        self.materialize_grads = True
        self._saved: tuple[tuple[Edge | int | None, Any], ...] = ()
        self._to_save: tuple[Any, ...] = ()
        self._not_differentiable: tuple[int, ...] = ()
        self._dirty: tuple[int, ...] = ()
        self._time = 0
        # Weak, because the node's rule holds the context: a graph that nobody uses is freed at once, not by the collector.
        self._node: Callable[[], CustomNode | None] | None = None

    def save_for_backward(self, *tensors: Tensor | None) -> None:
        """Keep inputs, outputs or intermediate tensors for backward."""
        for t in tensors:
            if t is not None and not isinstance(t, Tensor | Lifted):
                raise TypeError(f"save_for_backward keeps tensors, not {type(t).__name__}; set an attribute on ctx instead")
        self._to_save = tensors

    def mark_non_differentiable(self, *outputs: Tensor) -> None:
        """Say that these outputs have no derivative."""
        self._not_differentiable = tuple(map(id, outputs))

    def mark_dirty(self, *inputs: Tensor) -> None:
        """Say that forward modified these inputs in place; it has to return each of them."""
        self._dirty = tuple(map(id, inputs))

    def set_materialize_grads(self, value: bool) -> None:
        """With False, backward gets None instead of zeros for outputs that nothing depends on."""
        self.materialize_grads = value

    @property
    def saved_tensors(self) -> tuple[Any, ...]:
        """The tensors that forward saved.

        Raises GraphError once the graph has been freed, InPlaceError where one has been modified since.
        """
        node = self._node and self._node()
        if node is not None:
            if node.freed:
                node.restore()
        elif self._node is not None:
            raise GraphError("the saved tensors are gone, as nothing uses the graph any more")
        if CLOCK.time != self._time:
            for k, (_, array) in enumerate(self._saved):
                if array is not None:
                    check_unmodified(node.name if node else "a Function", f"saved tensor {k}", array, self._time)
        return tuple(self._unpack(node, place, array) for place, array in self._saved)

    def drop(self) -> None:
        """Let go of the saved arrays."""
        self._saved = tuple((place, None) for place, _ in self._saved)

    def borrow(self, twin: Context) -> None:
        """Take over the saved arrays of another call; what they are in the graph stays as it was."""
        self._saved = tuple((place, array) for (place, _), (_, array) in zip(self._saved, twin._saved, strict=True))
        self._time = twin._time

    def saved_inputs(self) -> Iterator[tuple[Edge, np.ndarray[Any, Any]]]:
        """Each saved array that is an input, and the edge that leads to it."""
        for place, array in self._saved:
            if isinstance(place, tuple) and array is not None:
                yield place, array

    def _unpack(self, maker: CustomNode | None, place: Edge | int | None, array: Any) -> Any:
        if array is None:
            return None
        if isinstance(place, int):
            return Tensor._wrap(array, maker, place)
        node = tensor_at(place or (None, 0), array)
        return node if isinstance(node, Tensor) else Tensor._wrap(array)

    def _pack(self, args: Sequence[Any], outputs: Sequence[Tensor]) -> None:
        """Note of each saved tensor where it stands in the graph; an input that is returned as it is, is an input."""
        places = {id(y): k for k, y in enumerate(outputs)}
        for x in args:
            if id(x) not in self._dirty:
                places.pop(id(x), None)
        self._saved = tuple((None, None) if t is None else (places.get(id(t), edge_of(t)), t.data) for t in self._to_save)
        self._to_save, self._time = (), CLOCK.time


class Function:
    """Subclass with static methods `forward(ctx, *args)` and `backward(ctx, *grad_outputs)`; call `Name.apply(*args)`.

    backward returns one gradient (or None) per argument of forward, with exactly that argument's shape and dtype; any None
    after them is no matter. It is written with tensors, so it can itself be differentiated. The node is named after the class.
    """

    @staticmethod
    def forward(ctx: Any, *args: Any) -> Any:
        """The function itself; runs without recording."""
        raise TypeError("a Function needs a static method forward(ctx, *args)")

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Any) -> Any:
        """The rule."""
        raise TypeError("a Function needs a static method backward(ctx, *grad_outputs)")

    @classmethod
    def apply(cls, *args: Any) -> Any:
        """Run forward, and leave a node in the graph where an argument requires grad."""
        needs = tuple(isinstance(x, Tensor) and x.requires_grad for x in args)
        ctx = Context(needs)
        if not MODE.rules:
            return cls.forward(ctx, *args)
        if any(isinstance(x, Lifted) for x in args):  # nothing is recorded of these
            with no_grad():
                return cls.forward(ctx, *args)
        with no_grad():
            result = cls.forward(ctx, *args)
        outputs = result if isinstance(result, tuple) else (result,)
        for y in outputs:
            if not isinstance(y, Tensor):
                raise RuleError(
                    "dtype", f"{cls.__name__}.forward must return tensors, not {type(y).__name__}", rule=cls.__name__
                )
        cls._check_dirty(ctx, args, outputs, any(needs))
        recorded = MODE.enabled and any(needs)
        made = cls._record(ctx, args, outputs) if recorded else cls._outside_the_graph(ctx, outputs)
        return made if isinstance(result, tuple) else made[0]

    @classmethod
    def _check_dirty(cls, ctx: Context, args: tuple[Any, ...], outputs: tuple[Tensor, ...], requires_grad: bool) -> None:
        if set(ctx._dirty) - set(map(id, outputs)):
            raise InPlaceError(f"{cls.__name__}.forward must return every input that it marks as dirty")
        for x in args:
            if id(x) in ctx._dirty:
                from gradcheck_cli.engine.in_place import check_history

                check_history(x, requires_grad)

    @classmethod
    def _outside_the_graph(cls, ctx: Context, outputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        for y in outputs:
            if id(y) in ctx._dirty:
                from gradcheck_cli.engine.in_place import mark_modified

                mark_modified(y, None)
        return tuple(y if id(y) in ctx._dirty else y.detach() for y in outputs)

    @classmethod
    def _record(cls, ctx: Context, args: tuple[Any, ...], outputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        def rule(grads: Sequence[Any], create_graph: bool) -> Sequence[Any]:
            tensors = [g if g is None or isinstance(g, Tensor) else Tensor._wrap(g) for g in grads]
            found = cls.backward(ctx, *tensors)
            return _without_spare_nones(found, len(args)) if isinstance(found, tuple | list) else (found,)

        name, arrays = cls.__name__ + "Backward", [y.data for y in outputs]
        node = CustomNode(name, args, arrays, rule, materialize=ctx.materialize_grads)
        ctx._pack(args, outputs)
        ctx._node, node.context = weakref.ref(node), ctx
        node.keep = lambda: [(f"saved {k}", array) for k, (_, array) in enumerate(ctx._saved) if array is not None]
        made = tuple(cls._output(ctx, y, node, k) for k, y in enumerate(outputs))
        ctx._time = CLOCK.time
        for y in made:
            if id(y) not in ctx._dirty:
                _note_views_of(args, y)
        return made

    @classmethod
    def _output(cls, ctx: Context, y: Tensor, node: CustomNode, k: int) -> Tensor:
        """Output `k` at its place in the graph: a new tensor, or the very input that forward modified."""
        if id(y) in ctx._dirty:
            from gradcheck_cli.engine.in_place import mark_modified

            mark_modified(y, node if y.dtype.kind in "fc" else None, k)
            return y
        if id(y) in ctx._not_differentiable or y.dtype.kind not in "fc":
            return y.detach()
        return Tensor._wrap(y.data, node, k)


def _without_spare_nones(found: Sequence[Any], count: int) -> Sequence[Any]:
    """Without what is None beyond the number of arguments: PyTorch accepts it."""
    return found[:count] if all(g is None for g in found[count:]) else found


def _note_views_of(args: Sequence[Any], y: Tensor) -> None:
    """An output that shows an input's memory is a view of it, of which the engine does not know how it was made."""
    for x in args:
        if isinstance(x, Tensor) and memory_of(x.data) is memory_of(y.data):
            note_view(y, x, "", {}, "custom")
            return


def _array(x: Any) -> Any:
    return x.data if isinstance(x, Tensor) else x


def _number(value: Any, dtype: Any) -> np.ndarray[Any, Any]:
    """A Python number as an array of `dtype`, unless that would change its kind."""
    fits = not isinstance(value, bool) and (dtype.kind == "c" or not isinstance(value, complex))
    return np.asarray(value, dtype=dtype if fits else None)
