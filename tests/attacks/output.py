"""Names and messages that would be more than text where they are shown."""

from __future__ import annotations

import json

from draws import drawn

from attacks.attack import RUN, Attack, function
from gradcheck_cli.report.formats import FORMATS

INJECTIONS = {
    "an escape code": "\x1b[31mred\x1b[0m",
    "a title": "\x1b]0;owned\x07",
    "a link": "\x1b]8;;http://evil\x1b\\text\x1b]8;;\x1b\\",
    "a carriage return": "right\rwrong",
    "a backspace": "fail\b\b\b\bpass",
    "C1": "\x9b31m",
    "bidi": "\u202egnirts\u2066",
    "zero width": "a\u200bb\ufeff",
    "a line separator": "a\u2028b\u2029c",
    "a workflow command": "x\n::error file=a::owned",
    "a workflow command, old": "##[error]owned",
    "stopped commands": "::stop-commands::token",
    "markup": "[red]bold[/red] [link=http://evil]x[/link]",
    "Markdown": "`code` **bold** [link](http://evil) ![image](http://evil) | cell | <b>",
    "a fence": "```\n# heading\n```",
    "HTML": "<script>alert(1)</script><img src=x onerror=alert(1)>",
    "an attribute": "\" onmouseover=\"alert(1)",
    "XML": "]]></failure><testcase name='owned'/>&entity;",
    "a DOCTYPE": "<!DOCTYPE x [<!ENTITY e SYSTEM 'file:///etc/passwd'>]>&e;",
    "DOT": "\"]; owned [label=\"x",
    "Mermaid": "x\"]; click owned callback",
    "a format": "{0.__class__} %s %n $(id) `id`",
    "a surrogate": "\ud800",
    "a private character": "\ue000\U000f0000",
    "tags": "\U000e0041\U000e0042",
    "a long word": "w" * 3000,
    "a null": "a\0b",
}  # fmt: skip
SAFE_ONCE = {"markup", "Markdown", "HTML", "an attribute", "XML", "a DOCTYPE", "DOT", "Mermaid", "a format",
             "a workflow command, old", "stopped commands", "a long word"}  # fmt: skip
CONTROLS = [chr(c) for c in (*range(9), *range(11, 32), 127, *range(128, 160))] + ["\u202e", "\u2066", "\u200b"]


def spec(text: str) -> str:
    """With the text in every place where a spec may have any."""
    named = json.dumps(text)
    return (
        f"functions:\n  f:\n    doc: {named}\n    source: {named}\n    inputs: {{x: 0.7}}\n    forward: sin(x)\n"
        f"    backward: {{x: grad * 2}}\n  {named}:\n    inputs: {{x: 1}}\n    forward: x\n"
    )


def in_expression(text: str) -> str:
    return (
        function("sin(x) + " + "unknown", "{x: grad}")
        .replace("unknown", "1")
        .replace("sin(x) + 1", json.dumps(f"sin(x) + {text}"))
    )


ATTACKS = [
    *(
        Attack(f"{format}: {name}", spec(text), frozenset({1, 2}), argv=(*RUN, "--output-format", format),
               silent=("Traceback", "is a bug in gradcheck", *CONTROLS))
        for f, format in enumerate(FORMATS)
        for k, (name, text) in enumerate(INJECTIONS.items())
        if drawn(k + f, 3)
    ),
    *(
        Attack(f"expression: {name}", in_expression(text), frozenset({2}), silent=("Traceback", "is a bug", *CONTROLS))
        for name, text in INJECTIONS.items()
    ),
]  # fmt: skip
