"""The full format, for people: a line for each check that passes, and all that is known of the others."""

from __future__ import annotations

from collections.abc import Iterator
from math import log2
from typing import TYPE_CHECKING

from gradcheck_cli.report.clean import clean, to_ascii
from gradcheck_cli.report.concise import summary_line
from gradcheck_cli.report.formats import Options, paint

if TYPE_CHECKING:
    from gradcheck_cli.check.dot_product import DotProduct
    from gradcheck_cli.check.findings import Finding
    from gradcheck_cli.check.result import CheckResult, Entry, InputResult, Seen
    from gradcheck_cli.check.taylor import Taylor
    from gradcheck_cli.report.report import Report

WORDS = {"pass": ("PASS", "32"), "fail": ("FAIL", "31"), "inconclusive": ("OPEN", "33"), "error": ("ERROR", "35")}
"""The word and the colour (an ANSI code) of each verdict."""
ROWS = 10
"""Entries shown of an input's mismatches."""
INDENT = "  "


def render(report: Report, options: Options) -> str:
    """All checks, the mistakes in files, and a summary."""
    parts = [_mistake(str(m), options) for m in report.mistakes]
    for check in report.checks:
        if check.verdict != "pass" or options.verbose > 0:
            parts.append(details(report, check, options))
        elif options.verbose == 0:
            parts.append(_headline(check, options))
    text = "\n".join([*parts, _summary(report, options)]) + "\n"
    return to_ascii(text) if options.ascii_only else text


def _mistake(text: str, options: Options) -> str:
    return f"{paint('ERROR', WORDS['error'][1], options)} {clean(text)}\n"


def _summary(report: Report, options: Options) -> str:
    verdict = {0: "pass", 1: "fail", 3: "inconclusive"}.get(report.exit_code, "error")
    return paint(clean(summary_line(report)), f"1;{WORDS[verdict][1]}", options)


# One line.


def _headline(check: CheckResult, options: Options) -> str:
    """`PASS  specs/a.yaml:2  quadratic  4 entries, largest relative error 1.2e-11`."""
    word, code = WORDS[check.verdict]
    place = f"{clean(check.file)}:{check.location.line}  " if check.file and check.location else ""
    return f"{paint(f'{word:<5}', code, options)} {place}{paint(clean(check.name), '1', options)}  {in_short(check)}"


def in_short(check: CheckResult) -> str:
    """What was found, in our own words only: no name from outside is in it."""
    codes = ", ".join(dict.fromkeys(f.code for f in check.findings if f.verdict == "fail"))
    if check.verdict == "pass" and check.expected.startswith("fail"):
        return f"found wrong, as expected ({codes})"
    if check.verdict == "pass" and any(f.code == "GC601" for f in check.findings):
        return "surrogate: contract and linearity hold, values are not checked"
    if check.verdict == "pass":
        return _measured(check)
    wrong, undecided = (sum(getattr(x, name) for x in check.inputs) for name in ("wrong", "inconclusive"))
    counts = [(wrong, "wrong"), (undecided, "undecided")]
    said = [f"{count} of {check.entries} entries {what}" for count, what in counts if count]
    return ", ".join(said) or next((finding_title(f) for f in check.findings if f.verdict == check.verdict), "")


def _measured(check: CheckResult) -> str:
    kinks = sum(x.kinks for x in check.inputs)
    worst = max((x.max_rel_error for x in check.inputs), default=0.0)
    entries = f"{check.entries} {'entry' if check.entries == 1 else 'entries'}"
    if check.projected:
        entries = f"{check.entries} random projections of {sum(x.entries for x in check.inputs)} entries"
    special = f", {kinks} on a kink" if kinks else ""
    hiding = dict.fromkeys(f.code for f in check.findings if f.code in ("GC602", "GC606"))
    if hiding:
        special += f", but the inputs may hide errors ({', '.join(hiding)}, see -v)"
    if any(f.code == "GC607" for f in check.findings):
        special += ", accepted by a loose tolerance only (GC607)"
    return f"{entries}, largest relative error {worst:.1e}{special}"


