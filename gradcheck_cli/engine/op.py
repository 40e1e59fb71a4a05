"""`Op`: one row of the op table, and the node that an op leaves in the graph.

An op is defined by one statement::

    tanh = elementwise("tanh(x)", x=lambda g, x: g / square(cosh(x)))

The text is the op's signature, in NumPy's names. Each keyword is a tensor input and its rule: the pullback of the
cotangent `g` to that input, written with ops, so that it can itself be differentiated (`None`: there is none).

A rule names what it needs, and only that is saved for backward: `g`, `y` (the output), any input, `<input>_shape` (its
shape alone), and any of the op's other parameters (`params`: all of them; `in_shape`: the shape of the input whose rule
it is). A list of inputs is written `[*xs]` or `*xs` in the signature; its rule also gets `i`, which one of them is
wanted, and `xs_shapes`; a rule of several outputs gets a tuple `g` (None: zero) and `y_shapes`.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from gradcheck_cli.engine.anomaly import ANOMALY
from gradcheck_cli.engine.modes import MODE
from gradcheck_cli.engine.node import Edge, Node, edge_of, tensor_at
from gradcheck_cli.engine.operators import TABLE, Lifted, lifted_among
from gradcheck_cli.engine.tensor import Tensor
from gradcheck_cli.engine.versions import CLOCK, check_unmodified
from gradcheck_cli.engine.views import note_view, shows_memory_of

if TYPE_CHECKING:
    from gradcheck_cli.engine.families import Family

REQUIRED: Any = type("Required", (), {"__repr__": lambda self: "REQUIRED"})()
Rule = Callable[..., Any]


class Parameter(NamedTuple):
    """One parameter of an op's signature."""

    name: str
    default: Any
    """REQUIRED where the caller has to give it."""
    kind: str
    """`tensor`, `tensors` (a list of them, or all further positional arguments) or `static`."""


