"""`check(problem)`: contract first, numbers second."""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from gradcheck_cli.check.blocks import FULL_ENTRIES, Grouped
from gradcheck_cli.check.claimed import Claimed, Outputs, RowSizes, broken, claimed_jacobians
from gradcheck_cli.check.comparison import Comparison, Judged
from gradcheck_cli.check.constant_rule import check_elsewhere, use_before
from gradcheck_cli.check.contract import adds_up, check_linearity
from gradcheck_cli.check.coordinates import WIDER, Coordinates, wide
from gradcheck_cli.check.degenerate import degenerate
from gradcheck_cli.check.dense import dense_cotangent
from gradcheck_cli.check.differences import Differences, Evaluator
from gradcheck_cli.check.directions import Directions, Part
from gradcheck_cli.check.findings import CODES, DIAGNOSED, Finding
from gradcheck_cli.check.jacobian import classical, decide
from gradcheck_cli.check.plan import Planner
from gradcheck_cli.check.problem import ForwardError, Problem, Pulled, changed, same
from gradcheck_cli.check.result import CheckResult, InputResult, Seen, overall
from gradcheck_cli.check.summary import findings_of, summarise, undecided_at_kinks, worst_of_columns
from gradcheck_cli.check.verdict import FAILING, KINKS, Tolerance, Verdict, all_agree, among
from gradcheck_cli.check.witness import complex_step
from gradcheck_cli.engine.counts import GraphCounts
from gradcheck_cli.errors import GradcheckError, RuleError

if TYPE_CHECKING:
    from gradcheck_cli.check.dot_product import DotProduct, EngineDerivative
    from gradcheck_cli.check.forward_rule import ForwardRule
    from gradcheck_cli.check.purity import Answers
    from gradcheck_cli.engine.graph import Graph

Array = np.ndarray[Any, Any]
LOOKED_INSIDE = 16
"""Directions of which the entries are looked at, where numbers that stand for blocks are wrong."""
DRAWN = 1000
"""Nodes of a graph that is kept to be drawn, at most."""
FLOAT32_RTOL = 1e-4
"""A rule that works in float32 is judged by no less: its own rounding is about 1e-6 of its row."""


def check(problem: Problem, *, explain: bool = True, first: Collection[int] | None = None) -> CheckResult:
    """Judge the rule of `problem` at its inputs.

    Without `explain` no causes of what is wrong are looked for. With `first` the inputs at these positions are judged first,
    and none after one that is wrong. Neither changes the verdict.
    """
    start = time.perf_counter()
    run = _Check(problem, explain, first)
    run.run()
    result = CheckResult(
        function=problem.name,
        location=problem.location,
        verdict=overall(run.findings, tuple(run.inputs)),
        inputs=tuple(run.inputs),
        findings=tuple(run.findings),
        graph=run.stats,
        forward_evaluations=run.forward,
        backward_evaluations=run.backward,
        seconds=time.perf_counter() - start,
        seed=problem.settings.seed,
        method=run.method,
        dot_product=run.dot_product,
        drawing=run.drawing,
    )
    if problem.settings.order == 2 and result.verdict in ("pass", "inconclusive") and problem.second is not None:
        return _with_second_order(result, problem, start, explain)
    return result


