"""Problems whose rule is pulled back through the engine: specs, `Function`s, and any function of tensors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

import numpy as np

from gradcheck_cli.check.claimed import Outputs
from gradcheck_cli.check.dense import dense_cotangent
from gradcheck_cli.check.differences import LOST, copies_at_once
from gradcheck_cli.check.problem import ForwardError, Input, Problem, Pulled, Settings
from gradcheck_cli.engine.backward import grad, grad_of_copies, grad_of_lifted, made_of_ops
from gradcheck_cli.engine.batching import Notes, batched, noting
from gradcheck_cli.engine.counts import count_graph
from gradcheck_cli.engine.modes import enable_grad, no_grad
from gradcheck_cli.engine.operators import Lifted
from gradcheck_cli.engine.stop import freeze
from gradcheck_cli.engine.tensor import Tensor
from gradcheck_cli.engine.tracing import Trace, Traced, as_traced, source, traced
from gradcheck_cli.errors import EngineError, MissingExtraError, RuleError, SpecError

if TYPE_CHECKING:
    from gradcheck_cli.engine.graph import Graph

Array = np.ndarray[Any, Any]


def as_outputs(result: Any) -> tuple[Any, ...]:
    """A function's result as a tuple of outputs. Raises TypeError for what is no array."""
    outputs = tuple(result) if isinstance(result, tuple | list) else (result,)
    for y in outputs:
        if isinstance(y, Lifted):
            continue
        if not isinstance(y, Tensor) and np.asarray(y).dtype.kind not in "biufc":
            raise TypeError(f"the outputs must be arrays or tensors of numbers, but one is a {type(y).__name__}")
        if np.ma.is_masked(y):
            raise TypeError("the outputs must be arrays or tensors of numbers, but one has masked entries")
    return outputs


def plain(function: Callable[..., Any]) -> Callable[..., tuple[Any, ...]]:
    """A function of tensors as one of arrays, or lifted values, which records nothing.

    The tensors share the arrays' memory, so that a function that changes its inputs is found out.
    """

    def run(*arrays: Any) -> tuple[Any, ...]:
        try:
            with no_grad():
                outputs = as_outputs(function(*[a if isinstance(a, Lifted) else Tensor._wrap(a) for a in arrays]))
        except TypeError as error:
            if "'Tensor' does not support ufuncs" not in str(error):
                raise
            hint = "called with tensors, on which NumPy's functions do not work; use gradcheck_cli.ops, or pass backward="
            raise TypeError(hint) from error
        return tuple(y if isinstance(y, Lifted) else y.data if isinstance(y, Tensor) else np.asarray(y) for y in outputs)

    return run


def tensor_problem(name: str, inputs: Sequence[Input], function: Callable[..., Any], **rest: Any) -> Problem:
    """A problem about any function of tensors, `Function.apply` among them."""
    primal = plain(function)
    with suppress(Exception, SystemExit):  # The check runs the forward itself, and reports what it raises.
        primal = freeze(primal, *[np.array(x.value) for x in inputs])
    return problem_of_ops(name, inputs, function, primal, **rest)


def problem_of_ops(
    name: str, inputs: Sequence[Input], function: Callable[..., Any], primal: Callable[..., Any], **rest: Any
) -> Problem:
    """As `engine_problem`, where `primal` takes lifted values, too: it runs on many copies at once, and is followed."""
    many = ManyAtOnce(primal)
    return engine_problem(
        name,
        inputs,
        function,
        primal=primal,
        forward=function,
        batched_primal=many,
        looped=many.notes.looped,
        traced=lambda moving: traced(primal, [x.value for x in inputs], moving),
        **rest,
    )


