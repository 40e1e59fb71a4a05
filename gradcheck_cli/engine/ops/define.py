"""The words that define an op: one function per family."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gradcheck_cli.engine import families
from gradcheck_cli.engine.op import Op, Rule
from gradcheck_cli.engine.operators import TABLE

ELEMENTWISE = families.Elementwise()
REDUCTION = families.Reduction()
SUM_TO = families.SumTo()
ALONG = families.Along()
RESCALING = families.Rescaling()
MOVEMENT = families.Movement()
JOINING = families.Joining()
SCATTER = families.Scatter()
WRITING = families.Writing()
VIEW_WRITING = families.ViewWriting()
LOOKUP = families.Lookup()
STACKED = families.Stacked()
MATRIX_PRODUCT = families.MatrixProduct()
CONTRACTION = families.Contraction()
GENERAL = families.Family()
COMPOSITE = families.Composite()


def zero(g: Any) -> Any:
    """The rule of an input whose derivative is zero almost everywhere."""
    return g * 0.0


def _family(family: families.Family) -> Callable[..., Op]:
    options = ("forward", "at", "calls", "outputs", "holomorphic", "exact", "linear")

    def define(text: str, **keywords: Any) -> Op:
        given = {n: keywords.pop(n) for n in options if n in keywords}
        rules: dict[str, Rule | None] = keywords
        return Op(text, family, rules, **given)

    return define


elementwise = _family(ELEMENTWISE)
reduction = _family(REDUCTION)
along = _family(ALONG)
rescaling = _family(RESCALING)
summing_to = _family(SUM_TO)
joining = _family(JOINING)
scattering = _family(SCATTER)
writing = _family(WRITING)
view_writing = _family(VIEW_WRITING)
lookup = _family(LOOKUP)
stacked = _family(STACKED)
matrix_product = _family(MATRIX_PRODUCT)
contraction = _family(CONTRACTION)
general = _family(GENERAL)


def movement(text: str, tensor: str = "", **keywords: Any) -> Op:
    """Define an op that only moves entries; the rule of the input named `tensor` is to move them back."""
    if tensor:

        def move_back(g: Any, in_shape: Any, params: Any) -> Any:
            table = MOVEMENT.sources(op, in_shape, params)
            if op.outputs == 1:
                return TABLE["_scatter"](g, table, in_shape)
            parts = [(part, t) for part, t in zip(g, table, strict=True) if part is not None]
            return sum(TABLE["_scatter"](part, t, in_shape) for part, t in parts)

        keywords[tensor] = move_back
    op = _family(MOVEMENT)(text, **keywords)
    return op


class CompositeOp(Op):
    """An op that is written with other ops; its derivative is theirs."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Bind the arguments to the definition's parameters, in the signature's order."""
        inputs, params = self.bind(args, kwargs)
        given = iter(inputs)
        return self.forward(*[params[p.name] if p.kind == "static" else next(given) for p in self.signature])

    @property
    def differentiable(self) -> bool:
        """Whether any input can be differentiated."""
        return bool(self.rules)


def composite(text: str, tensors: str, definition: Callable[..., Any], at: Any = None, calls: tuple[str, ...] = ()) -> Op:
    """Define an op by other ops; `tensors` names its tensor inputs."""
    return CompositeOp(text, COMPOSITE, dict.fromkeys(tensors.split()), forward=definition, at=at, calls=calls)
