"""`Problem`: all that a check needs to know, as plain arrays and callables."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from gradcheck_cli.check.tolerances import ADAPTIVE, FIXED_STEP
from gradcheck_cli.engine.counts import GraphCounts
from gradcheck_cli.errors import GradcheckError, Location

if TYPE_CHECKING:
    from gradcheck_cli.engine.graph import Graph
    from gradcheck_cli.engine.tracing import Traced

Array = np.ndarray[Any, Any]


class Settings(NamedTuple):
    """Options of a check; the spec language's `check:` block."""

    rtol: float | None = None
    """Largest relative error of an entry that still counts as agreement; None: 1e-7, or 1e-3 with `eps`."""
    atol: float | None = None
    """Absolute floor, in output units per input unit; None: 0, or 1e-5 with `eps`."""
    eps: float | None = None
    """A fixed step: plain central differences and an allclose verdict, instead of the adaptive ones."""
    order: int = 1
    """2: the derivative of the rule itself is checked too."""
    points: int = 1
    """How many random draws of the inputs are tried."""
    mode: str = ""
    """`full`, `projected`, or '': full up to FULL_ENTRIES Jacobian entries, or where blocks are found."""
    kinks: str = "subgradient"
    """`subgradient`, `fail` or `skip`."""
    largest: int = 0
    """Jacobian entries that `mode: full` may ask for, outside of blocks; 0 for any number."""
    seed: int = 0
    pictures: bool = False
    """Whether the result holds what pictures show too: the Taylor remainders and the graph."""
    dot_product: bool = True
    """Whether the dot-product test is made, which changes no verdict."""

    def tolerances(self) -> tuple[float, float]:
        """Rtol and atol; with `eps` the defaults are those of PyTorch's gradcheck."""
        rtol, atol = ADAPTIVE if self.eps is None else FIXED_STEP
        return rtol if self.rtol is None else self.rtol, atol if self.atol is None else self.atol


class ForwardError(GradcheckError):
    """A forward raised something; the message says what."""


class Input(NamedTuple):
    """One argument of the function."""

    name: str
    value: Array
    requires_grad: bool = True
    structure: str = ""
    """`symmetric` or `lower`: only such matrices are inputs."""
    bounds: tuple[float, float] | None = None
    """Where the function is defined."""
    location: Location | None = None
    given: Array | None = None
    """The caller's own array, which code that knows it may change."""


class Pulled(NamedTuple):
    """A forward that was run for its rule."""

    outputs: tuple[Array, ...]
    vjp: Callable[[Sequence[Array]], Sequence[Array | None]]
    """From one cotangent per output to one gradient (or None) per input that requires one. May raise RuleError."""
    counts: Callable[[], GraphCounts]
    """Counts the graph."""
    inputs: tuple[Array, ...] = ()
    """The very arrays that the rule was given."""
    differentiable: tuple[bool, ...] = ()
    """For each output whether a rule leads back from it; empty: every floating or complex one."""
    described: Callable[[Sequence[str], Sequence[str]], Graph] | None = None
    """The graph, with these names for the inputs and the outputs; None where there is no graph."""

    @property
    def many(self) -> Callable[[Sequence[Array]], Sequence[Array | None] | None] | None:
        """`vjp` for many cotangents at once, along a leading axis; gives None, or is None, where each has to be asked alone."""
        found: Callable[[Sequence[Array]], Sequence[Array | None] | None] | None = getattr(self.vjp, "many", None)
        return found

    @property
    def traced(self) -> Callable[[Sequence[Array]], Sequence[Traced | None] | None] | None:
        """`vjp` of cotangents that are followed through the rule; gives None, or is None, where they cannot be."""
        found: Callable[[Sequence[Array]], Sequence[Traced | None] | None] | None = getattr(self.vjp, "traced", None)
        return found

    def one_by_one(self) -> Pulled:
        """The same without `many`, and without `traced`."""
        return self._replace(vjp=lambda cotangents: self.vjp(cotangents))


class Problem(NamedTuple):
    """A function at a point, and the rule that claims its derivative there."""

    name: str
    inputs: tuple[Input, ...]
    primal: Callable[..., Sequence[Array]]
    """The plain forward: from one array per input to the outputs."""
    pullback: Callable[[Sequence[Array]], Pulled]
    """The rule, from the road that is judged."""
    outputs: tuple[str, ...] = ()
    """Names of the outputs; out, or out0, out1, ... where there are none."""
    settings: Settings = Settings()
    forward: Callable[..., Any] | None = None
    """The forward as a function of tensors, where it runs on the engine."""
    looped: Collection[str] = ()
    """The ops that `batched_primal` has run copy by copy, as it goes."""
    batched_primal: Callable[[Sequence[Array], Sequence[bool]], Sequence[Array]] | None = None
    """The forward on inputs of which the flagged ones carry a leading axis of copies."""
    traced: Callable[[Sequence[bool]], list[Traced] | None] | None = None
    """The outputs of the forward with what they depend on of the flagged inputs, where these can be followed through it."""
    pushforward: Callable[[Sequence[Array], Sequence[Array]], Sequence[Array]] | None = None
    """A forward rule: from the inputs and one tangent per input that requires grad to the outputs' tangents."""
    second: Callable[[], Problem] | None = None
    """Makes the problem whose function is this problem's rule, for order 2."""
    surrogate: bool = False
    python: bool = False
    """Whether forward or rule are Python code of the user's, which may keep state or write where it should not."""
    pure: bool = False
    """Whether the forward is a spec's text, which keeps no state and writes nowhere."""
    location: Location | None = None
    """Where the rule stands."""
    jvp_location: Location | None = None

    def differentiable_inputs(self) -> tuple[int, ...]:
        """Positions of the inputs that require a gradient."""
        return tuple(i for i, x in enumerate(self.inputs) if x.requires_grad)


def same(a: Array, b: Array) -> bool:
    """Whether two arrays hold the same numbers."""
    return a.shape == b.shape and (bool((a == b).all()) or (a.dtype.kind in "fc" and np.array_equal(a, b, equal_nan=True)))


def changed(x: Input) -> bool:
    """Whether the caller's own array is not as it was given."""
    return x.given is not None and not same(x.given, x.value)