def finding_title(finding: Finding) -> str:
    """`GC201 Jacobian mismatch`."""
    from gradcheck_cli.check.findings import CODES

    return f"{finding.code} {CODES[finding.code].title}"


# Everything.


def details(report: Report, check: CheckResult, options: Options) -> str:
    """Headline, table of the inputs, mismatches, findings, graph, and how to repeat it; a blank line between them."""
    from gradcheck_cli.report.repeat import repeat_command
    from gradcheck_cli.report.table import paragraph, table

    sections = []
    if check.inputs:
        sections.append(table(INPUT_COLUMNS, [input_row(x) for x in check.inputs], INDENT, options))
    for x in check.inputs:
        for title, entries, columns in shown_entries(x):
            rows = [entry_row(x.name, e, columns[-1]) for e in entries]
            sections.append(f"{INDENT}{title}\n{table(columns, rows, INDENT, options)}")
        sections += _pictures(x, options)
    sections += [_finding(f, options) for f in check.findings]
    facts = "\n".join(paragraph(fact, INDENT, options) for fact in facts_of(check, options))
    command = repeat_command(report, check)
    closing = [*([facts] if facts else []), *([f"{INDENT}repeat: {clean(command)}"] if command else [])]
    sections += ["\n".join(closing)] if closing else []
    return "\n\n".join(["\n".join([_headline(check, options), *sections[:1]]), *sections[1:]]) + "\n"


def _pictures(x: InputResult, options: Options) -> Iterator[str]:
    """Where the wrong entries lie, if they are more than are listed; and the Taylor remainder, where it was asked for."""
    from gradcheck_cli.report.plots import heat_map, taylor_plot
    from gradcheck_cli.report.table import paragraph, table

    if max(x.wrong, x.inconclusive) > ROWS:
        yield from filter(None, [heat_map(x, INDENT, options)])
    if x.taylor is not None:
        title = f"Taylor remainder of {clean(x.name)}: falls with h^3 where the rule is right, with h where it is wrong"
        numbers = table(TAYLOR_COLUMNS, list(_taylor_rows(x.taylor)), INDENT, options)
        yield f"{paragraph(title, INDENT, options)}\n{numbers}"
        yield from filter(None, [taylor_plot(x.taylor, INDENT, options)])


INPUT_COLUMNS = ("input", "entries", "max abs\nerror", "max rel\nerror", "at", "error\nbound", "verdict")


def input_row(x: InputResult) -> list[str]:
    """The cells of `INPUT_COLUMNS`."""
    shape = f" ({','.join(map(str, x.shape))})" if x.shape else ""
    count = f"{x.checked}" if x.checked == x.entries else f"{x.checked} of {x.entries}"
    at = f"{_place_name(x.worst.output, x.worst.output_index)}, {_input_place(x.name, x.worst)}" if x.worst else ""
    counts = [(x.wrong, "wrong"), (x.inconclusive, "open"), (x.kinks, "on a kink")]
    verdict = ", ".join([WORDS[x.verdict][0], *(f"{count} {what}" for count, what in counts if count)])
    return [x.name + shape, count, f"{x.max_abs_error:.1e}", f"{x.max_rel_error:.1e}", at, f"{x.bound:.1e}", verdict]


def shown_entries(x: InputResult) -> Iterator[tuple[str, tuple[Entry, ...], tuple[str, ...]]]:
    """What is wrong, and what is open: a title, the worst entries, and the columns to show."""
    mismatches = ("mismatches", x.wrong, x.mismatches, "rel error")
    left_open = ("entries left open", x.inconclusive, x.undecided, "resolution")
    for kind, count, entries, last in (mismatches, left_open):
        if entries:
            which = "worst first" if count <= ROWS else f"the {ROWS} worst"
            title = f"Jacobian {kind} of {clean(x.name)} ({count} of {x.checked} entries, {which})"
            yield title, entries[:ROWS], (*ENTRY_COLUMNS, last)


ENTRY_COLUMNS = ("input", "output", "claimed", "numeric", "± bound")
TAYLOR_COLUMNS = ("h", "remainder", "falls with", "relative\nerror")


