"""`check(problem)`: contract first, numbers second."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import numpy as np

from gradcheck_cli.check import directions
from gradcheck_cli.check.claimed import Claimed, Outputs, broken, claimed_jacobians, row_scale
from gradcheck_cli.check.contract import check_linearity, dense_cotangent
from gradcheck_cli.check.coordinates import Coordinates
from gradcheck_cli.check.differences import Differences, evaluator, outputs_as_real
from gradcheck_cli.check.findings import CODES, Finding
from gradcheck_cli.check.jacobian import Comparison, Judged
from gradcheck_cli.check.problem import Problem, Pulled
from gradcheck_cli.check.purity import check_elsewhere, check_purity
from gradcheck_cli.check.result import SHOWN, CheckResult, Entry, InputResult, overall
from gradcheck_cli.check.verdict import FAILING, UNDECIDED, Tolerance, Verdict
from gradcheck_cli.check.witness import complex_step
from gradcheck_cli.engine.graph import GraphStats
from gradcheck_cli.errors import GradcheckError, RuleError

Array = np.ndarray[Any, Any]
FLOAT32_RTOL = 1e-4
"""A rule that works in float32 is judged by no less: its own rounding is about 1e-6 of its row."""
UNDECIDED_CODES = {
    Verdict.NOISE: "GC301",
    Verdict.SCALES: "GC302",
    Verdict.NEAR_KINK: "GC303",
    Verdict.NOT_FINITE: "GC304",
}


def check(problem: Problem) -> CheckResult:
    """Judge the rule of `problem` at its inputs."""
    start = time.perf_counter()
    run = _Check(problem)
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
    )
    if problem.settings.order == 2 and result.verdict in ("pass", "inconclusive") and problem.second is not None:
        return _with_second_order(result, problem, start)
    return result


class _Check:
    """One run; what it finds is gathered in its attributes."""

    def __init__(self, problem: Problem) -> None:
        self.problem, self.settings = problem, problem.settings
        self.findings: list[Finding] = []
        self.inputs: list[InputResult] = []
        self.stats = GraphStats()
        self.forward = self.backward = 0
        self.method = ""

    def run(self) -> None:
        problem = self.problem
        arrays = [x.value for x in problem.inputs]
        found = self._forward(arrays)
        if found is None:
            return
        try:
            pulled = problem.pullback(arrays)
        except RuleError as error:
            self.findings.append(broken(error, problem))
            return
        self.stats = pulled.stats
        outputs = Outputs(problem.outputs, found, pulled.differentiable)
        coordinates = {
            i: Coordinates(problem.inputs[i].value, problem.inputs[i].structure, problem.inputs[i].bounds)
            for i in problem.differentiable_inputs()
        }
        self._judge(pulled, outputs, coordinates)

    def _forward(self, arrays: list[Array]) -> list[Array] | None:
        """The outputs at the point, after seeing that the forward can be trusted to be a function."""
        copies = [np.array(a) for a in arrays]
        try:
            with np.errstate(all="ignore"):
                one = [np.asarray(y) for y in self.problem.primal(*copies)]
                kept = [np.array(y) for y in one]
                changed = [i for i, (a, b) in enumerate(zip(arrays, copies, strict=True)) if not _identical(a, b)]
                two = [np.asarray(y) for y in self.problem.primal(*[np.array(a) for a in arrays])]
        except GradcheckError:
            raise
        except Exception as error:
            message = f"the forward raised {type(error).__name__}: {error}"
            self.findings.append(Finding("GC501", message, self.problem.location))
            return None
        self.forward += 2
        if changed:
            name = self.problem.inputs[changed[0]].name
            self.findings.append(Finding("GC503", f"the forward changes its input {name!r}", self.problem.location, name))
            return None
        if len(kept) != len(two) or not all(map(_identical, kept, two)):
            self.findings.append(Finding("GC502", CODES["GC502"].title, self.problem.location))
            return None
        return kept

    def _judge(self, pulled: Pulled, outputs: Outputs, coordinates: dict[int, Coordinates]) -> None:
        problem = self.problem
        full = outputs.size * sum(c.size for c in coordinates.values())
        scales = {i: Differences(lambda c: np.zeros((len(c), 0)), c).scale for i, c in coordinates.items()}
        project = self.settings.mode == "projected" or (not self.settings.mode and full > directions.FULL_ENTRIES)
        rows: Array | None = None
        used: dict[int, Coordinates] = coordinates
        if project and full:
            rng = np.random.default_rng(self.settings.seed)
            rows = directions.draw(rng, directions.DIRECTIONS, outputs.size)
            used = {i: directions.Directions(c, scales[i], rng) for i, c in coordinates.items()}
            scales = {i: np.ones(c.size) for i, c in used.items()}
        if outputs.size and problem.python:
            self.findings += check_purity(problem, pulled, outputs)
            self.backward += 12
        if self.findings:
            return
        claimed = claimed_jacobians(problem, pulled, outputs, used, rows)
        self.backward += claimed.pullbacks
        self.findings += claimed.findings
        if claimed.findings:
            return
        if outputs.size:
            self.findings += check_linearity(problem, pulled, outputs, used, claimed)
            self.backward += 6
        if problem.surrogate:
            self.findings.append(Finding("GC601", CODES["GC601"].title, problem.location))
            return
        broken_inputs = {f.input_name for f in self.findings}
        for i in problem.differentiable_inputs():
            if problem.inputs[i].name not in broken_inputs:
                self._judge_input(i, claimed, outputs, used[i], rows, row_scale(claimed.jacobians, scales))
        if outputs.size and overall(self.findings) == "pass":
            kinks = any(x.kinks for x in self.inputs)
            self.findings += check_elsewhere(problem, pulled, outputs) if problem.python or kinks else []

    def _judge_input(
        self, i: int, claimed: Claimed, outputs: Outputs, coordinates: Coordinates, rows: Array | None, scale: Array
    ) -> None:
        """Compare one input's claimed Jacobian with the differences; then its forward rule, if there is one."""
        problem = self.problem
        arrays = [_wide(x.value) for x in problem.inputs]
        evaluate = evaluator(problem.primal, problem.batched_primal, arrays, i, outputs.kept)
        if rows is not None:
            evaluate = directions.projected(evaluate, rows)
        narrow = problem.inputs[i].value.dtype == np.float32
        d = Differences(evaluate, coordinates)
        witness = None
        if rows is None:
            witness = complex_step(problem.primal, arrays, i, outputs.kept, coordinates, d.scale)
        judged = self._compare(claimed.jacobians[i].T, d, scale, narrow, witness)
        self.forward += d.evaluations
        result = self._summarise(i, judged, outputs, coordinates, rows)
        self.inputs.append(result)
        self._report(i, result, i in claimed.missing)
        if problem.pushforward is not None and rows is None:
            self._judge_forward_rule(i, judged, d, scale, outputs, coordinates, narrow)

    def _compare(self, a: Array, d: Differences, scale: Array, narrow: bool, witness: Any = None) -> Judged:
        rtol, atol = self.settings.tolerances()
        if self.settings.eps is not None:
            self.method = f"central differences, fixed step {self.settings.eps:g}, allclose(rtol={rtol:g}, atol={atol:g})"
            return _classical(a, d, self.settings.eps, rtol, atol)
        self.method = "adaptive central differences"
        if narrow:
            rtol = max(rtol, FLOAT32_RTOL)
        return Comparison(a, d, Tolerance(rtol, atol, 2.0**-23 if narrow else 0.0), scale, witness).run()

    def _judge_forward_rule(
        self, i: int, judged: Judged, d: Differences, scale: Array, outputs: Outputs, c: Coordinates, narrow: bool
    ) -> None:
        """The jvp rule column by column against the differences; and against the backward rule, without differences."""
        problem, name = self.problem, self.problem.inputs[i].name
        place = problem.jvp_location or problem.location
        try:
            columns = np.array([self._tangents(i, c.tangent(e), outputs) for e in np.eye(c.size)]).reshape(judged.claimed.shape)
        except RuleError as error:
            self.findings.append(broken(error, problem)._replace(location=place))
            return
        before = d.evaluations
        forward = self._compare(columns, d, scale, narrow)
        self.forward += d.evaluations - before
        wrong = np.isin(forward.verdict, FAILING)
        if wrong.any():
            j, k = (int(n[0]) for n in np.nonzero(wrong))
            output, index = outputs.place(k)
            message = (
                f"the forward rule for {name!r} is wrong in {wrong.sum()} of {wrong.size} entries; d{output}{_at(index)}/"
                f"d{name}{_at(c.index(j))}: jvp {columns[j, k]:.9g}, numeric {forward.numeric[j, k]:.9g}"
            )
            self.findings.append(Finding("GC203", message, place, name))
        u, v = dense_cotangent(c.size), dense_cotangent(outputs.size)
        with np.errstate(all="ignore"):
            one, two = u @ columns @ v, u @ judged.claimed @ v
            size = np.abs(u) @ np.maximum(np.abs(columns), np.abs(judged.claimed)) @ np.abs(v)
        allowed = (1e-4 if narrow else 1e-10) * size
        if not abs(one - two) <= allowed and np.isfinite(one - two):
            message = f"<v, J u> = {one:.9g} by the forward rule, <J' v, u> = {two:.9g} by the backward rule ({name!r})"
            self.findings.append(Finding("GC204", message, place, name))

    def _tangents(self, i: int, tangent: Array, outputs: Outputs) -> Array:
        """The outputs' tangents for a tangent of input `i` alone, as coordinates."""
        problem = self.problem
        assert problem.pushforward is not None
        given = [
            tangent.astype(x.value.dtype) if k == i else np.zeros(x.value.shape, x.value.dtype)
            for k, x in enumerate(problem.inputs)
            if x.requires_grad
        ]
        found = problem.pushforward([x.value for x in problem.inputs], given)
        return outputs_as_real(found, outputs.kept)

    def _summarise(self, i: int, judged: Judged, outputs: Outputs, coordinates: Coordinates, rows: Array | None) -> InputResult:
        a, D, E = judged.claimed, judged.numeric, judged.bound
        verdict = self._by_policy(judged.verdict)

        def entry(flat: Any) -> Entry:
            j, k = divmod(int(flat), a.shape[1])
            output, index = outputs.place(k) if rows is None else ("v.out", (k,))
            place, part = coordinates.index(j), coordinates.part(j)
            return Entry(output, index, place, float(a[j, k]), float(D[j, k]), float(E[j, k]), Verdict(verdict[j, k]), part)

        with np.errstate(all="ignore"):
            error = np.abs(a - D)
            size = np.maximum(np.abs(a), np.abs(D))
            relative = np.where(error == 0, 0.0, error / size)
        settled = np.isin(verdict, (Verdict.AGREE, Verdict.DISAGREE))
        wrong = np.flatnonzero(np.isin(verdict, FAILING))
        unknown = np.flatnonzero(np.isin(verdict, UNDECIDED))
        badness = np.nan_to_num(relative.ravel(), nan=np.inf)
        wrong = wrong[np.argsort(-badness[wrong], kind="stable")][:SHOWN]
        with np.errstate(all="ignore"):
            resolution = np.nan_to_num((E / size).ravel(), nan=np.inf)
        unknown = unknown[np.argsort(-resolution[unknown], kind="stable")][:SHOWN]
        shown = np.where(settled, relative, -1.0).ravel()
        worst = entry(int(np.argmax(np.nan_to_num(shown, nan=np.inf)))) if settled.any() else None
        return InputResult(
            name=self.problem.inputs[i].name,
            shape=self.problem.inputs[i].value.shape,
            verdict="fail" if len(wrong) else "inconclusive" if len(unknown) else "pass",
            claimed=a.T,
            numeric=D.T,
            error_bound=E.T,
            verdicts=verdict.T,
            entries=outputs.size * Coordinates(self.problem.inputs[i].value, self.problem.inputs[i].structure).size,
            max_abs_error=float(np.nanmax(np.where(settled, error, 0.0), initial=0.0)),
            max_rel_error=float(np.nanmax(np.where(settled, relative, 0.0), initial=0.0)),
            worst=worst,
            mismatches=tuple(map(entry, wrong)),
            undecided=tuple(map(entry, unknown)),
            bound=float(np.max(np.where(settled & np.isfinite(E), E, 0.0), initial=0.0)),
        )

    def _by_policy(self, verdict: Array) -> Array:
        """Kinks as the `kinks` option wants them."""
        kink = np.isin(verdict, (Verdict.KINK_BETWEEN, Verdict.KINK_OUTSIDE))
        if self.settings.kinks == "fail":
            return np.where(kink, np.int8(Verdict.KINK_OUTSIDE), verdict)
        if self.settings.kinks == "skip":
            return np.where(kink, np.int8(Verdict.SKIPPED), verdict)
        return verdict

    def _report(self, i: int, result: InputResult, missing: bool) -> None:
        """The findings that one input's entries make."""
        name, place = result.name, self.problem.inputs[i].location or self.problem.location
        if result.mismatches:
            worst = result.mismatches[0]
            code = "GC201"
            if missing:
                code = "GC105"
            elif not np.isfinite(worst.claimed):
                code = "GC104"
            elif all(m.verdict is Verdict.KINK_OUTSIDE for m in result.mismatches):
                code = "GC202"
            self.findings.append(Finding(code, _mismatch_message(code, result, worst), place, name))
        for verdict, code in UNDECIDED_CODES.items():
            entries = [e for e in result.undecided if e.verdict is verdict]
            if entries:
                count = int((result.verdicts == verdict).sum())
                self.findings.append(Finding(code, _undecided_message(result, entries[0], code, count), place, name))


