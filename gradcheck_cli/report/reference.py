"""The references that the command line prints: ops and findings."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

from gradcheck_cli.errors import UsageError, did_you_mean


def describe_ops(names: Iterable[str]) -> str:
    """Every op (or those named): signature, family, and per input its derivative, `g` being the output's cotangent."""
    from gradcheck_cli.engine.ops import ALIASES, public_ops

    table = public_ops()
    wanted = [ALIASES.get(name, name) for name in names] or list(table)
    for name in wanted:
        if name not in table:
            raise UsageError(f"there is no op {name!r}{_or(did_you_mean(name, table))}")
    return "\n".join(line for name in wanted for line in _describe_op(table[name])) + "\n"


def _describe_op(op: Any) -> Iterator[str]:
    yield f"{op.text}  [{op.family.name}]"
    sources = _rule_sources()
    for name, rule in op.rules.items():
        if op.family.name == "composite":
            continue
        yield f"    d/d{name}: {'no derivative' if rule is None else sources.get((op.name, name), 'moved back to its place')}"
    if op.family.name == "composite":
        yield f"    is {sources.get((op.name, ''), 'written with other ops')}"


@cache
def _rule_sources() -> dict[tuple[str, str], str]:
    """The rules as they stand in the op table's own text, by op and input; of a longer rule its first line of docs."""
    from gradcheck_cli.engine import ops

    found: dict[tuple[str, str], str] = {}
    for path in sorted(Path(ops.__file__).parent.glob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        documented = {f.name: (ast.get_docstring(f) or f.name) for f in tree.body if isinstance(f, ast.FunctionDef)}
        for node in tree.body:
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call) and node.value.args:
                text = node.value.args[0]
                if isinstance(text, ast.Constant) and isinstance(text.value, str) and "(" in text.value:
                    found |= _sources_of(text.value.partition("(")[0], node.value, documented)
    return found


def _sources_of(name: str, call: ast.Call, documented: dict[str, str]) -> dict[tuple[str, str], str]:
    parts: dict[str, ast.expr] = {str(k.arg): k.value for k in call.keywords}
    if len(call.args) > 2:  # composite(text, tensors, definition)
        parts[""] = call.args[2]
    return {(name, key): _rule_text(value, documented) for key, value in parts.items()}


def _rule_text(node: ast.expr, documented: dict[str, str]) -> str:
    if isinstance(node, ast.Lambda):
        return ast.unparse(node.body)
    if isinstance(node, ast.Name):
        return "0" if node.id == "zero" else documented.get(node.id, node.id).split("\n\n")[0].replace("\n", " ")
    return ast.unparse(node)


def describe_codes(codes: Iterable[str]) -> str:
    """What findings mean; without codes the table of all."""
    from gradcheck_cli.check.findings import CODES

    wanted = [code.upper() for code in codes]
    for code in wanted:
        if code not in CODES:
            raise UsageError(f"there is no finding {code!r}{_or(did_you_mean(code, CODES))}")
    if not wanted:
        return "".join(f"{code}  {c.verdict:<12}  {c.title}\n" for code, c in CODES.items())
    return "\n".join(map(_page, wanted))


def _page(code: str) -> str:
    """What one finding means, with an example that leads to it and one that does not."""
    from gradcheck_cli.check.examples import EXAMPLES, WITHOUT_EXAMPLE
    from gradcheck_cli.check.findings import CODES

    verdict, title, text = CODES[code]
    parts = [f"{code} ({verdict}): {title}\n\n{_wrap(text)}\n"]
    if code in EXAMPLES:
        parts += [f"\n{word}:\n\n{_indented(text)}\n" for word, text in zip(("Wrong", "Right"), EXAMPLES[code], strict=True)]
    else:
        parts.append(f"\n{_wrap(WITHOUT_EXAMPLE[code])}\n")
    return "".join(parts)


FAMILIES = {
    "GC1": "The contract of rules",
    "GC2": "Values",
    "GC3": "Undecided",
    "GC4": "Expectations",
    "GC5": "Errors",
    "GC6": "Notes",
}
"""What the first digit of a code says."""
PAGE_WIDTH = 128
"""Of the documents' lines."""
_HEAD = """\
# Findings

What a check can find. `gradcheck explain CODE` prints the same. Below each finding stand a function that leads to it and one
that does not: what starts with `inputs:` is the body of a function in a spec, the rest is Python, with `import numpy as np` and
`from gradcheck_cli import verify` before it. The tests run all of them.

The verdict of a check is that of its worst finding: `error` before `fail` before `inconclusive`. A `note` changes no verdict.
How the values are judged is said in [verdicts.md](verdicts.md).
"""


def findings_document() -> str:
    """All findings in Markdown: `docs/findings.md`."""
    from gradcheck_cli.check.findings import CODES

    parts = [_HEAD]
    for family, heading in FAMILIES.items():
        codes = sorted(code for code in CODES if code.startswith(family))
        rows = [f"| [{c}](#{_anchor(c)}) | {CODES[c].verdict} | {CODES[c].title} |\n" for c in codes]
        parts += [f"\n## {heading}\n\n| code | verdict | title |\n|---|---|---|\n", *rows, *map(_section, codes)]
    return "".join(parts)


def _anchor(code: str) -> str:
    """What GitHub and GitLab call the heading of a finding."""
    from gradcheck_cli.check.findings import CODES

    return f"{code} {CODES[code].title}".lower().replace(" ", "-").replace(",", "")


def _section(code: str) -> str:
    from gradcheck_cli.check.examples import EXAMPLES, WITHOUT_EXAMPLE
    from gradcheck_cli.check.findings import CODES

    verdict, title, text = CODES[code]
    parts = [f"\n### {code} {title}\n\n{_wrap(f'Verdict: {verdict}. {text}', PAGE_WIDTH)}\n"]
    if code in EXAMPLES:
        for word, example in zip(("Wrong", "Right"), EXAMPLES[code], strict=True):
            language = "yaml" if example.lstrip().startswith("inputs:") else "python"
            parts.append(f"\n{word}:\n\n```{language}\n{example.strip(chr(10))}\n```\n")
    else:
        parts.append(f"\n{_wrap(WITHOUT_EXAMPLE[code], PAGE_WIDTH)}\n")
    return "".join(parts)


def _indented(text: str) -> str:
    return "\n".join(f"    {line}" if line else "" for line in text.strip("\n").split("\n"))


def _wrap(text: str, width: int = 80) -> str:
    from textwrap import fill

    return fill(text, width, break_on_hyphens=False)


def _or(hint: str) -> str:
    return f"; {hint}" if hint else ""
