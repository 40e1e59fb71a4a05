"""What is known of a forward and of its rule without trying them, because both are made of ops that can be followed."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np

from gradcheck_cli.check.claimed import Outputs
from gradcheck_cli.check.contract import dense_cotangent
from gradcheck_cli.check.problem import Problem, Pulled
from gradcheck_cli.engine.tracing import Traced

Array = np.ndarray[Any, Any]


class Structure:
    """Of one problem; nothing is known where a forward, or a rule, is Python code, or goes a way that depends on values."""

    def __init__(self, problem: Problem, pulled: Pulled, outputs: Outputs) -> None:
        self.problem, self.pulled, self.outputs = problem, pulled, outputs

    @cached_property
    def _forward(self) -> list[Traced] | None:
        """The outputs that are checked, as they depend on the inputs."""
        found = self.problem.traced() if self.problem.traced is not None else None
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
    def gradients(self) -> dict[int, Array | None]:
        """What the rule gives for the dense cotangent, by the inputs' positions, where it can be followed."""
        return {i: None if g is None else g.data for i, g in (self._rule or {}).items()}

    def forward_apart(self, i: int, axis: int, axes: Sequence[int]) -> bool:
        """Whether, in the forward, entries of different indices along an axis of input `i` and the outputs' axes never meet."""
        if self._forward is None:
            return False
        found = [y.aligned.get(i) for y in self._forward]
        return all(pairs is None or (p, axis) in pairs for pairs, p in zip(found, axes, strict=True))

    def rule_apart(self, i: int, axis: int, axes: Sequence[int]) -> bool:
        """The same of the rule; not where a gradient is not finite, as zero times that is not zero."""
        g = None if self._rule is None else self._rule[i]
        if self._rule is None or (g is not None and not np.isfinite(g.data).all()):
            return False
        found = [None if g is None else g.aligned.get(k) for k in self.outputs.kept]
        return all(pairs is None or (axis, p) in pairs for pairs, p in zip(found, axes, strict=True))
