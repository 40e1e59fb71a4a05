"""The full format, for people: a line for each check that passes, and all that is known of the others."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from gradcheck_cli.report.clean import clean, to_ascii
from gradcheck_cli.report.concise import summary_line
from gradcheck_cli.report.formats import Options

if TYPE_CHECKING:
    from gradcheck_cli.check.result import CheckResult, Entry, InputResult
    from gradcheck_cli.report.report import Report

WORDS = {"pass": ("PASS", "32"), "fail": ("FAIL", "31"), "inconclusive": ("OPEN", "33"), "error": ("ERROR", "35")}
"""The word and the colour (an ANSI code) of each verdict."""
ROWS = 10
"""Mismatches shown for an input."""
INDENT = "      "


def render(report: Report, options: Options) -> str:
    """All checks, the mistakes in files, and a summary."""
    parts = [_mistake(str(m), options) for m in report.mistakes]
    for check in report.checks:
        if check.verdict != "pass" or options.verbose > 0:
            parts.append(_details(check, options))
        elif options.verbose == 0:
            parts.append(_headline(check, options))
    text = "\n".join([*parts, _summary(report, options)]) + "\n"
    return to_ascii(text) if options.ascii_only else text


def _paint(text: str, code: str, options: Options) -> str:
    return f"\x1b[{code}m{text}\x1b[0m" if options.color else text


def _mistake(text: str, options: Options) -> str:
    return f"{_paint('ERROR', WORDS['error'][1], options)} {clean(text)}\n"


def _summary(report: Report, options: Options) -> str:
    verdict = {0: "pass", 1: "fail", 3: "inconclusive"}.get(report.exit_code, "error")
    return _paint(summary_line(report), f"1;{WORDS[verdict][1]}", options)


def _headline(check: CheckResult, options: Options) -> str:
    """`PASS  specs/a.yaml:2  quadratic  4 entries, largest relative error 1.2e-11`."""
    word, code = WORDS[check.verdict]
    place = f"{clean(check.file)}:{check.location.line}  " if check.file and check.location else ""
    return f"{_paint(f'{word:<5}', code, options)} {place}{_paint(check.name, '1', options)}  {_in_short(check)}"


def _in_short(check: CheckResult) -> str:
    if check.verdict == "pass" and check.expected.startswith("fail"):
        codes = dict.fromkeys(f.code for f in check.findings if f.verdict == "fail")
        return f"found wrong, as expected ({', '.join(codes)})"
    if any(f.code == "GC601" for f in check.findings):
        return "surrogate: contract and linearity hold, values are not checked"
    kinks = sum(x.kinks for x in check.inputs)
    worst = max((x.max_rel_error for x in check.inputs), default=0.0)
    entries = f"{check.entries} {'entry' if check.entries == 1 else 'entries'}"
    return f"{entries}, largest relative error {worst:.1e}{f', {kinks} on a kink' if kinks else ''}"


def _details(check: CheckResult, options: Options) -> str:
    """Headline, table of the inputs, mismatches, findings, graph, and how to repeat it."""
    sections = [_headline(check, options)]
    if check.inputs:
        sections.append(_table(INPUT_COLUMNS, [_input_row(x) for x in check.inputs], options))
    for x in check.inputs:
        if x.mismatches:
            sections.append(_mismatches(x, options))
    sections += [_finding(f, options) for f in check.findings]
    sections.append(_block("\n".join(_facts(check))))
    return "\n".join(sections) + "\n"


INPUT_COLUMNS = ("input", "shape", "entries", "max abs error", "max rel error", "at", "error bound", "verdict")


def _input_row(x: InputResult) -> list[str]:
    count = f"{x.checked}" if x.checked == x.entries else f"{x.checked} of {x.entries}"
    at = f"{_place(x.worst.output, x.worst.output_index)}, {_place(x.name, x.worst.input_index)}" if x.worst else ""
    verdict = WORDS[x.verdict][0]
    verdict += f" ({x.wrong} wrong)" if x.wrong else f" ({x.inconclusive} open)" if x.inconclusive else ""
    verdict += f", {x.kinks} on a kink" if x.kinks else ""
    return [
        x.name,
        str(x.shape),
        count,
        f"{x.max_abs_error:.3e}",
        f"{x.max_rel_error:.3e}",
        at,
        f"{x.bound:.1e}",
        verdict,
    ]


def _mismatches(x: InputResult, options: Options) -> str:
    shown = x.mismatches[:ROWS]
    more = f", the {len(shown)} worst" if x.wrong > len(shown) else ""
    title = f"Jacobian mismatches of {x.name} ({x.wrong} of {x.checked} entries{more}, worst first)"
    columns = ("input entry", "output entry", "claimed", "numeric", "± bound", "relative error")
    return f"{_block(title)}\n{_table(columns, [_mismatch_row(x.name, e) for e in shown], options)}"


def _mismatch_row(name: str, e: Entry) -> list[str]:
    return [
        _place(name, e.input_index) + (f".{e.part}" if e.part else ""),
        _place(e.output, e.output_index),
        f"{e.claimed:.10g}",
        f"{e.numeric:.10g}",
        f"{e.error_bound:.1e}",
        f"{e.relative_error:.3e}",
    ]


def _place(name: str, index: tuple[int, ...]) -> str:
    return f"{name}[{','.join(map(str, index))}]" if index else name


def _finding(finding: Any, options: Options) -> str:
    place = f"  {clean(str(finding.location))}" if finding.location else ""
    from gradcheck_cli.check.findings import CODES

    title = f"{finding.code} {CODES[finding.code].title}{place}"
    return f"{INDENT}{_paint(title, WORDS.get(finding.verdict, ('', '36'))[1], options)}\n{_block(clean(finding.message), 2)}"


def _facts(check: CheckResult) -> Iterator[str]:
    g = check.graph
    ops = ", ".join(f"{name} {count}" for name, count in list(g.ops.items())[:8])
    yield (
        f"graph: {g.nodes} nodes ({g.custom} custom), {g.edges} edges, depth {g.depth}, {g.leaves} leaves, "
        f"{g.saved_bytes} bytes saved; {ops}"
    )
    yield (
        f"{check.method or 'no differences taken'}; {check.forward_evaluations} forward and "
        f"{check.backward_evaluations} backward evaluations, {check.seconds:.3f} s"
    )
    if check.file:
        yield f"repeat: gradcheck run {clean(check.file)} -k '{check.name}' --seed {check.seed}"


def _block(text: str, deeper: int = 0) -> str:
    return "\n".join(INDENT + " " * deeper + line for line in text.split("\n"))


def _table(columns: tuple[str, ...], rows: list[list[str]], options: Options) -> str:
    """A table, or where the terminal is too narrow for it the same as lines: no number is ever cut."""
    import io

    from rich.box import ASCII2, SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=ASCII2 if options.ascii_only else SIMPLE_HEAD, pad_edge=False, header_style="bold")
    for name in columns:
        number = any(word in name for word in ("error", "bound", "claimed", "numeric", "entries"))
        table.add_column(Text(name), justify="right" if number else "left", no_wrap=True)
    for row in rows:
        table.add_row(*(_cell(clean(value)) for value in row))
    wide = Console(file=io.StringIO(), width=100_000)
    needed = wide.measure(table).maximum
    if options.width is not None and needed + len(INDENT) > options.width:
        return "\n".join(_block(_as_lines(columns, row)) for row in rows)
    console = Console(
        file=io.StringIO(),
        width=needed,
        force_terminal=options.color,
        no_color=not options.color,
        color_system="standard" if options.color else None,
        legacy_windows=False,
    )
    console.print(table)
    text: str = console.file.getvalue()  # type: ignore[attr-defined]
    return "\n".join(INDENT + line.rstrip() for line in text.strip("\n").split("\n"))


def _cell(value: str) -> Any:
    from rich.text import Text

    styles = {"PASS": "green", "FAIL": "red", "OPEN": "yellow"}
    return Text(value, style=styles.get(value.split(" ")[0], ""))


def _as_lines(columns: tuple[str, ...], row: list[str]) -> str:
    first, *rest = zip(columns, row, strict=True)
    return "\n".join([f"{first[0]} {clean(first[1])}", *(f"  {name} {clean(value)}" for name, value in rest if value)])