class ManyAtOnce:
    """A function of arrays on many copies at once, as `Problem.batched_primal`: op by op."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function
        self.notes = Notes()
        self.refused = False
        """Whether the function is known not to take a batch."""

    def __call__(self, arrays: Sequence[Array], flags: Sequence[bool]) -> Sequence[Array]:
        """Raises what `differences.LOST` names, where each copy has to run alone."""
        if self.refused:
            raise ForwardError("the function does not take many copies at once")
        copies = next(len(a) for a, f in zip(arrays, flags, strict=True) if f)
        parts = _parts(copies, self.notes.widest)
        if len(parts) == 1:
            return self._together(arrays, flags)
        found = [self._together([a[p] if f else a for a, f in zip(arrays, flags, strict=True)], flags) for p in parts]
        return [np.concatenate(y) for y in zip(*found, strict=True)]

    def _together(self, arrays: Sequence[Array], flags: Sequence[bool]) -> Sequence[Array]:
        try:
            with noting(self.notes):
                found: Sequence[Array] = batched(self.function, arrays, flags)
        except LOST:
            raise
        except Exception as error:  # such as a way that depends on values, or a NumPy function of tensors
            self.refused = True
            raise ForwardError(str(error)) from error
        return found


def _parts(copies: int, widest: int) -> list[slice]:
    """Copies in parts for whose largest value on the way, of so many numbers, there is room; none of them alone."""
    count = max(1, -(-copies // max(3, copies_at_once(widest, 1))))
    return [slice(copies * k // count, copies * (k + 1) // count) for k in range(count)]


def engine_pullback(function: Callable[..., Any], requires: Sequence[bool]) -> Callable[[Sequence[Array]], Pulled]:
    """The rule of a function of tensors: build its graph at a point, and pull back through it as often as asked."""

    def pullback(arrays: Sequence[Array]) -> Pulled:
        tensors = [Tensor(a, requires_grad=r) for a, r in zip(arrays, requires, strict=True)]
        with enable_grad():
            outputs = _record(function, tensors)
        vjp = Vjp(outputs, [t for t in tensors if t.requires_grad])

        def described(inputs: Sequence[str], names: Sequence[str]) -> Graph:
            from gradcheck_cli.engine.graph import describe

            for tensor, called in zip(tensors, inputs, strict=True):
                tensor.name = called
            return describe(outputs, names=names)

        differentiable = tuple(y.requires_grad for y in outputs) if vjp.live else ()
        given = tuple(t.data for t in tensors)
        values = tuple(y.data for y in outputs)
        return Pulled(values, vjp, partial(count_graph, outputs), given, differentiable, described if vjp.live else None)

    return pullback


class Vjp:
    """From one cotangent per output to one gradient (or None) per leaf, through a recorded graph, as often as asked."""

    def __init__(self, outputs: Sequence[Tensor], leaves: Sequence[Tensor]) -> None:
        self.live = [k for k, y in enumerate(outputs) if y.requires_grad]
        self.ends, self.leaves = [outputs[k] for k in self.live], leaves
        self.widest = 1
        """The most numbers on the way of one cotangent, as far as that is known."""
        self._last: tuple[list[bytes], Sequence[Array | None]] = [], ()
        """The last question to a rule made of ops, which says the same when it is asked again; and the answer."""

    def __call__(self, cotangents: Sequence[Array]) -> Sequence[Array | None]:
        """Raises RuleError."""
        if not self.live:
            return [None] * len(self.leaves)
        asked = [cotangents[k] for k in self.live]
        if self.many is None:
            return self._pull(asked)
        question = [g.tobytes() for g in asked]
        if question != self._last[0]:
            self._last = question, self._pull(asked)
        return [None if g is None else g.copy() for g in self._last[1]]

    def _pull(self, cotangents: list[Array]) -> Sequence[Array | None]:
        found = _pulled(self.ends, self.leaves, cotangents, retain_graph=True)
        return [None if g is None else g.data for g in found]

    @cached_property
    def _made_of_ops(self) -> bool:
        return bool(self.live) and made_of_ops(self.ends)

    @property
    def many(self) -> Callable[[Sequence[Array]], Sequence[Array | None] | None] | None:
        """The same for many cotangents at once, along a leading axis, as `Pulled.many`."""
        return self._many if self._made_of_ops else None

    @property
    def traced(self) -> Callable[[Sequence[Array]], Sequence[Traced | None] | None] | None:
        """The same for cotangents that are followed through the rule, as `Pulled.traced`."""
        return self._traced if self._made_of_ops else None

    def _traced(self, cotangents: Sequence[Array]) -> Sequence[Traced | None] | None:
        trace = Trace()
        sources = [source(cotangents[k], k, trace) for k in self.live]
        try:
            found = grad_of_lifted(self.ends, self.leaves, sources)
        except Exception:  # a rule whose way depends on values may raise anything
            return None
        self.widest = trace.widest
        return [None if g is None else as_traced(g) for g in found]

    def _many(self, cotangents: Sequence[Array]) -> Sequence[Array | None] | None:
        parts = _parts(len(cotangents[0]), self.widest)
        with suppress(Exception):  # asked one by one the rule says what is wrong with it
            found = [grad_of_copies(self.ends, self.leaves, [cotangents[k][part] for k in self.live]) for part in parts]
            return [None if g[0] is None else g[0] if len(g) == 1 else np.concatenate(g) for g in zip(*found, strict=True)]
        return None


def _record(function: Callable[..., Any], tensors: Sequence[Tensor]) -> list[Tensor]:
    """The outputs with their graph. What works without one and fails here, such as writing into an input, is the rule's."""
    try:
        return [y if isinstance(y, Tensor) else Tensor(y) for y in as_outputs(function(*tensors))]
    except (SpecError, RuleError, MissingExtraError):
        raise
    except Exception as error:
        raise RuleError("raised", f"recording the forward raised {type(error).__name__}: {error}") from error


