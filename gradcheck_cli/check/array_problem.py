"""Problems about plain NumPy callables: a forward on arrays, and a backward written by hand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from inspect import Parameter, signature
from typing import Any

import numpy as np

from gradcheck_cli.check.engine_problem import as_outputs, engine_problem
from gradcheck_cli.check.problem import Input, Problem, same
from gradcheck_cli.engine.function import CustomNode
from gradcheck_cli.engine.tensor import Tensor
from gradcheck_cli.errors import RuleError, UsageError

Array = np.ndarray[Any, Any]
COTANGENTS = ("grad", "g", "grad_output", "grad_out", "gy", "dy", "dout", "cotangent", "ct", "upstream")
"""Names by which a rule may take its cotangent at another place than the first."""


def array_problem(
    name: str, forward: Callable[..., Any], backward: Callable[..., Any], inputs: Sequence[Input], **rest: Any
) -> Problem:
    """A problem about `forward(*inputs)` and its rule `backward`, both on arrays."""
    names = [x.name for x in inputs]
    call, lent, given_out = bind_rule(backward, names), _Lent(name, names), _GivenOut(name, names)

    def recorded(*tensors: Tensor) -> Any:
        arrays = [t.data for t in tensors]
        outputs = _outputs(forward(*map(np.array, arrays)))

        def pull(grads: Sequence[Any], create_graph: bool) -> Sequence[Any]:
            if create_graph:
                raise RuleError("raised", f"{name}: a rule on arrays cannot itself be differentiated", rule=name)
            given = lent.filled(arrays)
            found = _one_each(call(list(grads), given, outputs), inputs, name)
            lent.refuse_changes(arrays)
            _refuse_views_and_masks(found, given, inputs, name)
            given_out.keep(found)
            return found

        node = CustomNode(name, tensors, outputs, pull, input_names=names)
        node.keep = lambda: [(x.name, a) for x, a in zip(inputs, arrays, strict=True)]
        return tuple(Tensor._wrap(y, node, k) if y.dtype.kind in "fc" else Tensor._wrap(y) for k, y in enumerate(outputs))

    problem = engine_problem(name, inputs, recorded, primal=lambda *arrays: _outputs(forward(*arrays)), **rest)
    if problem.settings.order == 2:
        raise UsageError("order=2 needs a rule that can be differentiated: write it as an engine Function or in a spec")
    return problem._replace(second=None)


Rule = Callable[[list[Array], list[Array], Sequence[Array]], Any]


def bind_rule(backward: Callable[..., Any], names: Sequence[str]) -> Rule:
    """How `backward` wants its arguments: from the cotangents, inputs and outputs to the call.

    By name where every parameter is an input's name, `grad` (or `grad_<output number>`) or `out`; otherwise by place: the
    cotangents (one per output), then the inputs. A single cotangent may also come last, if its name says so.
    """
    try:
        parameters = [p for p in signature(backward).parameters.values() if p.default is Parameter.empty]
    except (TypeError, ValueError):
        return lambda grads, inputs, outputs: backward(*grads, *inputs)
    wanted = [p.name for p in parameters]
    if any(p.kind is Parameter.VAR_POSITIONAL for p in parameters):
        return lambda grads, inputs, outputs: backward(*grads, *inputs)

    def known(grads: list[Array], inputs: list[Array], outputs: Sequence[Array]) -> dict[str, Any]:
        scope: dict[str, Any] = {f"grad_{k}": g for k, g in enumerate(grads)}
        scope |= {"grad": grads[0] if len(grads) == 1 else tuple(grads)}
        scope |= {"out": outputs[0] if len(outputs) == 1 else tuple(outputs)}
        return {**scope, **dict(zip(names, inputs, strict=True))}

    def by_name(grads: list[Array], inputs: list[Array], outputs: Sequence[Array]) -> Any:
        scope = known(grads, inputs, outputs)
        return backward(**{name: scope[name] for name in wanted})

    def by_place(grads: list[Array], inputs: list[Array], outputs: Sequence[Array]) -> Any:
        if len(wanted) == 1 + len(inputs) and len(grads) > 1:
            return backward(tuple(grads), *inputs)
        last = len(grads) == 1 and wanted and wanted[-1] in COTANGENTS and wanted[0] not in COTANGENTS
        return backward(*inputs, *grads) if last else backward(*grads, *inputs)

    cotangents = {"grad"} | {n for n in wanted if n.startswith("grad_") and n[5:].isdigit()}
    named = any(n in cotangents for n in wanted) and set(wanted) <= {*cotangents, "out", *names}
    return by_name if named else by_place


class _Lent:
    """The inputs as the rule gets them: always the same arrays, as in a program that fills its buffers again. So a rule that
    knows an input by its identity is found out.
    """

    def __init__(self, rule: str, names: Sequence[str]) -> None:
        self.rule, self.names = rule, names
        self.arrays: list[Array] = []

    def filled(self, values: Sequence[Array]) -> list[Array]:
        """The arrays with these values; others only where these do not fit."""
        fresh = [np.array(a) for a in values]
        for k, (old, new) in enumerate(zip(self.arrays, fresh, strict=False)):
            if (old.shape, old.strides, old.dtype) == (new.shape, new.strides, new.dtype) and old.flags.writeable:
                old[...] = new
                fresh[k] = old
        self.arrays = fresh
        return list(fresh)

    def refuse_changes(self, values: Sequence[Array]) -> None:
        """Raises RuleError if the arrays do not hold these values any more."""
        for name, a, value in zip(self.names, self.arrays, values, strict=True):
            if not same(a, value):
                message = f"{self.rule}: after a call of the rule the input {name!r} held other values"
                raise RuleError("inputs", message, rule=self.rule, input_name=name)


class _GivenOut:
    """The gradients that the last call returned; another call must not write into them."""

    def __init__(self, rule: str, names: Sequence[str]) -> None:
        self.rule, self.names = rule, names
        self.last: list[tuple[str, Array, Array]] = []

    def keep(self, gradients: Sequence[Any]) -> None:
        """Keep these. Raises RuleError if those before were overwritten."""
        before, arrays = self.last, zip(self.names, gradients, strict=True)
        self.last = [(name, np.asarray(g), np.array(g)) for name, g in arrays if isinstance(g, np.ndarray)]
        for name, g, copy in before:
            if not same(copy, g):
                message = f"{self.rule}: the gradient of {name!r} that one call returned was overwritten by the next"
                raise RuleError("state", message, rule=self.rule, input_name=name)


def _refuse_views_and_masks(gradients: Sequence[Any], arrays: Sequence[Array], inputs: Sequence[Input], name: str) -> None:
    """A gradient must not be a view of an input, nor masked. Raises RuleError."""
    for x, g in zip(inputs, gradients, strict=True):
        if np.ma.is_masked(g):
            raise RuleError("dtype", f"{name}: the gradient of {x.name!r} has masked entries", rule=name, input_name=x.name)
        for other, array in zip(inputs, arrays, strict=True):
            if isinstance(g, np.ndarray) and g.size and np.may_share_memory(g, array):
                message = f"{name}: the gradient of {x.name!r} shares memory with the input {other.name!r}"
                raise RuleError("alias", message, rule=name, input_name=x.name)


def _outputs(result: Any) -> tuple[Array, ...]:
    """The outputs as arrays; float16, in which no cotangent could be scaled, becomes float32, as in inputs."""
    outputs = map(np.asarray, as_outputs(result))
    return tuple(y.astype(np.float32) if y.dtype == np.float16 else y for y in outputs)


def _one_each(found: Any, inputs: Sequence[Input], name: str) -> list[Any]:
    """One gradient or None per input, from what the rule returned: a single one, a sequence, or a mapping by name."""
    wanted = [k for k, x in enumerate(inputs) if x.requires_grad]
    if isinstance(found, dict):
        unknown = set(found) - {x.name for x in inputs}
        if unknown:
            raise RuleError("count", f"{name}: the rule returns a gradient for {min(unknown, key=repr)!r}, which is no input")
        return [found.get(x.name) for x in inputs]
    given = list(found) if isinstance(found, tuple | list) else [found]
    if len(given) == len(inputs):
        return given
    if len(given) != len(wanted):
        raise RuleError("count", f"{name}: the rule must return {len(wanted)} gradients, but returned {len(given)}", rule=name)
    gradients: list[Any] = [None] * len(inputs)
    for k, g in zip(wanted, given, strict=True):
        gradients[k] = g
    return gradients
