"""The pieces that pages are made of. Whatever comes from outside goes through `esc`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from gradcheck_cli.report.clean import for_html
from gradcheck_cli.report.table import NUMBERS

_EXPONENT = re.compile(r"[-+]?\d[\d.]*e[-+]\d+")
LONGEST = 160
"""Characters of a name in a headline."""


def esc(text: object) -> str:
    """For text and attributes of HTML."""
    return for_html(str(text))


def prose(text: str) -> str:
    """Text whose numbers are not broken at the sign of their exponents."""
    return _EXPONENT.sub(r'<span class="whole">\g<0></span>', esc(text))


def brief(name: str) -> str:
    """A name on one line, escaped, and shortened where it is very long."""
    shown = name if len(name) <= LONGEST else f"{name[: LONGEST - 1]}…"
    return esc(shown.replace("\n", " "))


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table that scrolls by itself where it is too wide; cells are HTML, title and headings are not."""
    kinds = [' class="n"' if any(word in name for word in NUMBERS) else "" for name in columns]
    head = "".join(f'<th scope="col"{kind}>{esc(name)}</th>' for kind, name in zip(kinds, columns, strict=True))
    body = "".join(
        "<tr>" + "".join(f"<td{kind}>{cell}</td>" for kind, cell in zip(kinds, row, strict=True)) + "</tr>" for row in rows
    )
    label = esc(title)
    return (
        f'<div class="table"><h4>{label}</h4><div class="wide" role="region" aria-label="{label}" tabindex="0">'
        f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div></div>"
    )


def n(number: float) -> str:
    """A length for SVG: at most two digits behind the point."""
    return f"{number:.2f}".rstrip("0").rstrip(".")
