"""Checkpointing: a segment that keeps its inputs only, and runs again on the way back."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any, NamedTuple

import numpy as np

from gradcheck_cli.engine.modes import MODE, enable_grad, held
from gradcheck_cli.engine.node import Node
from gradcheck_cli.engine.random_state import RandomState
from gradcheck_cli.engine.tensor import Tensor
from gradcheck_cli.engine.versions import CLOCK, check_unmodified
from gradcheck_cli.errors import GraphError

Array = np.ndarray[Any, Any]


def checkpoint(
    function: Callable[..., Any],
    *args: Any,
    preserve_rng_state: bool = True,
    use_reentrant: bool = False,
    determinism_check: str = "default",
    **kwargs: Any,
) -> Any:
    """`function(*args, **kwargs)`, with its intermediate values computed again by backward instead of being kept.

    As torch.utils.checkpoint.checkpoint without reentrance: the graph is what it would be without, but for the saved arrays.
    The function runs once more for every backward that needs one of them, and has to do the same then: NumPy's global
    random state is put back for the while, and that of generators among the arguments and in what the function refers to
    (`preserve_rng_state`). Backward raises InPlaceError where an argument has been modified since, and GraphError where the
    operations differ, or the results' shapes and dtypes, or (with `preserve_rng_state`) their values;
    `determinism_check="none"` is for functions whose results may differ. Raises GraphError at once for `use_reentrant=True`.
    """
    if use_reentrant:
        raise GraphError("checkpoint() works without reentrance only: leave use_reentrant out, or set it to False")
    if determinism_check not in ("default", "none"):
        raise GraphError(f"determinism_check must be 'default' or 'none', not {determinism_check!r}")
    if not MODE.enabled:
        return function(*args, **kwargs)
    return _Segment(function, args, kwargs, preserve_rng_state, determinism_check != "none").first_run()


class _Segment:
    """A function and its arguments, to be run twice from the same state. Lends its nodes what they saved in the second run."""

    def __init__(self, function: Callable[..., Any], args: Any, kwargs: Any, preserve_rng_state: bool, check: bool) -> None:
        self.function, self.args, self.kwargs = function, args, kwargs
        self.random = RandomState(function, args, kwargs) if preserve_rng_state else None
        self.check, self.rules, self.time = check, MODE.rules, CLOCK.time
        self.nodes: dict[int, weakref.ref[Node]] = {}
        """Those that had something to save, by when they were recorded."""
        self.recorded = 0
        self.again: dict[int, Node] = {}
        """Nodes of the second run whose values have not been asked for yet."""
        self.outputs: list[_Output] = []
        self.from_outside: list[tuple[weakref.ref[Array], int]] = []
        """What the function uses without getting it as an argument, and when it was saved."""

    def first_run(self) -> Any:
        """The result. What was saved for it is dropped."""
        nodes: list[weakref.ref[Node]] = []
        outer = MODE.made

        def made(node: Node) -> None:
            nodes.append(weakref.ref(node))
            if outer is not None:
                outer(node)

        with _telling(made):
            result = self.function(*self.args, **self.kwargs)
        self._drop([node() for node in nodes])
        if self.nodes:
            own = set(self.nodes_alive())
            self.outputs = [_Output.of(y, self.random is not None and y.grad_fn in own) for y in _tensors_in(result)]
        return result

    def _drop(self, nodes: Sequence[Node | None]) -> None:
        """Take from these nodes what they have saved."""
        self.recorded = len(nodes)
        own = set(nodes)
        for k, node in enumerate(nodes):
            if node is None:
                continue
            outside = [(weakref.ref(array), node.time) for edge, array in node.saved_inputs() if edge[0] not in own]
            if node.drop():
                node.lender = (self, k)
                self.nodes[k] = weakref.ref(node)
                self.from_outside += outside

    def nodes_alive(self) -> Iterator[Node]:
        """The nodes that may still ask for their values."""
        return (node for node in (reference() for reference in self.nodes.values()) if node is not None)

    def kept(self) -> list[tuple[str, Array]]:
        """Name and array of the arguments, and of what else is known to be used."""
        arrays = {id(x.data): x.data for x in self._arguments()}
        arrays.update({id(array): array for array in (reference() for reference, _ in self.from_outside) if array is not None})
        return [(f"input {k}", array) for k, array in enumerate(arrays.values())]

    def _arguments(self) -> Iterator[Tensor]:
        return _all_tensors_in((self.args, self.kwargs))

    def lend(self, node: Node, place: int) -> None:
        """Give the node what it saved, by running the function again if need be."""
        if place not in self.again:
            self.run_again()
        twin = self.again.pop(place, None)
        if twin is None or (twin.name, twin.input_meta, twin.output_meta) != (node.name, node.input_meta, node.output_meta):
            raise _changed(f"{_described(node)} was recorded first, and now {_described(twin)}")
        node.borrow(twin)

    def run_again(self) -> None:
        """Run the function as it was run first, and keep the nodes that have values for those of the first run."""
        self._check_unmodified()
        nodes: list[Node | None] = []

        def made(node: Node) -> None:
            first = self.nodes.get(len(nodes), _gone)()
            nodes.append(node if first is not None and first.is_dropped else None)

        after = None if self.random is None else self.random.exchange()
        try:
            with held(MODE, "rules", self.rules), _telling(made), enable_grad():
                result = self.function(*self.args, **self.kwargs)
        finally:
            if self.random is not None and after is not None:
                self.random.restore(after)
        self._check_same(list(_tensors_in(result)), len(nodes))
        self.again = {k: node for k, node in enumerate(nodes) if node is not None}

    def _check_unmodified(self) -> None:
        """Raise InPlaceError where an argument has been modified since before the first run, or another value after its use."""
        for k, x in enumerate(self._arguments()):
            check_unmodified("checkpoint()", f"argument {k}", x.data, self.time)
        for reference, time in self.from_outside:
            array = reference()
            if array is not None:
                check_unmodified("checkpoint()", "a tensor from outside", array, time)

    def _check_same(self, outputs: Sequence[Tensor], recorded: int) -> None:
        """Raise GraphError where the second run did not do what the first did."""
        found = [(y.shape, y.dtype) for y in outputs]
        expected = [(y.shape, y.dtype) for y in self.outputs]
        if self.check and found != expected:
            raise _changed(f"it returned {_shown(expected)} first, and now {_shown(found)}")
        if recorded != self.recorded:
            raise _changed(f"{self.recorded} operations were recorded first, and now {recorded}")
        if self.check:
            for first, y in zip(self.outputs, outputs, strict=True):
                if first.trace is not None and not first.trace.fits(y.data):
                    raise _changed(
                        f"the values of a result, {_shown([(y.shape, y.dtype)])}, are not the same",
                        ", or draw from a random generator that is not put back: pass it as an argument",
                    )


class _Trace(NamedTuple):
    """What is remembered of an array's values."""

    some: Array
    total: Any
    size: Any

    @classmethod
    def of(cls, array: Array) -> _Trace:
        """Its entries, at most 64 of them, their sum, and their norm."""
        some = array.flatten() if array.size <= 64 else array.flat[np.linspace(0, array.size - 1, 64).astype(int)]
        with np.errstate(all="ignore"):
            return cls(some, array.sum(), np.linalg.norm(array))

    def fits(self, array: Array) -> bool:
        """Whether this array has the same values, but for the last digits: sums may be done in another order."""
        new, share = _Trace.of(array), float(np.finfo(array.dtype).eps) ** 0.5
        if new.total == self.total and new.size == self.size and np.array_equal(new.some, self.some):
            return True
        with np.errstate(all="ignore"):
            largest = np.max(np.abs(self.some), initial=0.0, where=np.isfinite(self.some))
            slack = (share * largest, share * array.size**0.5 * self.size, 0.0)
            return all(
                np.allclose(b, a, rtol=share, atol=by if np.isfinite(by) else 0.0, equal_nan=True)
                for a, b, by in zip(self, new, slack, strict=True)
            )


