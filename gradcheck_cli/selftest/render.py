"""What a self-test found, for people and as plain data."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

from gradcheck_cli.report.clean import clean, to_ascii
from gradcheck_cli.report.formats import Options
from gradcheck_cli.selftest.result import REASONS, FunctionResult, SelftestReport, Survivor

SCHEMA_VERSION = 1
LONGEST = 60
"""Characters of a sub-expression that are shown."""


def render(report: SelftestReport, format: str, options: Options) -> str:
    """The report as text, in the format `full` or `json`; ends in a newline."""
    if format == "json":
        return json.dumps(as_dict(report), indent=1) + "\n"
    lines = [f"{m}\n" for m in report.mistakes]
    lines += [line for f in report.functions for line in _function(f, options)]
    text = "\n".join(map(clean, [*lines, *_summary(report)])) + "\n"
    return to_ascii(text) if options.ascii_only else text


def _function(f: FunctionResult, options: Options) -> Iterator[str]:
    """One line; with survivors, or when asked for, the kinds, and each survivor with its place and reason."""
    place = f"{f.file}:{f.location.line}  " if f.location else ""
    if f.skipped:
        word = {"fail": "WRONG", "error": "ERROR"}.get(f.verdict, "SKIP")
        yield f"{word:<6}{place}{f.function}  {f.skipped}"
        return
    tried, killed = f.tried.total(), f.killed.total()
    reasons = Counter(s.reason for s in f.survivors)
    rest = "".join(f", {count} {reason}" for reason, count in reasons.items())
    yield f"{_word(reasons):<6}{place}{f.function}  {killed} of {tried} found wrong{rest}"
    if f.survivors or options.verbose > 0:
        yield f"      {_rates(f.tried, f.killed)}"
    yield from (line for s in f.survivors for line in _survivor(s))


def _word(reasons: Counter[str]) -> str:
    return "FAIL" if reasons["unexplained"] else "OPEN" if reasons["hidden"] else "PASS"


def _rates(tried: Counter[str], killed: Counter[str]) -> str:
    return ", ".join(f"{kind} {killed[kind]}/{count}" for kind, count in tried.items())


def _survivor(s: Survivor) -> Iterator[str]:
    place = f"{s.location}: " if s.location else ""
    yield f"      {place}{s.kind}: {_short(s.before)} -> {_short(s.after)}"
    yield f"          {s.reason}: {REASONS[s.reason]}{f' ({s.note})' if s.note else ''}"


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 20]} ... {text[-15:]}"


def _summary(report: SelftestReport) -> Iterator[str]:
    """Each kind's rate, and the whole."""
    if not report.functions:
        yield "nothing was tried: no function was selected"
        return
    tried, killed = report.tried, report.killed
    yield ""
    width = max(map(len, tried), default=0)
    for kind, count in tried.items():
        yield f"{kind:<{width}}  {killed[kind]:>5} of {count:>5}  {killed[kind] / count:6.1%}"
    functions = sum(bool(f.tried) for f in report.functions)
    reasons = report.survivors
    rest = "".join(f", {reasons[reason]} {reason}" for reason in REASONS if reasons[reason])
    yield f"{killed.total()} of {tried.total()} corrupted rules of {functions} functions found wrong{rest}"


def as_dict(report: SelftestReport) -> dict[str, Any]:
    """The report as plain data."""
    return {
        "schema_version": SCHEMA_VERSION,
        "summary": {"tried": report.tried.total(), "killed": report.killed.total(), "survivors": dict(report.survivors)},
        "kinds": _kinds(report.tried, report.killed),
        "functions": [
            {
                "file": f.file,
                "line": f.location.line if f.location else None,
                "function": f.function,
                "verdict": f.verdict,
                "skipped": f.skipped,
                "tried": f.tried.total(),
                "killed": f.killed.total(),
                "kinds": _kinds(f.tried, f.killed),
                "survivors": [_as_dict(s) for s in f.survivors],
            }
            for f in report.functions
        ],
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


def _kinds(tried: Counter[str], killed: Counter[str]) -> dict[str, Any]:
    return {kind: {"tried": count, "killed": killed[kind]} for kind, count in tried.items()}


def _as_dict(s: Survivor) -> dict[str, Any]:
    place = s.location
    return {
        "kind": s.kind,
        "file": place.path if place else None,
        "line": place.line if place else None,
        "column": place.column if place else None,
        "before": s.before,
        "after": s.after,
        "reason": s.reason,
        "note": s.note,
    }
