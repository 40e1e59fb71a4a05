"""The rules of SARIF: what `gradcheck explain` says of each finding."""

from __future__ import annotations

from typing import Any

from gradcheck_cli.check.examples import EXAMPLES
from gradcheck_cli.check.findings import CODES
from gradcheck_cli.report.clean import fenced
from gradcheck_cli.report.remarks import INVALID, INVALID_TITLE, LEVELS

RULES = (INVALID, *CODES)
"""Their ids; a result's ruleIndex counts in them."""
_INVALID_HELP = (
    "The spec file cannot be used: something in it is misspelt, missing or of the wrong kind. The message says what must hold "
    "there and what was found. Nothing in the file is checked until it is mended; `docs/spec-reference.md` describes all that "
    "a spec can say."
)
_SEVERITIES = {"error": "error", "warning": "warning", "note": "recommendation"}
"""What GitHub calls the levels."""


def rules() -> list[dict[str, Any]]:
    """In the order of `RULES`."""
    known = [_rule(code, c.title, c.help, LEVELS[c.verdict]) for code, c in CODES.items()]
    return [_rule(INVALID, INVALID_TITLE, _INVALID_HELP, "error"), *known]


def _rule(id: str, title: str, text: str, level: str) -> dict[str, Any]:
    return {
        "id": id,
        "name": "".join(word.capitalize() for word in title.replace("-", " ").replace(",", " ").split()),
        "shortDescription": {"text": title},
        "fullDescription": {"text": text},
        "help": {"text": _help(id, text, markdown=False), "markdown": _help(id, text, markdown=True)},
        "defaultConfiguration": {"level": level},
        "properties": {"tags": ["gradient"], "precision": "very-high", "problem.severity": _SEVERITIES[level]},
    }


def _help(id: str, text: str, markdown: bool) -> str:
    parts = [text]
    for word, example in zip(("Wrong", "Right"), EXAMPLES.get(id, ()), strict=False):
        code = example.strip("\n")
        parts += [f"{word}:", fenced(code, "yaml" if code.startswith("inputs:") else "python") if markdown else code]
    return "\n\n".join(parts)