class Op:
    """A differentiable function of arrays. On arrays it is its NumPy forward; on tensors it also builds the graph."""

    def __init__(
        self,
        text: str,
        family: Family,
        rules: dict[str, Rule | None],
        *,
        forward: str | Callable[..., Any] | None = None,
        at: Any = None,
        calls: Sequence[str] = (),
        outputs: int = 1,
        holomorphic: bool = True,
        exact: str = "",
        linear: str = "",
    ) -> None:
        self.name, _, self._parameters = text.partition("(")
        self.text, self.family, self.rules = text, family, rules
        self._forward = forward
        self.at = at
        """Where its test points lie: a domain, or one per tensor input."""
        self.calls = calls or family.calls
        """Arguments of example calls, as text; a tuple in a tensor's place is the shape of a drawn input."""
        self.outputs = outputs
        """Number of outputs; 0 where it depends on the arguments."""
        self.holomorphic = holomorphic
        """Whether, on complex input, the rules give the transposed complex-linear map (`OpNode.pull` conjugates)."""
        self.exact = exact
        """The same function in mpmath's terms, where there is a closed form (used by tests)."""
        self.linear = linear or family.linear
        """In which inputs it is linear while the others are held: `together`, in all; `each`, in any one of them; or the names
        of those in which it is so together."""
        self._needs: dict[tuple[int, ...], tuple[tuple[int, ...], bool]] = {}
        TABLE[self.name] = self

    @cached_property
    def forward(self) -> Callable[..., Any]:
        """The plain NumPy function."""
        if callable(self._forward):
            return self._forward
        name = self._forward or self.name
        found: Callable[..., Any] = getattr(np, name, None) or getattr(np.linalg, name)
        return found

    @cached_property
    def signature(self) -> tuple[Parameter, ...]:
        """The parameters, in order."""
        return tuple(_parse_parameters(self._parameters.rpartition(")")[0], set(self.rules)))

    @cached_property
    def inputs(self) -> tuple[str, ...]:
        """Names of the tensor inputs."""
        return tuple(p.name for p in self.signature if p.kind != "static")

    @cached_property
    def variadic(self) -> str:
        """`list` where the inputs come as a list, `star` where they are the further positional arguments, else ''."""
        if "[*" in self._parameters:
            return "list"
        return "star" if "*" in self._parameters else ""

    @cached_property
    def rule_names(self) -> tuple[tuple[str, ...], ...]:
        """For each input the argument names of its rule."""
        return tuple(
            () if rule is None else rule.__code__.co_varnames[: rule.__code__.co_argcount] for rule in self.rules.values()
        )

    @cached_property
    def node_name(self) -> str:
        """What the op's nodes are called."""
        return self.name.title().replace("_", "") + "Backward"

    def needs(self, wanted: tuple[int, ...]) -> tuple[tuple[int, ...], bool]:
        """Which inputs the rules of the `wanted` inputs name, and whether they name the output."""
        found = self._needs.get(wanted)
        if found is None:
            named = {n for i in wanted for n in self.rule_names[i]}
            positions = tuple(i for i, n in enumerate(self.inputs) if n in named)
            found = self._needs[wanted] = positions, "y" in named
        return found

    @cached_property
    def _simple(self) -> int:
        """The number of arguments of a call that needs no binding; -1 where every call needs it."""
        return len(self.inputs) if all(p.kind == "tensor" for p in self.signature) else -1

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run it on arrays, tensors or batches, with its signature's arguments."""
        if kwargs or len(args) != self._simple:
            inputs, params = self.bind(args, kwargs)
        else:
            inputs, params = args, {}
        tensors = False
        for x in inputs:
            if type(x) is Tensor:
                tensors = True
            elif isinstance(x, Lifted):
                return x.apply(self, _plain(inputs), params)
        if tensors:
            return self._record(inputs, params)
        lifted = lifted_among(params.values()) if params else None
        return self.forward(*inputs, **params) if lifted is None else lifted.apply(self, inputs, params)

    def bind(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Sort a call's arguments into tensor inputs and static parameters. Raises TypeError, as Python would."""
        signature = self.signature
        if self.variadic == "star":
            fixed = sum(p.kind == "static" and p.default is REQUIRED for p in signature)
            args = (*args[:fixed], args[fixed:])
        if len(args) > len(signature):
            raise TypeError(f"{self.name}() takes at most {len(signature)} arguments, {len(args)} were given")
        given = {p.name: value for p, value in zip(signature, args, strict=False)}
        for name, value in kwargs.items():
            if name in given:
                raise TypeError(f"{self.name}() got {name!r} twice")
            given[name] = value
        inputs: list[Any] = []
        params: dict[str, Any] = {}
        for p in signature:
            value = given.pop(p.name, p.default)
            if value is REQUIRED:
                raise TypeError(f"{self.name}() needs {p.name!r}: {self.text}")
            if p.kind == "tensor":
                inputs.append(value)
            elif p.kind == "tensors":
                inputs.extend(value)
            else:
                params[p.name] = _static(value)
        if given:
            raise TypeError(f"{self.name}() has no parameter {next(iter(given))!r}: {self.text}")
        return tuple(inputs), params

    def _record(self, inputs: tuple[Any, ...], params: dict[str, Any]) -> Any:
        """Run on tensors, and leave a node where something requires grad."""
        arrays = [x.data if type(x) is Tensor else x for x in inputs]
        y: Any = self.forward(*arrays, **params)
        if type(y) is not np.ndarray:
            y = tuple(map(np.asanyarray, y)) if isinstance(y, tuple | list) else np.asanyarray(y)
        many = type(y) is tuple
        wanted: tuple[int, ...] = ()
        if MODE.enabled:
            wanted = tuple([i for i, x in enumerate(inputs) if type(x) is Tensor and x._requires_grad and self.rule(i)])
        if not wanted or (not many and y.dtype.kind not in "fc"):
            found = tuple(map(Tensor._wrap, y)) if many else Tensor._wrap(y)
        else:
            node = OpNode(self, inputs, arrays, params, y, wanted)
            found = tuple([Tensor._wrap(part, node, i) for i, part in enumerate(y)]) if many else Tensor._wrap(y, node)
        if self.makes_views:
            self._note_views(inputs[0], found, params)
        return found

    def _note_views(self, x: Tensor, found: Any, params: dict[str, Any]) -> None:
        for y in found if type(found) is tuple else (found,):
            if shows_memory_of(y.data, x.data):
                note_view(y, x, self.name, params, "several" if type(found) is tuple else "")

    @cached_property
    def makes_views(self) -> bool:
        """Whether a result may show the memory of the (only) input."""
        return self.family.moves or self.name in ("real", "imag")

    def rule(self, i: int) -> Rule | None:
        """The rule of input `i`; None where it cannot be differentiated."""
        return self.rules[self._ruled[0 if self.variadic else i]]

    @cached_property
    def _ruled(self) -> tuple[str, ...]:
        return tuple(self.rules)

    @cached_property
    def names(self) -> frozenset[str]:
        """All that the rules name."""
        return frozenset(name for names in self.rule_names for name in names)

    @cached_property
    def shapes_named(self) -> tuple[tuple[str, int], ...]:
        """The names of inputs' shapes that the rules name, each with the input's number."""
        return tuple((n + "_shape", i) for i, n in enumerate(self.inputs) if n + "_shape" in self.names)

    def is_linear(self, inputs: Sequence[Any], moving: Sequence[int]) -> bool:
        """Whether the result is linear in these of the inputs: f(a x + b z) = a f(x) + b f(z), so that f(0) = 0."""
        if self.linear == "each":
            return len(moving) == 1
        named = range(len(inputs)) if self.linear == "together" else [self.inputs.index(n) for n in self.linear.split()]
        return all(i in named for i in moving) and not any(np.any(inputs[i]) for i in named if i not in moving)

    @property
    def differentiable(self) -> bool:
        """Whether any input has a rule."""
        return any(rule is not None for rule in self.rules.values())

    def __repr__(self) -> str:
        return f"<op {self.text}>"


class OpNode(Node):
    """What a recorded op leaves in the graph: its edges, and the values its rules named."""

    __slots__ = ("conjugate", "op", "params", "positions", "saved", "wanted")
    batches = True

    def __init__(
        self,
        op: Op,
        inputs: tuple[Any, ...],
        arrays: list[Any],
        params: dict[str, Any],
        y: Any,
        wanted: tuple[int, ...],
    ) -> None:
        self.op, self.params, self.wanted = op, params, wanted
        self.name = op.node_name
        self.freed = False
        self.hooks = None
        self.time = self.output_time = CLOCK.time
        if ANOMALY.enabled:
            from gradcheck_cli.engine.lines import calling_line

            self.line = calling_line()
        self.positions = [i for i, x in enumerate(inputs) if type(x) is Tensor]
        self.next_functions = tuple([edge_of(inputs[i]) for i in self.positions])
        self.input_meta = tuple([(x.shape, x.dtype) if type(x) is np.ndarray else _meta(x) for x in arrays])
        if type(y) is tuple:
            self.output_meta = tuple([(x.shape, x.dtype) for x in y])
            self.conjugate = op.holomorphic and any(x.dtype.kind == "c" for x in y)
        else:
            self.output_meta = ((y.shape, y.dtype),)
            self.conjugate = op.holomorphic and y.dtype.kind == "c"
        self.saved: dict[str, Any] | None = self._select(arrays, y)
        if MODE.made is not None:
            MODE.made(self)

    def _select(self, arrays: list[Any], y: Any) -> dict[str, Any]:
        """Of the inputs and the output, those that the rules of the wanted inputs name."""
        op = self.op
        if op.variadic:
            return {n: arrays if n == op.inputs[0] else y for n in op.rule_names[0] if n in ("y", op.inputs[0])}
        positions, with_y = op.needs(self.wanted)
        saved = {op.inputs[i]: arrays[i] for i in positions}
        if with_y:
            saved["y"] = y
        return saved

    def pull(self, grads: Sequence[Any], create_graph: bool) -> Sequence[Any]:
        """Each wanted input's rule, its result fitted to that input by the family."""
        if self.freed:
            return self.pull_restored(grads, create_graph)
        if CLOCK.time != self.time:
            self.check_unmodified()
        g: Any = grads[0] if self.op.outputs == 1 else tuple(grads)
        if self.conjugate:
            g = _conjugate(g)
        scope = self._scope(g, create_graph)
        return [self._gradient(i, scope) if i in self.wanted else None for i in self.positions]

    def _gradient(self, i: int, scope: dict[str, Any]) -> Any:
        op = self.op
        rule = op.rule(i)
        assert rule is not None
        shape, dtype = self.input_meta[i]
        scope["i"], scope["in_shape"] = i, shape
        gx = rule(*[scope[n] for n in op.rule_names[0 if op.variadic else i]])
        if type(gx) is np.ndarray and gx.shape == shape and gx.dtype == dtype and not self.conjugate:
            return gx
        if self.conjugate:
            gx = _conjugate(gx)
        gx = op.family.fit(gx, shape)
        assert np.shape(gx) == shape, f"{op}: gradient {i} has shape {np.shape(gx)}, not {shape}"
        return _cast(gx, dtype)

    def _scope(self, g: Any, create_graph: bool) -> dict[str, Any]:
        """All that a rule may name. With `create_graph` saved values are tensors at their place in the graph."""
        op = self.op
        saved = self._in_graph() if create_graph else self.saved or {}
        scope = {**self.params, **saved, "g": g, "params": self.params}
        for name, i in op.shapes_named:
            scope[name] = self.input_meta[i][0]
        if "y_shapes" in op.names:
            scope["y_shapes"] = [shape for shape, _ in self.output_meta]
        if op.variadic:
            scope[op.inputs[0] + "_shapes"] = [shape for shape, _ in self.input_meta]
        return scope

    def _in_graph(self) -> dict[str, Any]:
        """The saved values as tensors."""
        op, saved = self.op, dict(self.saved or {})
        edges = dict(zip(self.positions, self.next_functions, strict=True))
        names = op.inputs if not op.variadic else ()
        saved.update({n: tensor_at(edges.get(i, (None, 0)), saved[n]) for i, n in enumerate(names) if n in saved})
        if op.variadic and op.inputs[0] in saved:
            arrays = saved[op.inputs[0]]
            saved[op.inputs[0]] = [tensor_at(edges.get(i, (None, 0)), a) for i, a in enumerate(arrays)]
        if "y" in saved:
            y = saved["y"]
            many = isinstance(y, tuple | list)
            saved["y"] = tuple(Tensor._wrap(a, self, k) for k, a in enumerate(y)) if many else Tensor._wrap(y, self)
        return saved

    def release(self) -> None:
        """Let go of the saved values; a node that has none can be pulled back through again, as in PyTorch."""
        if self.freed:
            self.lender = None
        elif self.saved or any(True for _ in _arrays_among(self.params)):
            self.freed, self.saved, self.params = True, None, {}

    def drop(self) -> bool:
        """Let go of arrays among the saved values and the parameters: a checkpoint brings them back."""
        if self.freed:
            return self.is_dropped
        arrays = {name for name, _ in _arrays_among(self.params)}
        if not arrays and not any(True for _ in self.saved_values()):
            return False
        if arrays:
            self.params = {name: value for name, value in self.params.items() if name not in arrays}
        self.freed, self.saved = True, None
        return True

    def _borrow(self, twin: Node) -> None:
        assert isinstance(twin, OpNode)
        self.saved, self.params = twin.saved, twin.params

    def saved_values(self) -> Iterable[tuple[str, np.ndarray[Any, Any]]]:
        """Name and array of each value kept for backward."""
        if self.freed:
            yield from super().saved_values()
        for name, value in (self.saved or {}).items():
            for part in value if isinstance(value, tuple | list) else (value,):
                if isinstance(part, np.ndarray):
                    yield name, part

    def saved_inputs(self) -> Iterable[tuple[Edge, np.ndarray[Any, Any]]]:
        """Each saved array that is an input, and the edge that leads to it."""
        saved = self.saved or {}
        for i, edge in zip(self.positions, self.next_functions, strict=True):
            name = self.op.inputs[0 if self.op.variadic else i]
            value = saved[name][i] if self.op.variadic and name in saved else saved.get(name)
            if isinstance(value, np.ndarray):
                yield edge, value

    def check_unmodified(self) -> None:
        """Raise InPlaceError where a saved value, or an index among the parameters, has been modified since."""
        super().check_unmodified()
        if CLOCK.time != self.time and self.params:
            for name, array in _arrays_among(self.params):
                check_unmodified(self.name, name, array, self.time)


def _meta(array: Any) -> tuple[tuple[int, ...], Any]:
    return (array.shape, array.dtype) if hasattr(array, "dtype") else (np.shape(array), np.dtype(type(array or 0.0)))


def _conjugate(g: Any) -> Any:
    if isinstance(g, tuple):
        return tuple(None if part is None else _conjugate(part) for part in g)
    return TABLE["conj"](g)


def _cast(gx: Any, dtype: Any) -> Any:
    """A gradient in its input's dtype; of a complex one for a real input the real part, as in PyTorch."""
    if not hasattr(gx, "dtype"):
        gx = np.asarray(gx)
    if gx.dtype == dtype:
        return gx
    if gx.dtype.kind == "c" and dtype.kind != "c":
        gx = TABLE["real"](gx)
    return TABLE["astype"](gx, str(dtype))


def _arrays_among(params: dict[str, Any]) -> Iterable[tuple[str, np.ndarray[Any, Any]]]:
    for name, value in params.items():
        for part in value if isinstance(value, tuple) else (value,):
            if isinstance(part, np.ndarray):
                yield name, part


def _plain(inputs: Sequence[Any]) -> tuple[Any, ...]:
    """Tensors as their arrays: beside lifted values nothing is recorded."""
    return tuple([x.data if type(x) is Tensor else x for x in inputs])


def _static(value: Any) -> Any:
    """A static parameter; a tensor of integers or booleans (an index, say) stands for its array."""
    if type(value) is Tensor:
        return value.data
    if isinstance(value, tuple):
        return tuple(_static(v) for v in value)
    return value


def _parse_parameters(text: str, tensors: set[str]) -> Iterable[Parameter]:
    depth, start, parts = 0, 0, []
    for k, char in enumerate(text):
        depth += (char in "([") - (char in ")]")
        if char == "," and not depth:
            parts.append(text[start:k])
            start = k + 1
    for part in [*parts, text[start:]]:
        name, equals, default = (piece.strip() for piece in part.partition("="))
        bare = name.strip("[]*")
        kind = "static" if bare not in tensors else "tensor" if bare == name else "tensors"
        if bare:
            yield Parameter(bare, ast.literal_eval(default) if equals else REQUIRED, kind)
