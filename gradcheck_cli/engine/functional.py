"""Derivatives of functions of tensors, as torch.autograd.functional has them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from gradcheck_cli.engine.backward import grad
from gradcheck_cli.engine.modes import MODE, enable_grad
from gradcheck_cli.engine.operators import TABLE
from gradcheck_cli.engine.tensor import Tensor
from gradcheck_cli.errors import GraphError


def vjp(func: Callable[..., Any], inputs: Any, v: Any = None, create_graph: bool = False) -> tuple[Any, Any]:
    """`func(*inputs)` and J' v. `v` has the structure of the outputs, and may be left out for a single number."""
    call = _Call(func, inputs)
    cotangents = v if isinstance(v, tuple | list) else (v,)
    if len(cotangents) != len(call.outputs):
        raise GraphError(f"{len(call.outputs)} outputs need {len(call.outputs)} cotangents, {len(cotangents)} were given")
    found = call.pull(call.outputs, cotangents, create_graph)
    return call.result(create_graph), call.as_inputs(found)


def jacobian(func: Callable[..., Any], inputs: Any, create_graph: bool = False) -> Any:
    """The Jacobian, of shape (*output shape, *input shape): one for each output and input, as nested tuples.

    A single output or input has no tuple around it. Costs one pullback per output entry.
    """
    call = _Call(func, inputs)
    rows = [tuple(call.jacobian_of(y, create_graph)) for y in call.outputs]
    blocks = [call.as_inputs(row) for row in rows]
    return tuple(blocks) if call.several else blocks[0]


def hvp(func: Callable[..., Any], inputs: Any, v: Any, create_graph: bool = False) -> tuple[Any, Any]:
    """`func(*inputs)`, which must be one number, and H v, H its matrix of second derivatives."""
    call = _Call(func, inputs)
    first = call.pull([call.scalar()], [None], create_graph=True)
    tangents = v if isinstance(v, tuple | list) else (v,)
    if len(tangents) != len(call.inputs):
        raise GraphError(f"{len(call.inputs)} inputs need {len(call.inputs)} vectors, {len(tangents)} were given")
    live = [(g, t) for g, t in zip(first, tangents, strict=True) if g.requires_grad]
    found = call.pull([g for g, _ in live], [t for _, t in live], create_graph) if live else call.zeros()
    return call.result(create_graph), call.as_inputs(found)


def hessian(func: Callable[..., Any], inputs: Any, create_graph: bool = False) -> Any:
    """The second derivatives of `func(*inputs)`, one number: a block (*shape i, *shape j) for every pair of inputs."""
    call = _Call(func, inputs)
    first = call.pull([call.scalar()], [None], create_graph=True)
    blocks = [call.as_inputs(tuple(call.jacobian_of(g, create_graph))) for g in first]
    return tuple(blocks) if call.tuple_of_inputs else blocks[0]


class _Call:
    """A function called once, with its graph. With grad mode on, inputs that require grad keep their place in the graph."""

    def __init__(self, func: Callable[..., Any], inputs: Any) -> None:
        self.tuple_of_inputs = isinstance(inputs, tuple | list)
        given = tuple(inputs) if self.tuple_of_inputs else (inputs,)
        with enable_grad():
            self.inputs = [self._input(x) for x in given]
            result = func(*self.inputs)
        self.several = isinstance(result, tuple | list)
        self.outputs = list(result) if self.several else [result]
        for y in self.outputs:
            if not isinstance(y, Tensor):
                raise GraphError(f"the function must return tensors, but returned a {type(y).__name__}")

    @staticmethod
    def _input(x: Any) -> Tensor:
        if isinstance(x, Tensor) and x.requires_grad and MODE.enabled:
            alias: Tensor = TABLE["astype"](x, str(x.dtype))
            return alias
        return Tensor(x, requires_grad=True)

    def scalar(self) -> Tensor:
        """The only output. Raises GraphError unless it is one real number."""
        if self.several or self.outputs[0].size != 1 or self.outputs[0].dtype.kind == "c":
            raise GraphError("second derivatives are those of a function that returns one real number")
        y: Tensor = self.outputs[0]
        return y

    def zeros(self) -> list[Tensor]:
        """A zero for each input."""
        return [Tensor(np.zeros_like(x.data)) for x in self.inputs]

    def pull(self, outputs: list[Tensor], cotangents: Any, create_graph: bool) -> list[Tensor]:
        """The pullback to all inputs; zero where there is no way to them."""
        live = [(y, g) for y, g in zip(outputs, cotangents, strict=True) if y.requires_grad]
        if not live:
            return self.zeros()
        ys, gs = zip(*live, strict=True)
        found = grad(ys, self.inputs, gs, retain_graph=True, create_graph=create_graph, allow_unused=True)
        return [z if g is None else g for g, z in zip(found, self.zeros(), strict=True)]

    def jacobian_of(self, y: Tensor, create_graph: bool) -> list[Tensor]:
        """One output's Jacobian for each input."""
        rows = []
        for k in range(y.size):
            one = np.zeros(y.size, y.dtype)
            one[k] = 1
            rows.append(self.pull([y], [one.reshape(y.shape)], create_graph))
        if not rows:
            return [Tensor(np.zeros((*y.shape, *x.shape), x.dtype)) for x in self.inputs]
        stacked = [TABLE["stack"](list(column)) for column in zip(*rows, strict=True)]
        return [TABLE["reshape"](s, (*y.shape, *x.shape)) for s, x in zip(stacked, self.inputs, strict=True)]

    def result(self, keep_graph: bool) -> Any:
        """What the function returned."""
        found = self.outputs if keep_graph else [y.detach() for y in self.outputs]
        return tuple(found) if self.several else found[0]

    def as_inputs(self, found: Any) -> Any:
        """One value per input, in the inputs' structure."""
        return tuple(found) if self.tuple_of_inputs else found[0]
