"""What a self-test found, for people and as plain data."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

from gradcheck_cli.report.clean import clean, to_ascii
from gradcheck_cli.report.formats import Options, paint
from gradcheck_cli.selftest.result import REASONS, FunctionResult, SelftestReport, Survivor

SCHEMA_VERSION = 1
LONGEST = 60
"""Characters of a sub-expression that are shown."""
WORDS = {"PASS": "32", "FAIL": "31", "OPEN": "33", "ERROR": "35", "SKIP": "2"}
"""What heads a function's line, and the colour (an ANSI code) of each."""
INDENT = " " * 6


def render(report: SelftestReport, format: str, options: Options) -> str:
    """The report as text, in the format `full` or `json`; ends in a newline."""
    if format == "json":
        return json.dumps(as_dict(report), indent=1) + "\n"
    lines = [f"{paint('ERROR', WORDS['ERROR'], options)} {clean(str(m))}\n" for m in report.mistakes]
    lines += [line for f in report.functions for line in _function(f, options)]
    text = "\n".join([*lines, *_summary(report, options)]) + "\n"
    return to_ascii(text) if options.ascii_only else text


def _function(f: FunctionResult, options: Options) -> Iterator[str]:
    """One line; then each survivor, with its place and reason; the kinds when asked for."""
    from gradcheck_cli.report.table import paragraph

    reasons = Counter(s.reason for s in f.survivors)
    rest = "".join(f", {count} {reason}" for reason, count in reasons.items())
    counts = f.skipped or f"{f.killed.total()} of {f.tried.total()} found wrong{rest}"
    place = f"{clean(f.file)}:{f.location.line}  " if f.location else ""
    word = _word(f, reasons)
    yield f"{paint(f'{word:<5}', WORDS[word], options)} {place}{paint(clean(f.function), '1', options)}  {clean(counts)}"
    for s in f.survivors:
        yield paragraph(_survivor(s), INDENT, options)
    if options.verbose > 0 and f.tried:
        yield paragraph(", ".join(f"{kind} {f.killed[kind]}/{count}" for kind, count in f.tried.items()), INDENT, options)


def _word(f: FunctionResult, reasons: Counter[str]) -> str:
    if f.skipped:
        return {"fail": "FAIL", "error": "ERROR"}.get(f.verdict, "SKIP")
    return "FAIL" if reasons["unexplained"] else "OPEN" if reasons["hidden"] else "PASS"


def _survivor(s: Survivor) -> str:
    place = f"{s.location.line}:{s.location.column}  " if s.location else ""
    note = f", {s.note}" if s.note else ""
    return f"{place}{s.kind}: {_short(s.before)} -> {_short(s.after)}  ({s.reason}{note})"


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 20]} ... {text[-15:]}"


def _summary(report: SelftestReport, options: Options) -> Iterator[str]:
    """Each kind's rate, what the reasons mean, and the whole."""
    from gradcheck_cli.report.table import paragraph, table

    if not report.functions:
        yield "nothing was tried: no function was selected"
        return
    tried, killed, reasons = report.tried, report.killed, report.survivors
    if tried:
        rows = [[kind, f"{count}", f"{killed[kind]}", f"{killed[kind] / count:.1%}"] for kind, count in tried.items()]
        yield "\n" + table(("corruption", "tried", "found\nwrong", "rate"), rows, "", options) + "\n"
    for reason in REASONS:
        if reasons[reason]:
            yield paragraph(f"{reason}: {REASONS[reason]}", "", options)
    functions = sum(bool(f.tried) for f in report.functions)
    rest = "".join(f", {reasons[reason]} {reason}" for reason in REASONS if reasons[reason])
    of = f"{functions} function{'s'[functions == 1 :]}"
    whole = f"{killed.total()} of {tried.total()} corrupted rules of {of} found wrong{rest}"
    code = WORDS[{0: "PASS", 1: "FAIL", 3: "OPEN"}.get(report.exit_code, "ERROR")]
    yield paint(whole, f"1;{code}", options)


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
