"""The concise format: one line for each finding, that editors and CI logs can follow to its place."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gradcheck_cli.report.clean import one_line, to_ascii
from gradcheck_cli.report.formats import Options

if TYPE_CHECKING:
    from gradcheck_cli.check.findings import Finding
    from gradcheck_cli.check.result import CheckResult
    from gradcheck_cli.report.report import Report


def render(report: Report, options: Options) -> str:
    """A line for each mistake in a file and each finding that matters, and a summary."""
    lines = [f"{m.location}: error: {m.message}" + (f" ({m.hint})" if m.hint else "") for m in report.mistakes]
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
    cause = f"; likely cause: {finding.diagnosis[0].message}" if finding.diagnosis else ""
    return f"{place}: {finding.verdict}: {finding.code} {check.name}: {finding.message}{cause}"


def summary_line(report: Report) -> str:
    """`4 passed, 1 failed, 2 inconclusive, 1 error in 0.12 s`."""
    counts = report.summary
    words = {"pass": "passed", "fail": "failed", "inconclusive": "inconclusive", "error": "errors"}
    parts = [f"{counts[v]} {'error' if v == 'error' and counts[v] == 1 else w}" for v, w in words.items() if counts[v]]
    expected = sum(c.verdict == "pass" and c.expected.startswith("fail") for c in report.checks)
    loose = sum(c.verdict == "pass" and any(f.code == "GC607" for f in c.findings) for c in report.checks)
    notes = [(expected, "found wrong, as expected"), (loose, "by a loose tolerance only")]
    said = ", ".join(f"{count} {what}" for count, what in notes if count)
    note = f" ({said})" if said else ""
    if report.interrupted:
        return f"{', '.join([*parts, report.interrupted])} checks"
    if not parts:
        return "nothing was checked: no check was selected"
    if report.exit_code == 3 and not counts["inconclusive"]:
        note += "; but no Jacobian entry was compared"
    return f"{', '.join(parts)}{note} in {report.seconds:.2f} s"