class _Check:
    """One run; what it finds is gathered in its attributes."""

    def __init__(self, problem: Problem, explain: bool, first: Collection[int] | None) -> None:
        self.problem, self.settings = problem, problem.settings
        self.explain, self.first = explain, first
        self.findings: list[Finding] = []
        self.inputs: list[InputResult] = []
        self.stats = GraphCounts()
        self.forward = self.backward = 0
        self.method = ""
        self.answers: Answers | None = None
        self.dot_product: DotProduct | None = None
        self.derivative: EngineDerivative | None = None
        self.drawing: Graph | None = None
        self.settled = 0

    def run(self) -> None:
        problem = self.problem
        arrays = [x.value for x in problem.inputs]
        before = use_before(problem) if problem.python else None
        found = self._forward(arrays)
        if found is None:
            return
        try:
            pulled = problem.pullback(arrays)
        except RuleError as error:
            self.findings.append(broken(error, problem))
            return
        self.stats = pulled.counts()
        outputs = Outputs(problem.outputs, found, pulled.differentiable)
        if self.settings.pictures and pulled.described is not None and self.stats.nodes <= DRAWN:
            self.drawing = pulled.described([x.name for x in problem.inputs], outputs.names)
        try:
            self._judge(pulled, outputs, before)
        except ForwardError as error:
            self.findings.append(Finding("GC501", f"called again, the forward raised {error}", problem.location))
        if self.explain and any(f.code in DIAGNOSED for f in self.findings):
            self._look_for_causes(pulled, outputs)
        self.findings += degenerate(problem)

    def _look_for_causes(self, pulled: Pulled, outputs: Outputs) -> None:
        """Add the likely causes. The verdict stands, whatever becomes of the search."""
        from gradcheck_cli.check.diagnosis.diagnose import diagnose

        try:
            self.inputs, self.findings = diagnose(self.problem, pulled, outputs, self.inputs, self.findings)
        except Exception as error:
            message = f"looking for the cause ended with {type(error).__name__}: {error}"
            self.findings.append(Finding("GC604", message, self.problem.location))

    def _forward(self, arrays: list[Array]) -> list[Array] | None:
        """The outputs at the point, after seeing that the forward can be trusted to be a function."""
        pure = self.problem.pure
        copies = arrays if pure else [np.array(a) for a in arrays]
        try:
            with np.errstate(all="ignore"):
                one = [np.asarray(y) for y in self.problem.primal(*copies)]
                kept = [np.array(y) for y in one]
                two = kept if pure else list(map(np.asarray, self.problem.primal(*map(np.array, arrays))))
        except ForwardError as error:
            self.findings.append(Finding("GC501", f"the forward raised {error}", self.problem.location))
            return None
        except GradcheckError:
            raise
        except Exception as error:
            message = f"the forward raised {type(error).__name__}: {error}"
            self.findings.append(Finding("GC501", message, self.problem.location))
            return None
        self.forward += 1 if pure else 2
        pairs = zip(self.problem.inputs, copies, strict=True)
        name = next((x.name for x, copy in pairs if not _identical(x.value, copy) or changed(x)), None)
        if name is not None:
            self.findings.append(Finding("GC503", f"the forward changes its input {name!r}", self.problem.location, name))
            return None
        if len(kept) != len(two) or not all(map(_identical, kept, two)):
            self.findings.append(Finding("GC502", CODES["GC502"].title, self.problem.location))
            return None
        return kept

    def _judge(self, pulled: Pulled, outputs: Outputs, before: Sequence[Array | None] | None) -> None:
        """The contract; then, input by input, the values."""
        problem = self.problem
        if outputs.size and problem.python:
            from gradcheck_cli.check.purity import check_purity

            impure, self.answers = check_purity(problem, pulled, outputs, before)
            self.findings += impure
            self.backward += 12
        planner = Planner(problem, pulled, outputs)
        self.structure = planner.structure
        coordinates = self._planned(planner)
        claimed = None if coordinates is None else self._contract(pulled, outputs, coordinates)
        if coordinates is None or claimed is None:
            return
        if problem.surrogate:
            self.findings.append(Finding("GC601", CODES["GC601"].title, problem.location))
            return
        broken_inputs = {f.input_name for f in self.findings}
        for i in sorted(coordinates, key=lambda i: i not in (self.first or ())):
            if self.first is not None and overall(self.findings) == "fail":
                return
            if problem.inputs[i].name not in broken_inputs:
                self._judge_input(i, claimed, outputs, coordinates)
                self._look_closer(i, planner, pulled, outputs, coordinates[i])
        if self.explain and self.settings.dot_product and coordinates:
            narrow = any(x.value.dtype in WIDER for x in problem.inputs)
            verdicts = [x.verdicts for x in self.inputs]
            from gradcheck_cli.check.dot_product import dot_product

            self.dot_product = dot_product(self._derivative(outputs), pulled, self._tolerance(narrow), verdicts, self.settled)
            self.backward += 1
        if outputs.size and (self.explain or overall(self.findings) == "pass"):
            self._look_elsewhere(pulled, outputs)

    def _planned(self, planner: Planner) -> dict[int, Coordinates] | None:
        """How the inputs are looked at; None where that makes no sense any more."""
        if overall(self.findings) != "pass":
            return None
        try:
            plan = planner.plan()
        except RuleError as error:
            self.findings.append(broken(error, self.problem))
            return None
        self.backward += plan.pullbacks
        self.forward += plan.forwards
        self._say_if_projected(plan.coordinates)
        return plan.coordinates

    def _say_if_projected(self, coordinates: dict[int, Coordinates]) -> None:
        rtol = self.settings.tolerances()[0]
        for i, c in coordinates.items():
            if isinstance(c, Directions):
                name = self.problem.inputs[i].name
                self.findings.append(Finding("GC603", f"{name}: {c.power(rtol)}", self.problem.location))

    def _look_elsewhere(self, pulled: Pulled, outputs: Outputs) -> None:
        """Ask whether the rule heeds where it is; where it does not, that is what is wrong with its values."""
        found = check_elsewhere(self.problem, pulled, outputs, self.inputs, self.structure.gradients)
        kept = {f.input_name for f in found if f.code == "GC116"}
        self.findings = [f for f in self.findings if f.code != "GC201" or f.input_name not in kept] + found
        if self.answers is not None and overall(self.findings) == "pass":
            from gradcheck_cli.check.purity import check_answers

            self.findings += check_answers(self.problem, pulled, outputs, self.answers)
            self.backward += 3

    def _contract(self, pulled: Pulled, outputs: Outputs, coordinates: dict[int, Coordinates]) -> Claimed | None:
        """What holds of every right rule, and the Jacobians that this one claims; None where they would mean nothing."""
        linear = self.structure.linear  # first, as following the rule tells how many copies there is room for
        self.backward += linear  # following it is one run
        claimed = claimed_jacobians(self.problem, pulled, outputs, coordinates)
        self.backward += claimed.pullbacks
        found = list(claimed.findings)
        if outputs.size and not found and not self._known_to_be_linear(pulled, outputs, coordinates, claimed):
            found = check_linearity(self.problem, pulled, outputs, coordinates, claimed)
            self.backward += 9
        if found and pulled.many is not None:
            # A batch may round its copies in different ways: nobody is accused of what the rule does not do alone.
            return self._contract(pulled.one_by_one(), outputs, coordinates)
        if linear:  # then what does not add up is what rounding has left of larger numbers
            found = [f for f in found if f.code != "GC110"]
        self.findings += found
        return None if claimed.findings else claimed

    def _known_to_be_linear(
        self, pulled: Pulled, outputs: Outputs, coordinates: dict[int, Coordinates], claimed: Claimed
    ) -> bool:
        known = self.structure
        return known.linear and adds_up(self.problem, pulled, outputs, coordinates, claimed, known.gradients)

    def _judge_input(self, i: int, claimed: Claimed, outputs: Outputs, every: dict[int, Coordinates]) -> None:
        """Compare one input's claimed Jacobian with the differences; then its forward rule, if there is one."""
        problem, a, coordinates = self.problem, claimed.jacobians[i].T, every[i]
        sizes = claimed.sizes[id(coordinates.rows)]
        x = problem.inputs[i]
        arrays = [wide(other.value) for other in problem.inputs]
        if any(wider.dtype != other.value.dtype for wider, other in zip(arrays, problem.inputs, strict=True)):
            problem.primal(*map(np.array, arrays))  # what it raises in double precision only is not for lack of a definition
        evaluate = Evaluator(problem.primal, problem.batched_primal, arrays, i, outputs.kept, outputs.size)
        if problem.python:
            evaluate.doubt_batches(arrays[i])
        d = Differences(lambda copies: coordinates.look(evaluate(copies)), coordinates, evaluate.batched is not None)
        if isinstance(coordinates, Grouped):
            from gradcheck_cli.check.narrow import Narrower

            d.narrower = Narrower(problem, self.structure, outputs, arrays, i)
        witness = complex_step(problem.primal, arrays, i, outputs.kept, coordinates, d.scale)
        narrow = x.value.dtype in WIDER
        judged = self._compare(a, d, sizes, narrow, witness)
        if not all_agree(judged.verdict):
            judged = self._spared(judged, i, d, coordinates, outputs, narrow)
        view = None
        if self.settings.pictures and a.size:
            from gradcheck_cli.check.taylor import taylor

            view = taylor(a, d)
        seen = Seen(coordinates.described(outputs.size), evaluate.alone, tuple(sorted(problem.looped)))
        rtol, atol, _ = self._tolerance(narrow)
        result = summarise(x, judged, outputs, coordinates, self.settings.kinks, taylor=view, seen=seen, tolerance=(rtol, atol))
        self.inputs.append(result)
        self.findings += findings_of(result, i in claimed.missing, x.location or problem.location)
        if problem.pushforward is not None:
            from gradcheck_cli.check.forward_rule import ForwardRule

            self._judge_forward_rule(ForwardRule(problem, i, outputs, coordinates), judged, d, sizes, witness)
        self.forward += d.evaluations

    def _spared(
        self, judged: Judged, i: int, d: Differences, coordinates: Coordinates, outputs: Outputs, narrow: bool
    ) -> Judged:
        """What is judged, with what the engine's derivative settles, and without what there are excuses for."""
        from gradcheck_cli.check.stability import backward_claim, excuse_narrow, excuse_unstable
        from gradcheck_cli.check.ties import excuse_ties

        problem = self.problem
        if self.stats.custom and not problem.python and self.settings.eps is None:
            from gradcheck_cli.check.dot_product import settle

            judged, settled = settle(self._derivative(outputs), i, judged, coordinates, self._tolerance(narrow))
            self.settled += settled
        judged = excuse_unstable(
            judged, backward_claim(outputs, coordinates, i), problem, lambda row: self._rounding(i, outputs, coordinates, row)
        )
        judged = excuse_ties(judged, d)
        return excuse_narrow(judged, problem, outputs, coordinates, i) if narrow else judged

    def _rounding(self, i: int, outputs: Outputs, coordinates: Coordinates, row: int) -> Any:
        """What a row's gradient of input `i` may be off by, as far as other units tell."""
        from gradcheck_cli.check.stability import noise_in_units

        output, cotangent = coordinates.row(row), dense_cotangent(outputs.size)
        if output is not None:
            cotangent = np.where(np.arange(outputs.size) == output, 1.0, 0.0)
        try:
            found = noise_in_units(self.problem, outputs, cotangent)
        except RuleError:
            return 0.0
        return found[self.problem.differentiable_inputs().index(i)] * np.abs(coordinates.unit)

    def _derivative(self, outputs: Outputs) -> EngineDerivative:
        """The engine's derivative of the forward."""
        if self.derivative is None:
            from gradcheck_cli.check.dot_product import EngineDerivative

            self.derivative = EngineDerivative(self.problem, outputs)
        return self.derivative

    def _look_closer(self, i: int, planner: Planner, pulled: Pulled, outputs: Outputs, coordinates: Coordinates) -> None:
        """Look at an input in another way: at the entries that a wrong combination stands for; or at all of them, where
        something outside of its blocks was suspected and is not wrong.
        """
        wrong = self.inputs[-1].verdict == "fail"
        if isinstance(coordinates, Directions) and wrong:
            self._look_inside(i, pulled, outputs, coordinates)
        if isinstance(coordinates, Part) and not wrong:
            self._judge_again(i, planner.without_blocks(i), pulled, outputs)

    def _look_inside(self, i: int, pulled: Pulled, outputs: Outputs, directions: Directions) -> None:
        """Look at the entries behind each direction's worst number, until one is wrong.

        Where there are only kinks, none can be told wrong: a combination of subgradients need not lie between the slopes on the
        two sides.
        """
        whole, kinks = self.inputs[-1], []
        for k, j in worst_of_columns(whole)[:LOOKED_INSIDE]:
            block = directions.block(j, k)
            found = self._judge_again(i, block, pulled, outputs) if block.size * len(block.seen) <= FULL_ENTRIES else None
            kinks.append(
                found is not None and found.verdict != "fail" and among(found.verdicts, (*KINKS, Verdict.NEAR_KINK)).any()
            )
            if self.inputs[-1] is not whole:
                return
        if all(kinks):
            self.inputs[-1] = undecided_at_kinks(whole)
            self.findings = [f for f in self.findings if f.input_name != whole.name]
            place = self.problem.inputs[i].location or self.problem.location
            self.findings += findings_of(self.inputs[-1], False, place)

    def _judge_again(self, i: int, coordinates: Coordinates, pulled: Pulled, outputs: Outputs) -> InputResult | None:
        """Judge an input in place of what was said of it, and give what is said now, if anything can be. A combination stays
        wrong though no single entry can be named.
        """
        before, findings = self.inputs.pop(), self.findings
        self.findings = [f for f in findings if f.input_name != before.name]
        self._say_if_projected({i: coordinates})
        claimed = self._contract(pulled, outputs, {i: coordinates})
        if claimed is None:
            return None
        self._judge_input(i, claimed, outputs, {i: coordinates})
        now = self.inputs[-1]
        if before.verdict == "fail" and now.verdict != "fail":
            self.inputs[-1], self.findings = before, findings
        return now

    def _judge_forward_rule(self, rule: ForwardRule, backward: Judged, d: Differences, sizes: RowSizes, witness: Any) -> None:
        """The forward rule against the same differences, and against the backward rule."""
        from gradcheck_cli.check.stability import excuse_if_right, excuse_infinite_tangents, excuse_unstable, widened

        narrow = rule.input.value.dtype in WIDER
        try:
            forward = self._compare(rule.jacobian(), d, sizes, narrow, witness)
            forward = excuse_unstable(forward, rule.claim, self.problem)
            if among(forward.verdict, FAILING).any():
                from gradcheck_cli.check.ties import excuse_ties

                forward = excuse_ties(forward, d)
                forward = excuse_infinite_tangents(forward)
                if narrow:
                    forward = excuse_if_right(forward, rule.claim(widened(self.problem), 1.0))
            self.findings += rule.findings(forward, backward, self._tolerance(narrow))
        except RuleError as error:
            place = self.problem.jvp_location or self.problem.location
            self.findings.append(broken(error, self.problem)._replace(location=place))

    def _compare(self, a: Array, d: Differences, sizes: RowSizes, narrow: bool, witness: Any = None) -> Judged:
        tolerance, eps = self._tolerance(narrow), self.settings.eps
        if eps is not None:
            rtol, atol = self.settings.tolerances()
            self.method = f"central differences, fixed step {eps:g}, allclose(rtol={rtol:g}, atol={atol:g})"
            return classical(a, d, eps, rtol, atol)
        self.method = "adaptive central differences"
        return decide(Comparison(a, d, tolerance, sizes, witness))

    def _tolerance(self, narrow: bool) -> Tolerance:
        rtol, atol = self.settings.tolerances()
        return Tolerance(max(rtol, FLOAT32_RTOL), atol, 2.0**-23) if narrow else Tolerance(rtol, atol)


def _with_second_order(result: CheckResult, problem: Problem, start: float, explain: bool) -> CheckResult:
    """Add what a check of the rule as a function of its own finds."""
    assert problem.second is not None
    try:
        second = check(problem.second(), explain=explain)
    except RuleError as error:
        finding = broken(error, problem)._replace(code="GC205")
        second = CheckResult(function=problem.name, verdict="fail", findings=(finding,))
    findings = [
        f._replace(code="GC205", message=f"second order: {f.message}") if f.verdict == "fail" else f for f in second.findings
    ]
    both = (*result.findings, *findings)
    return result._replace(
        findings=both,
        inputs=(*result.inputs, *(x._replace(name=f"{x.name} (order 2)") for x in second.inputs)),
        verdict=overall(both, (*result.inputs, *second.inputs)),
        forward_evaluations=result.forward_evaluations + second.forward_evaluations,
        backward_evaluations=result.backward_evaluations + second.backward_evaluations,
        seconds=time.perf_counter() - start,
    )


def _identical(a: Array, b: Array) -> bool:
    return a is b or (a.dtype == b.dtype and same(a, b))
