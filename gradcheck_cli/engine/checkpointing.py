"""Checkpointing: a segment that keeps its inputs only, and runs again on the way back."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from gradcheck_cli.engine.backward import pull_back_to
from gradcheck_cli.engine.modes import MODE, enable_grad, no_grad
from gradcheck_cli.engine.node import Edge, Node, edge_of
from gradcheck_cli.engine.tensor import Tensor
from gradcheck_cli.engine.versions import CLOCK
from gradcheck_cli.errors import GraphError


def checkpoint(
    function: Callable[..., Any],
    *args: Any,
    preserve_rng_state: bool = True,
    use_reentrant: bool = False,
    **kwargs: Any,
) -> Any:
    """`function(*args, **kwargs)`, with its intermediate values computed again by backward instead of being kept.

    As torch.utils.checkpoint.checkpoint without reentrance: gradients flow to the arguments and to every other tensor that the
    function uses; it may return a tensor, or tuples, lists and dictionaries of which some values are tensors. It has to do the
    same when it runs again: NumPy's global random state, and that of generators among the arguments, is put back for the
    while (`preserve_rng_state`). One more run of the function for every backward. Raises GraphError there where the function
    returns other shapes or dtypes than the first time, and at once for `use_reentrant=True`.
    """
    if use_reentrant:
        raise GraphError("checkpoint() works without reentrance only: leave use_reentrant out, or set it to False")
    if not MODE.enabled:
        return function(*args, **kwargs)
    segment = _Segment(function, args, kwargs, preserve_rng_state)
    result, used = segment.first_run()
    outputs = list(_tensors_in(result))
    if not used or not outputs:
        return result
    node = CheckpointNode(segment, used, outputs)
    return _with_tensors(result, iter([Tensor._wrap(y.data, node, k) for k, y in enumerate(outputs)]))


class CheckpointNode(Node):
    """A whole segment as one node. Its edges lead to all tensors that require grad and were used in it."""

    __slots__ = ("inputs", "segment")

    def __init__(self, segment: _Segment, used: Mapping[Edge, Tensor], outputs: Sequence[Tensor]) -> None:
        self.name = "CheckpointBackward"
        self.freed, self.hooks = False, None
        self.time = self.output_time = CLOCK.time
        self.segment: _Segment | None = segment
        self.next_functions = tuple(used)
        self.input_meta = tuple((x.shape, x.dtype) for x in used.values())
        self.output_meta = tuple((y.shape, y.dtype) for y in outputs)
        kept = {id(x): x.data for x in (*segment.tensors(), *used.values())}
        self.inputs = tuple(kept.values())

    def pull(self, grads: Sequence[Any], create_graph: bool) -> Sequence[Any]:
        """Run the segment again, recording, and pull back through what it recorded, as far as its inputs."""
        self.check_alive()
        self.check_unmodified()
        assert self.segment is not None
        outputs = self.segment.run_again(self.output_meta)
        arrived = [(y, g) for y, g in zip(outputs, grads, strict=True) if g is not None and y.requires_grad]
        if not arrived:
            return [None] * len(self.next_functions)
        ys, gs = zip(*arrived, strict=True)
        return pull_back_to(self.next_functions, ys, gs, create_graph)

    def release(self) -> None:
        """Let go of the inputs."""
        self.freed, self.segment, self.inputs = True, None, ()

    def saved_values(self) -> Iterable[tuple[str, np.ndarray[Any, Any]]]:
        """The inputs: all that is kept."""
        return ((f"input {k}", array) for k, array in enumerate(self.inputs))


class _Segment:
    """A function and its arguments, to be run twice from the same random state."""

    def __init__(self, function: Callable[..., Any], args: Any, kwargs: Any, preserve_rng_state: bool) -> None:
        self.function, self.args, self.kwargs = function, args, kwargs
        self.random = _RandomState([*args, *kwargs.values()]) if preserve_rng_state else None

    def tensors(self) -> list[Tensor]:
        """The arguments that are tensors."""
        return [x for x in (*self.args, *self.kwargs.values()) if isinstance(x, Tensor)]

    def first_run(self) -> tuple[Any, dict[Edge, Tensor]]:
        """The result, and the tensors that require grad and were used, by their edges. Nothing is recorded."""
        before, seen = MODE.seen, []  # type: ignore[var-annotated]
        MODE.seen = seen
        try:
            with no_grad():
                result = self.function(*self.args, **self.kwargs)
        finally:
            MODE.seen = before
        returned = [y for y in _tensors_in(result) if y.requires_grad]  # inputs that are passed on as they are
        return result, {edge_of(x): x for x in (*seen, *returned)}

    def run_again(self, expected: Sequence[tuple[tuple[int, ...], Any]]) -> list[Tensor]:
        """The differentiable outputs, recorded. Raises GraphError where they are other ones than the first time."""
        after = None if self.random is None else self.random.exchange()
        seen, MODE.seen = MODE.seen, None
        try:
            with enable_grad():
                result = self.function(*self.args, **self.kwargs)
        finally:
            MODE.seen = seen
            if self.random is not None and after is not None:
                self.random.restore(after)
        outputs = list(_tensors_in(result))
        found = [(y.shape, y.dtype) for y in outputs]
        if found != list(expected):
            raise GraphError(
                f"a checkpointed function must compute the same when it runs again: it returned {_shown(expected)} first, "
                f"and now {_shown(found)}\n  hint: it may depend on something that changed in between"
            )
        return outputs


class _RandomState:
    """The state of NumPy's global generator, and of the generators among some values."""

    def __init__(self, values: Sequence[Any]) -> None:
        self.generators = [v for v in values if isinstance(v, np.random.Generator)]
        self.kept = self.now()

    def now(self) -> tuple[Any, list[Any]]:
        return np.random.get_state(), [g.bit_generator.state for g in self.generators]  # noqa: NPY002

    def exchange(self) -> tuple[Any, list[Any]]:
        """Go back to the kept state; the one that was left is returned."""
        left = self.now()
        self.restore(self.kept)
        return left

    def restore(self, state: tuple[Any, list[Any]]) -> None:
        np.random.set_state(state[0])  # noqa: NPY002
        for generator, own in zip(self.generators, state[1], strict=True):
            generator.bit_generator.state = own


def _tensors_in(value: Any) -> Iterator[Tensor]:
    """The floating and complex tensors of a result, in order."""
    if isinstance(value, Tensor):
        yield from [value] if value.dtype.kind in "fc" else []
    elif isinstance(value, tuple | list | dict):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _tensors_in(part)


def _with_tensors(value: Any, tensors: Iterator[Tensor]) -> Any:
    """The same result with other floating and complex tensors."""
    if isinstance(value, Tensor):
        return next(tensors) if value.dtype.kind in "fc" else value
    if isinstance(value, dict):
        return {key: _with_tensors(part, tensors) for key, part in value.items()}
    if isinstance(value, tuple | list):
        parts = [_with_tensors(part, tensors) for part in value]
        return type(value)(*parts) if hasattr(value, "_fields") else type(value)(parts)
    return value


def _shown(meta: Sequence[tuple[tuple[int, ...], Any]]) -> str:
    return ", ".join(f"{dtype} {shape}" for shape, dtype in meta) or "nothing"
