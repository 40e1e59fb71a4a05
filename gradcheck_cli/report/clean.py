"""The one place where text from outside is made safe to show."""

from __future__ import annotations

_ASCII = {
    "±": "+/-",
    "×": "x",
    "·": "-",
    "→": "->",
    "≤": "<=",
    "…": "...",
    "─": "-",
    "━": "-",
    "│": "|",
    "╷": " ",
    "╵": " ",
    "┼": "+",
    "╭": "+",
    "╮": "+",
    "╰": "+",
    "╯": "+",
}
_BIDI = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u2028\u2029")


def clean(text: str) -> str:
    """`text` without anything a terminal would act on: control and bidirectional characters are spelt out."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(c if _harmless(c) else c.encode("unicode_escape").decode() for c in text)


def _harmless(char: str) -> bool:
    return char == "\n" or (char.isprintable() and char not in _BIDI)


def to_ascii(text: str) -> str:
    """`text` for an output that knows ASCII only."""
    if text.isascii():
        return text
    return "".join(_ASCII.get(c, c) for c in text).encode("ascii", "backslashreplace").decode()