class _Output(NamedTuple):
    """What is remembered of a result."""

    shape: tuple[int, ...]
    dtype: Any
    trace: _Trace | None

    @classmethod
    def of(cls, y: Tensor, values: bool) -> _Output:
        """Of this tensor, also of its `values`."""
        return cls(y.shape, y.dtype, _Trace.of(y.data) if values else None)


def _telling(made: Callable[[Node], None]) -> AbstractContextManager[None]:
    """Inside, `made` is told of every node that is recorded."""
    return held(MODE, "made", made)


def _gone() -> None:
    """A reference to a node that nobody needs."""


def _tensors_in(value: Any) -> Iterator[Tensor]:
    """The floating and complex tensors of a result, in order."""
    return (x for x in _all_tensors_in(value) if x.dtype.kind in "fc")


def _all_tensors_in(value: Any) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, tuple | list | dict):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _all_tensors_in(part)


def _changed(what: str, or_else: str = "") -> GraphError:
    return GraphError(
        f"a checkpointed function must compute the same when it runs again: {what}\n"
        f"  hint: it may depend on something that changed in between{or_else}"
    )


def _described(node: Node | None) -> str:
    return "nothing" if node is None else f"{node.name} with results {_shown(node.output_meta)}"


def _shown(meta: Iterable[tuple[tuple[int, ...], Any]]) -> str:
    return ", ".join(f"{dtype} {shape}" for shape, dtype in meta) or "nothing"
