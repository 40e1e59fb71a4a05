"""Forward mode from the same rules: a pullback is linear in its cotangent, so its transpose is the pushforward.

For y = f(x) the rules give g -> J' g as a graph of its own (`create_graph`). Pulling a tangent t of x back through that graph
to g gives J t (the "double backward trick"). Every op, every `Function` and every spec's rule has a pushforward in this way,
at the cost of one more backward pass, and there is no second table that could disagree with the first.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np

from gradcheck_cli.engine.backward import grad
from gradcheck_cli.engine.modes import MODE, enable_grad
from gradcheck_cli.engine.operators import TABLE
from gradcheck_cli.engine.tensor import Tensor
from gradcheck_cli.errors import GraphError

Array: TypeAlias = "np.ndarray[Any, Any]"
TRANSPOSED = 1e-6
"""To what part of their terms the two sides of Re <g, J t> = Re <J' g, t> must agree. Rules of float32 are good to this; a rule
that was not recorded as a whole is off by whole terms."""
FLOOR, CANCELLED = 64 * 2.0**-52, 2.0**-30
"""Of what size numbers that cancel leave a rounding, and how much smaller than the outputs it has to be to count as one."""


class Pushforward:
    """A function at a point, of which any number of tangents can be pushed forward.

    `outputs` are its values, as tensors. Inputs that are no floating or complex tensors have no tangent.
    """

    def __init__(self, function: Callable[..., Any], primals: Sequence[Any]) -> None:
        self.keeps_graph = MODE.enabled and any(getattr(x, "requires_grad", False) for x in primals)
        """Whether the results are themselves to be differentiated."""
        with enable_grad():
            self.inputs = [_alias(x) for x in primals]
            result = function(*self.inputs)
        self.several = isinstance(result, tuple | list)
        self.outputs = [y if isinstance(y, Tensor) else Tensor(y) for y in (result if self.several else (result,))]
        self.places = [i for i, x in enumerate(self.inputs) if isinstance(x, Tensor) and x.requires_grad]
        self.live = [k for k, y in enumerate(self.outputs) if y.requires_grad]
        with enable_grad():
            self.cotangents = [Tensor(_dense(self.outputs[k]), requires_grad=True) for k in self.live]
            self.gradients = self._pulled_back()

    def _pulled_back(self) -> list[Tensor | None]:
        """J' g for the cotangents g, as functions of them."""
        if not self.live or not self.places:
            return [None] * len(self.places)
        outputs, inputs = [self.outputs[k] for k in self.live], [self.inputs[i] for i in self.places]
        return list(grad(outputs, inputs, self.cotangents, create_graph=True, allow_unused=True))

    def __call__(self, tangents: Sequence[Any]) -> list[Tensor | None]:
        """The outputs' tangents, given one tangent (or None: zero) per input; None for outputs that hold no such numbers.

        Raises GraphError for tangents that do not fit, and where a rule cannot be transposed as it is not recorded.
        """
        given = [None if tangents[i] is None else self._tangent(i, tangents[i]) for i in self.places]
        both = [(h, t) for h, t in zip(self.gradients, given, strict=True) if h is not None and t is not None]
        pairs = [(h, t) for h, t in both if h.requires_grad]
        found: Sequence[Any] = [None] * len(self.live)
        if pairs:
            ends, along = zip(*pairs, strict=True)
            found = grad(ends, self.cotangents, along, retain_graph=True, create_graph=self.keeps_graph, allow_unused=True)
        pushed = [t if t is not None else Tensor(np.zeros_like(g.data)) for t, g in zip(found, self.cotangents, strict=True)]
        self._check_transposed(both, pushed)
        by_output = dict(zip(self.live, pushed, strict=True))
        return [by_output.get(k, _no_tangent(y)) for k, y in enumerate(self.outputs)]

    def _tangent(self, i: int, tangent: Any) -> Tensor:
        x = self.inputs[i]
        t = tangent if isinstance(tangent, Tensor) else Tensor(np.asarray(tangent))
        if t.shape != x.shape:
            raise GraphError(f"the tangent of input {i} must have its shape {x.shape}, but has shape {t.shape}")
        if t.dtype.kind == "c" and x.dtype.kind != "c":
            raise GraphError(f"the tangent of input {i} must be real, as the input is")
        return t if t.dtype == x.dtype else TABLE["astype"](t, str(x.dtype))

    def _check_transposed(self, pulled: Sequence[tuple[Tensor, Tensor]], pushed: Sequence[Tensor]) -> None:
        """Re <g, J t> = Re <J' g, t> for the cotangents that the graph was made with; but for what rounding leaves where digits
        cancel, FLOOR of |g| |t|, if that is all there is.
        """
        with np.errstate(all="ignore"):
            ahead = [_pairing(g, t) for g, t in zip(self.cotangents, pushed, strict=True)]
            back = [_pairing(h, t) for h, t in pulled]
            error = abs(sum(s for s, _ in ahead) - sum(s for s, _ in back))
            size = sum(n for _, n in ahead) + sum(n for _, n in back)
            if not np.isfinite(error) or error <= TRANSPOSED * size:
                return
            rounding = FLOOR * _largest(self.cotangents) * _largest([t for _, t in pulled])
            left_over = error <= rounding and size <= self._cancelled(pulled)
        if not left_over:
            raise GraphError(
                "a rule cannot be transposed, as it was not recorded, or is not linear: <g, J t> and <J' g, t> differ\n"
                "  hint: write the Function's backward with tensors and ops, not with their arrays"
            )

    def _cancelled(self, pulled: Sequence[tuple[Tensor, Tensor]]) -> float:
        """CANCELLED sum |g_k f_k| max |t| / max |x|: less than that is left over from a cancellation."""
        outputs = [self.outputs[k] for k in self.live]
        expected = sum(_pairing(g, f.detach())[1] for g, f in zip(self.cotangents, outputs, strict=True))
        x, t = _largest([self.inputs[i] for i in self.places]), _largest([t for _, t in pulled])
        return CANCELLED * expected * t / (x or 1.0)