def _mismatch_message(code: str, result: InputResult, worst: Entry) -> str:
    where = entry_name(worst, result.name)
    count = f"{result.wrong} of {result.checked} entries"
    numbers = f"claimed {worst.claimed:.9g}, numeric {worst.numeric:.9g} ± {worst.error_bound:.1e}"
    if code == "GC105":
        return f"no gradient is returned for {result.name!r}, but {where} is {worst.numeric:.9g} ({count} are not zero)"
    if code == "GC104":
        return f"the gradient of {result.name!r} is not finite; {where}: {numbers}"
    if code == "GC202":
        return f"the gradient of {result.name!r} lies outside the one-sided slopes at a kink in {count}; {where}: {numbers}"
    return f"the gradient of {result.name!r} is wrong in {count}; worst {where}: {numbers}"


def _undecided_message(result: InputResult, entry: Entry, code: str, count: int) -> str:
    where = entry_name(entry, result.name)
    reached = f"could be checked to {entry.resolution:.1g} only" if np.isfinite(entry.resolution) else "could not be checked"
    return f"{count} of {result.checked} entries of {result.name!r} are undecided, {CODES[code].title}: {where} {reached}"


def entry_name(entry: Entry, name: str) -> str:
    """`d out[0] / d x[1,2]`."""
    return f"d {entry.output}{_at(entry.output_index)} / d {name}{_at(entry.input_index)}{entry.part and '.' + entry.part}"


