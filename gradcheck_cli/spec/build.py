"""From what a file says to problems that can be checked."""

from __future__ import annotations

import weakref
from collections.abc import Mapping, Sequence
from os.path import dirname
from typing import Any

import numpy as np

from gradcheck_cli.check.engine_problem import as_outputs, engine_pullback, problem_of_ops, second_order
from gradcheck_cli.check.problem import Input, Problem, Settings
from gradcheck_cli.engine.function import CustomNode
from gradcheck_cli.engine.modes import MODE
from gradcheck_cli.engine.node import tensor_at
from gradcheck_cli.engine.stop import freeze
from gradcheck_cli.engine.tensor import Tensor
from gradcheck_cli.errors import Mistake, RuleError, SpecError
from gradcheck_cli.spec import limits
from gradcheck_cli.spec.language.pieces import SEQUENCES
from gradcheck_cli.spec.language.statics import as_array
from gradcheck_cli.spec.model import Case, CheckOptions, FunctionSpec, SpecFile
from gradcheck_cli.spec.names import output_values
from gradcheck_cli.spec.values import constant_value, input_value

Array = np.ndarray[Any, Any]


class SpecFunction:
    """A function of a file. On arrays it is its forward; on tensors a function with a rule is one node of the graph."""

    def __init__(
        self, spec: FunctionSpec, file: Mapping[str, SpecFunction], constants: Mapping[str, Any] | None = None
    ) -> None:
        self.spec, self.file = spec, file
        self.constants = {n: constant_value(v) for n, v in (constants or spec.constants).items()}

    def __call__(self, *inputs: Any) -> Any:
        """Call the function; a single output is given as it is, several as a tuple."""
        recorded = MODE.enabled and any(type(x) is Tensor and x.requires_grad for x in inputs)
        own_rule = recorded and self.spec.backward is not None and MODE.rules
        outputs = self._record(inputs) if own_rule else self.run(inputs)[0]
        return outputs[0] if len(outputs) == 1 else outputs

    def run(self, inputs: Sequence[Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The outputs, and every name that forward assigned."""
        names = {**self.constants, **dict(zip(self.spec.inputs, inputs, strict=True))}
        run = self.spec.forward.run(names, self.file)
        return tuple(as_array(v) if type(v) in SEQUENCES else v for v in run.values), run.names

    def _record(self, inputs: Sequence[Any]) -> tuple[Any, ...]:
        """Run forward on arrays, and leave a node that holds what the rule reads."""
        arrays = [x.data if type(x) is Tensor else x for x in inputs]
        outputs, names = self.run(arrays)
        outputs = tuple(np.asarray(y) for y in outputs)
        scope = self._scope(arrays, outputs, names)
        rule = self.spec.backward
        assert rule is not None

        def pull(grads: Sequence[Any], create_graph: bool) -> Sequence[Any]:
            node = here()
            assert node is not None
            node.check_unmodified()
            known = self._scope_on_graph(node, arrays) if create_graph else scope
            return self._gradients({**known, **self._cotangents(grads)})

        node = CustomNode(
            self.spec.name,
            inputs,
            outputs,
            pull,
            input_names=tuple(self.spec.inputs),
            location=rule.location,
            locations=dict(rule.locations or {}),
            batches=True,
        )
        here = weakref.ref(node)  # it holds the rule: a graph that nobody uses is freed at once
        reads = self._rule_reads()
        # What NumPy computes from arrays without axes is no array, and kept all the same.
        kept = [(n, np.asarray(v)) for n, v in scope.items() if n in reads and isinstance(v, np.ndarray | np.generic)]
        node.keep = lambda: kept
        return tuple(Tensor._wrap(y, node, k) if y.dtype.kind in "fc" else Tensor._wrap(y) for k, y in enumerate(outputs))

    def _scope(self, inputs: Sequence[Any], outputs: Sequence[Any], names: Mapping[str, Any]) -> dict[str, Any]:
        """What a rule may read besides the cotangents."""
        values = {name: outputs[k] for name, k in output_values(self.spec.outputs).items()}
        return {**self.constants, **names, **dict(zip(self.spec.inputs, inputs, strict=True)), **values}

    def _scope_on_graph(self, node: CustomNode, arrays: Sequence[Any]) -> dict[str, Any]:
        """The same as functions of the inputs, for a rule that is itself to be differentiated."""
        tensors = [tensor_at(edge, a) for edge, a in zip(node.next_functions, arrays, strict=True)]
        outputs, names = self.run(tensors)
        return self._scope(tensors, outputs, names)

    def read_by_rule(self, inputs: Sequence[Array], grads: Sequence[Array]) -> dict[str, Any]:
        """All names that the backward rule may read, for these cotangents of the outputs."""
        outputs, names = self.run(inputs)
        return {**self._scope(inputs, tuple(map(np.asarray, outputs)), names), **self._cotangents(grads)}

    def read_by_jvp(self, inputs: Sequence[Array], tangents: Sequence[Array]) -> dict[str, Any]:
        """All names that the jvp rule may read, for these tangents of the inputs that require a gradient."""
        outputs, names = self.run(inputs)
        own = {f"t_{name}": t for name, t in zip(self.wanted, tangents, strict=True)}
        return {**self._scope(inputs, outputs, names), **own}

    @property
    def wanted(self) -> list[str]:
        """The inputs that require a gradient."""
        return [name for name, x in self.spec.inputs.items() if x.requires_grad]

    def _cotangents(self, grads: Sequence[Any]) -> dict[str, Any]:
        found = {f"grad_{name}": g for name, g in zip(self.spec.outputs, grads, strict=True)}
        return {**found, "grad": grads[0]} if len(grads) == 1 else found

    def _rule_reads(self) -> set[str]:
        rule = self.spec.backward
        assert rule is not None
        programs = [rule.block, *(rule.programs or {}).values()]
        return {name for program in programs if program is not None for name in program.reads}

    def _gradients(self, names: Mapping[str, Any]) -> list[Any]:
        """One gradient per input: None where the rule says none, zeros where the rule leaves an input out."""
        rule = self.spec.backward
        assert rule is not None
        wanted = self.wanted
        found: dict[str, Any] = {}
        if rule.programs is not None:
            for name, program in rule.programs.items():
                place = (rule.locations or {}).get(name, rule.location)
                found[name] = None if program is None else self._run_rule(program, names, name, place)[0]
        elif rule.block is not None:
            values = self._run_rule(rule.block, names, "", next(iter((rule.locations or {}).values()), rule.location))
            if not rule.block.keys and len(values) != len(wanted):
                raise RuleError(
                    "count",
                    f"{self.spec.name}: the rule must return {len(wanted)} gradients ({', '.join(wanted)}), "
                    f"but returns {len(values)}",
                    rule=self.spec.name,
                    location=rule.location,
                )
            found = dict(zip(rule.block.keys or wanted, values, strict=True))
        missing = {
            name: np.zeros(np.shape(_data(names[name])), _data(names[name]).dtype) for name in wanted if name not in found
        }
        return [({**missing, **found})[name] if name in wanted else None for name in self.spec.inputs]

    def _run_rule(self, program: Any, names: Mapping[str, Any], name: str, place: Any) -> tuple[Any, ...]:
        try:
            values = program.run(names, self.file).values
        except SpecError as error:
            mistake = error.mistakes[0]
            raise RuleError(
                "raised",
                f"{self.spec.name}: the rule{f' for {name!r}' if name else ''} cannot be evaluated: {mistake.message}",
                rule=self.spec.name,
                input_name=name,
                location=mistake.location or place,
            ) from error
        return tuple(as_array(v) if type(v) in SEQUENCES else v for v in values)

    def forward_rule(self, inputs: Sequence[Array], tangents: Sequence[Array]) -> Sequence[Array]:
        """The outputs' tangents by the jvp rule."""
        program = self.spec.jvp
        assert program is not None
        names = self.read_by_jvp(inputs, tangents)
        values = self._run_rule(program, names, "", self.spec.jvp_location or self.spec.location)
        return self.tangents([names[name] for name in self.spec.outputs], values)

    def tangents(self, outputs: Sequence[Any], values: Sequence[Any]) -> list[Array]:
        """What the jvp rule returned as one tangent per output. Raises RuleError."""
        program = self.spec.jvp
        assert program is not None
        if program.keys:
            values = tuple(dict(zip(program.keys, values, strict=True))[name] for name in self.spec.outputs)
        return [self._tangent(name, np.asarray(y), t) for name, y, t in zip(self.spec.outputs, outputs, values, strict=True)]

    def _tangent(self, name: str, y: Array, t: Any) -> Array:
        """An output's tangent: of exactly its shape and dtype. Raises RuleError."""
        if not hasattr(t, "dtype"):
            t = np.asarray(t, y.dtype if y.dtype.kind in "fc" else None)
        kind = "shape" if t.shape != y.shape else "dtype" if y.dtype.kind in "fc" and t.dtype != y.dtype else ""
        if kind:
            needed, found = getattr(y, kind), getattr(t, kind)
            message = f"{self.spec.name}: the tangent of {name!r} must have the output's {kind} {needed}, but has {found}"
            raise RuleError(kind, message, rule=self.spec.name, location=self.spec.jvp_location or self.spec.location)
        return np.asarray(t)


def _data(value: Any) -> Any:
    return value.data if type(value) is Tensor else np.asarray(value)


class Functions(dict[str, SpecFunction]):
    """A file's functions by name, each able to call the others; made when they are called."""

    def __init__(self, file: SpecFile) -> None:
        super().__init__()
        self._specs = file.functions

    def __missing__(self, name: str) -> SpecFunction:
        self[name] = SpecFunction(self._specs[name], self)
        return self[name]


def settings_of(options: CheckOptions, overrides: Mapping[str, Any]) -> Settings:
    """A case's options, under those of the command line."""
    given = {n: v for n, v in options._asdict().items() if v is not None}
    given |= {n: v for n, v in overrides.items() if v is not None}
    return Settings(**given, largest=limits.JACOBIAN_ENTRIES)


def points_of(case: Case, overrides: Mapping[str, Any]) -> int:
    """How many draws of a case's inputs are tried; one where nothing is drawn."""
    drawn = any(x.kind not in ("literal", "file") for x in case.inputs.values())
    return settings_of(case.check, overrides).points if drawn else 1


def problem_at(file: SpecFile, spec: FunctionSpec, case: Case, overrides: Mapping[str, Any], point: int = 0) -> Problem:
    """The problem of one draw of the inputs. Raises SpecError, where the inputs cannot be had."""
    settings = settings_of(case.check, overrides)
    function = SpecFunction(spec, Functions(file), case.constants)
    rule = spec.backward
    inputs = case_inputs(file, spec, case, settings.seed, point)
    plain = freeze(lambda *arrays: function.run(arrays)[0], *[x.value for x in inputs])

    return problem_of_ops(
        spec.name,
        inputs,
        function,
        plain,
        outputs=spec.outputs,
        settings=settings,
        pushforward=function.forward_rule if spec.jvp is not None else None,
        surrogate=spec.surrogate,
        pure=True,
        location=rule.location if rule is not None else spec.location,
        jvp_location=spec.jvp_location,
    )


def case_inputs(file: SpecFile, spec: FunctionSpec, case: Case, seed: int = 0, point: int = 0) -> list[Input]:
    """A case's inputs, drawn where they are. Raises SpecError where they cannot be had."""
    rule = spec.backward
    count = sum(x.size(case.constants) for x in case.inputs.values())
    if count > limits.CASE_ELEMENTS:
        message = f"the inputs of a case have at most {limits.CASE_ELEMENTS:,} elements; found {limits.count(count)}"
        raise SpecError([Mistake(case.location, message, limits.hint("CASE_ELEMENTS", count))])
    folder, numbers = file.folder or dirname(file.path), (seed, spec.name, case.name, point)
    return [
        Input(
            name,
            input_value(x, case.constants, folder, numbers),
            x.requires_grad,
            x.structure,
            x.bounds,
            (rule.locations or {}).get(name) if rule is not None else spec.location,
        )
        for name, x in case.inputs.items()
    ]


def graph_outputs(file: SpecFile, spec: FunctionSpec, case: Case, seed: int, expand: bool) -> list[Tensor]:
    """The outputs, named, with the graph that a check would build; `expand`: with that of forward's own ops.

    An output that depends on no input that requires a gradient has no graph. Raises GradcheckError.
    """
    function = SpecFunction(spec._replace(backward=None) if expand else spec, Functions(file), case.constants)
    inputs = case_inputs(file, spec, case, seed)
    found = function(*[Tensor(x.value, requires_grad=x.requires_grad, name=x.name) for x in inputs])
    outputs = [y if isinstance(y, Tensor) else Tensor(y) for y in as_outputs(found)]
    for name, y in zip(spec.outputs, outputs, strict=True):
        y.name = y.name or name
    return outputs


def with_rules(problem: Problem, file: SpecFile, spec: FunctionSpec, case: Case) -> Problem:
    """The same problem for other rules of its function: those of `spec`."""
    function = SpecFunction(spec, Functions(file), case.constants)
    changed = problem._replace(
        pullback=engine_pullback(function, [x.requires_grad for x in problem.inputs]),
        pushforward=function.forward_rule if spec.jvp is not None else None,
    )
    return changed._replace(second=lambda: second_order(changed, function))