def jvp(function: Callable[..., Any], primals: Any, tangents: Any) -> tuple[Any, Any]:
    """`function(*primals)` and J t: the derivative of `function` at `primals` along `tangents`.

    As jax.jvp and torch.func.jvp: both are given as one tensor or array, or as a sequence of them, with the same shapes. The
    results have the function's structure; the tangent of an output of integers or booleans is None. For complex numbers J is
    the real-linear map, f'(z) t where f is holomorphic. Where a primal requires grad, both results can be differentiated.
    """
    points = primals if isinstance(primals, tuple | list) else (primals,)
    along = tangents if isinstance(tangents, tuple | list) else (tangents,)
    if len(points) != len(along):
        raise GraphError(f"{len(points)} primals need {len(points)} tangents, {len(along)} were given")
    push = Pushforward(function, points)
    pushed = push(along)
    outputs = push.outputs if push.keeps_graph else [y.detach() for y in push.outputs]
    return (tuple(outputs), tuple(pushed)) if push.several else (outputs[0], pushed[0])


def _alias(x: Any) -> Any:
    """A tensor that requires grad, around the same numbers: at its place in the graph where it has one."""
    if isinstance(x, Tensor) and x.requires_grad and MODE.enabled:
        return TABLE["astype"](x, str(x.dtype))
    value = x.data if isinstance(x, Tensor) else np.asarray(x)
    return Tensor(value, requires_grad=value.dtype.kind in "fc")


def _dense(y: Tensor) -> Array:
    """A cotangent without zeros: where a rule is not recorded, what it makes of this one shows it."""
    spread = 0.5 + np.modf((np.arange(y.size) + 1) * 0.6180339887498949)[0].reshape(y.shape)
    dense: Array = (spread * (1 + 0.5j) if y.dtype.kind == "c" else spread).astype(y.dtype)
    return dense


def _no_tangent(y: Tensor) -> Tensor | None:
    return Tensor(np.zeros_like(y.data)) if y.dtype.kind in "fc" else None


def _largest(tensors: Sequence[Tensor]) -> float:
    return max((float(np.max(np.abs(t.data), initial=0.0)) for t in tensors), default=0.0)


def _pairing(a: Tensor, b: Tensor) -> tuple[float, float]:
    """Re <a, b>, and the sum of its terms' sizes."""
    terms = np.real(np.conj(a.data) * b.data).astype(np.float64)
    return float(np.sum(terms)), float(np.sum(np.abs(terms)))