def _at(index: tuple[int, ...]) -> str:
    return f"[{','.join(map(str, index))}]" if index else ""


def _classical(a: Array, d: Differences, eps: float, rtol: float, atol: float) -> Judged:
    """PyTorch's gradcheck: D = (f(x + eps) - f(x - eps)) / (2 eps), |a - D| <= atol + rtol |D|."""
    columns = np.arange(d.coordinates.size)
    up, h_up = d.at(columns, np.full(len(columns), eps))
    down, h_down = d.at(columns, np.full(len(columns), -eps))
    with np.errstate(all="ignore"):
        D = (up - down) / (h_up - h_down)[:, None]
        agree = np.abs(a - D) <= atol + rtol * np.abs(D)
    verdict = np.where(agree, Verdict.AGREE, np.where(np.isfinite(D), Verdict.DISAGREE, Verdict.NOT_FINITE))
    return Judged(a, D, np.full(a.shape, np.nan), verdict.astype(np.int8))


def _with_second_order(result: CheckResult, problem: Problem, start: float) -> CheckResult:
    """Add what a check of the rule as a function of its own finds."""
    assert problem.second is not None
    try:
        second = check(problem.second())
    except RuleError as error:
        finding = broken(error, problem)._replace(code="GC205")
        second = CheckResult(function=problem.name, verdict="fail", findings=(finding,))
    findings = [
        f._replace(code="GC205", message=f"second order: {f.message}") if f.verdict == "fail" else f for f in second.findings
    ]
    both = (*result.findings, *findings)
    return replace(
        result,
        findings=both,
        inputs=(*result.inputs, *(replace(x, name=f"{x.name} (order 2)") for x in second.inputs)),
        verdict=overall(both, (*result.inputs, *second.inputs)),
        forward_evaluations=result.forward_evaluations + second.forward_evaluations,
        backward_evaluations=result.backward_evaluations + second.backward_evaluations,
        seconds=time.perf_counter() - start,
    )


def _wide(value: Array) -> Array:
    """float32 inputs as float64: the forward is differenced in double precision wherever it lets itself be."""
    return value.astype(np.float64) if value.dtype == np.float32 else value


def _identical(a: Array, b: Array) -> bool:
    return a.shape == b.shape and a.dtype == b.dtype and np.array_equal(a, b, equal_nan=a.dtype.kind in "fc")
