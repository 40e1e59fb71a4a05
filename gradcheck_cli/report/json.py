"""The json format: one object, stable within `schema_version` 1. A number that is not finite is null."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from gradcheck_cli.report.clean import for_json
from gradcheck_cli.report.formats import Options

if TYPE_CHECKING:
    from gradcheck_cli.check.diagnosis.cause import Diagnosis
    from gradcheck_cli.check.findings import Finding
    from gradcheck_cli.check.result import CheckResult, Entry, InputResult
    from gradcheck_cli.report.report import Report

SCHEMA_VERSION = 1


def render(report: Report, options: Options) -> str:
    """The object as text."""
    return for_json(as_dict(report))


def as_dict(report: Report) -> dict[str, Any]:
    """The report as plain data."""
    return {
        "schema_version": SCHEMA_VERSION,
        "seed": report.seed,
        "summary": report.summary,
        "interrupted": report.interrupted or None,
        "checks": [_check(c) for c in report.checks],
        "errors": [
            {
                "file": m.location.path,
                "line": m.location.line,
                "column": m.location.column,
                "message": m.message,
                "hint": m.hint,
            }
            for m in report.mistakes
        ],
    }


def _check(check: CheckResult) -> dict[str, Any]:
    graph = check.graph
    return {
        "file": check.file,
        "line": check.location.line if check.location else None,
        "function": check.function,
        "case": check.case,
        "verdict": check.verdict,
        "expected": check.expected or "pass",
        "method": check.method,
        "inputs": [_input(x) for x in check.inputs],
        "findings": [_finding(f, check) for f in check.findings],
        "graph": {
            "nodes": graph.nodes,
            "edges": graph.edges,
            "depth": graph.depth,
            "leaves": graph.leaves,
            "custom": graph.custom,
            "saved_bytes": graph.saved_bytes,
            "ops": dict(graph.ops),
        },
        "evaluations": {"forward": check.forward_evaluations, "backward": check.backward_evaluations},
        "dot_product": _dot_product(check),
        "seconds": round(check.seconds, 6),
    }


def _dot_product(check: CheckResult) -> dict[str, Any] | None:
    found = check.dot_product
    if found is None:
        return None
    return {
        "forward": _number(found.forward),
        "backward": _number(found.backward),
        "relative_difference": _number(found.relative_difference),
        "agrees": found.agrees,
        "settled": found.settled,
        "skipped": found.skipped or None,
    }


def _input(x: InputResult) -> dict[str, Any]:
    return {
        "name": x.name,
        "shape": list(x.shape),
        "verdict": x.verdict,
        "entries": x.entries,
        "checked": x.checked,
        "kinks": x.kinks,
        "inconclusive": x.inconclusive,
        "max_abs_error": _number(x.max_abs_error),
        "max_rel_error": _number(x.max_rel_error),
        "error_bound": _number(x.bound),
        "mismatches": [_entry(e) for e in x.mismatches],
        "undecided": [_entry(e) for e in x.undecided],
        "taylor": _taylor(x),
        "diagnosis": [_diagnosis(d) for d in x.diagnosis],
    }


def _taylor(x: InputResult) -> dict[str, list[float | None]] | None:
    """Steps, remainders and relative remainders, where they were asked for."""
    return None if x.taylor is None else {name: list(map(_number, values)) for name, values in x.taylor._asdict().items()}


def _entry(e: Entry) -> dict[str, Any]:
    return {
        "output": e.output,
        "output_index": list(e.output_index),
        "input_index": list(e.input_index),
        "analytic": _number(e.claimed),
        "numeric": _number(e.numeric),
        "error_bound": _number(e.error_bound),
        "relative_error": _number(e.relative_error),
    }


def _finding(finding: Finding, check: CheckResult) -> dict[str, Any]:
    place = finding.location
    return {
        "code": finding.code,
        "message": finding.message,
        "input": finding.input_name or None,
        "diagnosis": [_diagnosis(d) for d in finding.diagnosis],
        "file": place.path if place else check.file,
        "line": place.line if place else None,
        "column": place.column if place else None,
    }


def _diagnosis(d: Diagnosis) -> dict[str, Any]:
    edits = [
        {"file": e.location.path, "line": e.location.line, "column": e.location.column, "before": e.before, "after": e.after}
        for e in d.edits
    ]
    return {"cause": d.cause, "message": d.message, "edits": edits}


def _number(x: float) -> float | None:
    return float(x) if math.isfinite(x) else None