def _taylor_rows(view: Taylor) -> Iterator[list[str]]:
    """Every third step, and the power of h that the remainder falls with from there to the next."""
    steps = range(0, len(view.h), 3)
    for k, after in zip(steps, [*steps[1:], None], strict=True):
        power = ""
        if after is not None and min(view.remainder[k], view.remainder[after]) > 0:
            power = f"h^{log2(view.remainder[k] / view.remainder[after]) / log2(view.h[k] / view.h[after]):.1f}"
        yield [f"{view.h[k]:.1e}", f"{view.remainder[k]:.1e}", power, f"{view.relative[k]:.1e}"]


def entry_row(name: str, e: Entry, last: str) -> list[str]:
    """The cells of `ENTRY_COLUMNS`, and of the column `last`: `rel error` or `resolution`."""
    claimed, numeric = _apart(e.claimed, e.numeric)
    bound = "" if e.error_bound != e.error_bound else f"{e.error_bound:.1e}"
    measure = e.relative_error if last == "rel error" else e.resolution
    return [_input_place(name, e), _place_name(e.output, e.output_index), claimed, numeric, bound, f"{measure:.1e}"]


def _apart(a: float, b: float) -> tuple[str, str]:
    """Both numbers with as many digits as it takes to see that they differ, at least ten."""
    digits = next((n for n in range(10, 17) if a != a or b != b or f"{a:.{n - 3}g}" != f"{b:.{n - 3}g}"), 17)
    return f"{a:.{digits}g}", f"{b:.{digits}g}"


def _input_place(name: str, e: Entry) -> str:
    """`x[1,2]`, `z[0].im`."""
    return _place_name(name, e.input_index) + (f".{e.part}" if e.part else "")


def _place_name(name: str, index: tuple[int, ...]) -> str:
    """`out[0]`; of a number without axes the name."""
    return f"{name}[{','.join(map(str, index))}]" if index else name


def _finding(finding: Finding, options: Options) -> str:
    from gradcheck_cli.report.table import paragraph

    place = f"  {clean(str(finding.location))}" if finding.location else ""
    title = paint(f"{finding_title(finding)}{place}", WORDS.get(finding.verdict, ("", "36"))[1], options)
    causes = [f"likely cause: {d.message}" for d in finding.diagnosis]
    return "\n".join([f"{INDENT}{title}", *(paragraph(text, INDENT * 2, options) for text in (finding.message, *causes))])


def facts_of(check: CheckResult, options: Options) -> Iterator[str]:
    """Graph, method and work, where anything was done; more where more was asked for."""
    if not check.forward_evaluations:
        return
    g = check.graph
    ops = ", ".join(f"{name} {count}" for name, count in list(g.ops.items())[:8])
    yield (
        f"graph: {g.nodes} nodes ({g.custom} custom), {g.edges} edges, depth {g.depth}, {g.leaves} leaves, "
        f"{g.saved_bytes} bytes saved{f'; ops: {ops}' if ops else ''}"
    )
    yield (
        f"{check.method or 'no differences taken'}; {check.forward_evaluations} forward and "
        f"{check.backward_evaluations} backward evaluations, {check.seconds:.3f} s"
    )
    for x in check.inputs if options.verbose > 0 else ():
        yield f"{clean(x.name)}: {_seen(x.seen)}"
    if options.verbose > 0 and check.dot_product is not None:
        yield f"dot product: {_products(check.dot_product)}"


def _seen(seen: Seen) -> str:
    alone = f"; {seen.alone} copies of the input one by one" if seen.alone else ""
    looped = f"; copy by copy in {', '.join(seen.looped)}" if seen.looped else ""
    return f"{seen.what}{alone}{looped}"


def _products(found: DotProduct) -> str:
    if found.skipped:
        return f"not compared, {found.skipped}"
    said = "agree to" if found.agrees else "DIFFER by"
    settled = f"; settled {found.settled} entries that the differences left open" if found.settled else ""
    return (
        f"<v, J u> = {found.forward:.10g} by the engine's derivative of the forward, <J' v, u> = {found.backward:.10g} "
        f"by the rule: they {said} {found.relative_difference:.1e} of their terms{settled}"
    )
