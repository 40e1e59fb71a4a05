"""The concise format: one line for each finding, that editors and CI logs can follow to its place."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from gradcheck_cli.report.clean import one_line, to_ascii
from gradcheck_cli.report.formats import Options

if TYPE_CHECKING:
    from gradcheck_cli.check.findings import Finding
    from gradcheck_cli.check.result import CheckResult
    from gradcheck_cli.errors import Mistake
    from gradcheck_cli.report.report import Report


def render(report: Report, options: Options) -> str:
    """A line for each mistake in a file and each finding that matters, and a summary."""
    lines = [f"{m.location}: error: {mistake_text(m)}" for m in report.mistakes]
    for check in report.checks:
        if check.verdict == "pass":
            lines += [_passed(check)] if options.verbose > 0 else []
        else:
            lines += [_line(f, check) for f in check.findings if f.verdict != "note"]
    text = "\n".join(one_line(line) for line in [*lines, summary_line(report)]) + "\n"
    return to_ascii(text) if options.ascii_only else text


def _passed(check: CheckResult) -> str:
    return f"{check.location or check.file or '<call>'}: pass: {check.name}"


def _line(finding: Finding, check: CheckResult) -> str:
    place = finding.location or check.location or check.file or "<call>"
    return f"{place}: {finding.verdict}: {finding.code} {check.name}: {finding_text(finding)}"


def mistake_text(m: Mistake) -> str:
    """What is wrong in a file, and the hint."""
    return f"{m.message} ({m.hint})" if m.hint else m.message


def finding_text(f: Finding) -> str:
    """What was found, and its likely cause."""
    return f"{f.message}; likely cause: {f.diagnosis[0].message}" if f.diagnosis else f.message


def summary_line(report: Report) -> str:
    """`4 passed, 1 failed, 2 inconclusive, 1 error in 0.12 s`."""
    counts = report.summary
    words = {"pass": "passed", "fail": "failed", "inconclusive": "inconclusive", "error": "errors"}
    parts = [f"{counts[v]} {'error' if v == 'error' and counts[v] == 1 else w}" for v, w in words.items() if counts[v]]
    said = ", ".join(_reservations(report))
    note = f" ({said})" if said else ""
    if report.interrupted:
        return f"{', '.join([*parts, report.interrupted])} checks"
    if not parts:
        return "nothing was checked: no check was selected"
    if report.exit_code == 3 and not counts["inconclusive"]:
        note += "; but no Jacobian entry was compared"
    return f"{', '.join(parts)}{note} in {report.seconds:.2f} s"


def _reservations(report: Report) -> Iterator[str]:
    """What more there is to say of checks that passed: how many of them passed by what a spec says, or were not looked at
    entry by entry.
    """
    passed = [c for c in report.checks if c.verdict == "pass"]
    as_expected = [c for c in passed if c.expected.startswith("fail")]
    others = [c for c in passed if not c.expected.startswith("fail")]
    codes = [{f.code for f in c.findings} for c in others]
    counts = {
        "found wrong, as expected": len(as_expected),
        "by a loose tolerance only": sum("GC607" in found for found in codes),
        "with errors above 1e-4": sum(
            "GC607" not in found and any(x.coarse for x in c.inputs) for c, found in zip(others, codes, strict=True)
        ),
        "with kinks skipped": sum(any(x.skipped for x in c.inputs) for c in others),
        "surrogate": sum("GC601" in found for found in codes),
        "by random combinations of entries": sum(c.projected for c in others),
    }
    for what, count in counts.items():
        if count:
            yield f"{count} {what}{'s' if what == 'surrogate' and count > 1 else ''}"