def _pulled(outputs: Sequence[Tensor], inputs: Sequence[Tensor], cotangents: list[Any], **how: bool) -> Sequence[Tensor | None]:
    """The gradients. What the engine refuses there, such as `numpy()` of a tensor that requires grad, is the rule's doing; and
    so is what NumPy does, such as the inverse of a singular matrix.
    """
    try:
        return grad(outputs, inputs, cotangents, allow_unused=True, **how)
    except RuleError:
        raise
    except (EngineError, ValueError, ArithmeticError) as error:
        raise RuleError("raised", f"the rule raised {type(error).__name__}: {error}") from error


def engine_problem(name: str, inputs: Sequence[Input], function: Callable[..., Any], **rest: Any) -> Problem:
    """A problem about a function of tensors; `rest` are further fields of `Problem`, `primal` at least."""
    requires = [x.requires_grad for x in inputs]
    problem = Problem(name, tuple(inputs), pullback=engine_pullback(function, requires), **rest)
    return problem._replace(second=lambda: second_order(problem, function))


def second_order(problem: Problem, function: Callable[..., Any]) -> Problem:
    """The problem whose function is the rule: from the inputs and a cotangent per output to the gradients.

    Its rule is the derivative of the rule through the graph that the rule itself leaves (`create_graph`).
    """
    places = problem.differentiable_inputs()
    count = len(problem.inputs)

    def first(tensors: Sequence[Tensor], cotangents: Sequence[Any], create_graph: bool) -> list[Tensor]:
        with enable_grad():
            outputs = _record(function, tensors)
        live = [k for k, y in enumerate(outputs) if y.requires_grad]
        wanted = [tensors[i] for i in places]
        if not live:
            return [Tensor(np.zeros(x.shape, x.dtype)) for x in wanted]
        found = _pulled([outputs[k] for k in live], wanted, [cotangents[k] for k in live], create_graph=create_graph)
        return [Tensor(np.zeros(x.shape, x.dtype)) if g is None else g for g, x in zip(found, wanted, strict=True)]

    def gradients(*tensors: Tensor) -> tuple[Tensor, ...]:
        return tuple(first(tensors[:count], tensors[count:], create_graph=True))

    def primal(*arrays: Array) -> Sequence[Array]:
        tensors = [Tensor(a, requires_grad=i in places) for i, a in enumerate(arrays[:count])]
        return [g.data for g in first(tensors, arrays[count:], create_graph=False)]

    arrays = [np.asarray(y) for y in problem.primal(*[x.value for x in problem.inputs])]
    names = Outputs(problem.outputs, arrays, ()).names if len(arrays) > 1 else ["grad"]
    cotangents = [
        Input(
            name if name == "grad" else f"grad_{name}",
            dense_cotangent(y.size).reshape(y.shape).astype(y.dtype) if y.dtype.kind in "fc" else np.zeros(y.shape),
            requires_grad=y.dtype.kind in "fc",
        )
        for name, y in zip(names, arrays, strict=True)
    ]
    inputs = (*problem.inputs, *cotangents)
    settings: Settings = problem.settings._replace(order=1)
    return Problem(
        problem.name,
        inputs,
        primal,
        engine_pullback(gradients, [x.requires_grad for x in inputs]),
        outputs=tuple(f"grad_{problem.inputs[i].name}" for i in places),
        settings=settings,
        location=problem.location,
    )
