"""What is known of a forward and of its rule without trying them, because both are made of ops that can be followed."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np

from gradcheck_cli.check.claimed import Outputs
from gradcheck_cli.check.dense import dense_cotangent
from gradcheck_cli.check.problem import Problem, Pulled
from gradcheck_cli.engine.tracing import Traced

Array = np.ndarray[Any, Any]


class Structure:
    """Of one problem; nothing is known where a forward, or a rule, is Python code, or goes a way that depends on values."""

    def __init__(self, problem: Problem, pulled: Pulled, outputs: Outputs) -> None:
        self.problem, self.pulled, self.outputs = problem, pulled, outputs

    @cached_property
    def _forward(self) -> list[Traced] | None:
        """The outputs that are checked, as they depend on the inputs; at least on those that require a gradient."""
        return self._every_input or self._followed([x.requires_grad for x in self.problem.inputs])

    @cached_property
    def _every_input(self) -> list[Traced] | None:
        """The outputs as they depend on all inputs that are not integers or booleans."""
        return self._followed([x.value.dtype.kind in "fc" for x in self.problem.inputs])

    def _followed(self, moving: Sequence[bool]) -> list[Traced] | None:
        found = None if self.problem.traced is None else self.problem.traced(moving)
        return None if found is None else [found[k] for k in self.outputs.kept]

    @cached_property
    def _rule(self) -> dict[int, Traced | None] | None:
        """The gradient of each input, by position, as it depends on the cotangents of the outputs that are checked."""
        trace = self.pulled.traced
        found = None if trace is None else trace(self.outputs.cotangents(dense_cotangent(self.outputs.size)))
        return None if found is None else dict(zip(self.problem.differentiable_inputs(), found, strict=True))

    @cached_property
    def linear(self) -> bool:
        """Whether all gradients are linear in the cotangents, in exact arithmetic and without single precision on the way."""
        return self._rule is not None and all(g is None or g.linear for g in self._rule.values())

    @cached_property
    def gradients(self) -> list[Array | None]:
        """What the rule gives for the dense cotangent, for each input that requires a gradient; empty where it is not known."""
        return [None if g is None else g.array for g in (self._rule or {}).values()]

    def forward_apart(self, i: int, axis: int, axes: Sequence[int]) -> bool:
        """Whether, in the forward, entries of different indices along an axis of input `i` and the outputs' axes never meet."""
        if self._forward is None:
            return False
        found = [y.aligned.get(i) for y in self._forward]
        return all(pairs is None or (p, axis) in pairs for pairs, p in zip(found, axes, strict=True))

    def along(self, i: int, axis: int, axes: Sequence[int]) -> list[int | None] | None:
        """Where along an axis of input `i` and the outputs' axes indices never meet, of every input the axis of which an output
        uses but the entry of its own index, None for an input that is used as a whole: the forward can then run on some of the
        indices only. None where that is not known.
        """
        found = self._every_input
        if found is None or any(y.trace.shape_used if self.problem.python else y.trace.measured for y in found):
            return None
        if not all(y.aligned.get(i) is None or (p, axis) in y.aligned[i] for y, p in zip(found, axes, strict=True)):
            return None
        return [self._axis_of(k, found, axes) for k in range(len(self.problem.inputs))]

    def _axis_of(self, k: int, found: Sequence[Traced], axes: Sequence[int]) -> int | None:
        """The axis of input `k` that all outputs that depend on it have aligned with these axes of theirs."""
        of_outputs = [{r for o, r in y.aligned[k] if o == p} for y, p in zip(found, axes, strict=True) if k in y.aligned]
        common = set.intersection(*of_outputs) if of_outputs else set()
        return min(common, default=None)

    def rule_apart(self, i: int, axis: int, axes: Sequence[int]) -> bool:
        """The same of the rule; not where a gradient is not finite, as zero times that is not zero."""
        g = None if self._rule is None else self._rule[i]
        if self._rule is None or (g is not None and not np.isfinite(g.array).all()):
            return False
        found = [None if g is None else g.aligned.get(k) for k in self.outputs.kept]
        return all(pairs is None or (axis, p) in pairs for pairs, p in zip(found, axes, strict=True))
