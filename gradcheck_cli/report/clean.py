"""The one place where text from outside is made safe to show: `clean` for whatever reads it, and one function a language.

In all of them control, bidirectional, invisible and lone surrogate characters are spelt out, as `clean` does.
"""

from __future__ import annotations

from typing import Any

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
_INVISIBLE = frozenset(
    "\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u2800\u3164\uffa0"
    + "".join(map(chr, (*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0))))
)
"""What nobody sees, of the characters that Python calls printable."""
PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 _.,()=")
"""What means nothing to Mermaid."""


def clean(text: str) -> str:
    """`text` without anything that a terminal or the log of a CI job would act on; it may have several lines."""
    if not (text.isascii() and text.isprintable()):
        text = "".join(c if _harmless(c) else c.encode("unicode_escape").decode() for c in text)
    return _disarmed(text) if "::" in text or "##[" in text else text


def _harmless(char: str) -> bool:
    return char == "\n" or (char.isprintable() and char not in _INVISIBLE)


def _disarmed(text: str) -> str:
    """GitHub's runner obeys `::command` at the start of any line that is printed, and `##[command]` anywhere in one."""
    import re

    return re.sub(r"(^|\s)::(?=[A-Za-z])", r"\1: :", text).replace("##[", "# #[")


def to_ascii(text: str) -> str:
    """`text` for an output that knows ASCII only."""
    if text.isascii():
        return text
    return "".join(_ASCII.get(c, c) for c in text).encode("ascii", "backslashreplace").decode()


def one_line(text: str, longest: int = 0) -> str:
    """Clean text without line breaks; with `longest` cut off there."""
    text = " ".join(clean(text).split("\n"))
    return text if not longest or len(text) <= longest else f"{text[: longest - 3]}..."


# Languages.


def for_xml(text: str) -> str:
    """For text and attributes of XML."""
    text = clean(text)
    for char, entity in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ('"', "&quot;"), ("'", "&#39;")):
        text = text.replace(char, entity)
    return text


for_html = for_xml
"""For text and quoted attributes of HTML."""


def for_json(data: Any) -> str:
    """Plain data as JSON, all ASCII, with its texts cleaned."""
    import json

    return json.dumps(_cleaned(data), indent=1, allow_nan=False) + "\n"


def _cleaned(data: Any) -> Any:
    if isinstance(data, str):
        return clean(data)
    if isinstance(data, dict):
        return {clean(key): _cleaned(value) for key, value in data.items()}
    return [_cleaned(value) for value in data] if isinstance(data, list | tuple) else data


def for_github(text: str) -> str:
    """For the message of a workflow command."""
    return clean(text).replace("%", "%25").replace("\n", "%0A")


def for_github_property(text: str) -> str:
    """For a property of a workflow command."""
    return for_github(text).replace(":", "%3A").replace(",", "%2C")


def for_markdown(text: str) -> str:
    """As code in a line or in a cell of a table. Nothing in it acts: no markup, no HTML, no link, no mention, no emoji."""
    coded = "".join(c if c.isalnum() or c in " ,;./()=" else f"&#{ord(c)};" for c in one_line(text))
    return f"<code>{coded.replace('www.', 'www&#46;').replace('WWW.', 'WWW&#46;')}</code>" if coded.strip() else ""


def fenced(text: str, language: str = "text") -> str:
    """A code block of Markdown, with a fence that nothing in the text ends."""
    text = clean(text)
    fence = "```"
    while fence in text:
        fence += "`"
    return f"{fence}{language}\n{text}\n{fence}"


def for_dot(*lines: str) -> str:
    """A quoted string that Graphviz shows as these lines; neither an escape nor an HTML entity that they hold acts."""
    return '"' + "\\n".join("".join(map(_dot_character, one_line(line))) for line in lines) + '"'


def _dot_character(char: str) -> str:
    """Graphviz reads codes of at most 16 bits: of what lies beyond, the code is shown."""
    if ord(char) > 0xFFFF:
        return f"U+{ord(char):X}"
    if char in '"\\':
        return "\\" + char
    return char if char.isascii() and char != "&" else f"&#{ord(char)};"


def for_mermaid(*lines: str) -> str:
    """A quoted label that shows these lines: every character that could mean something is an entity code.

    Two things act even so, and are written otherwise: `$$` begins mathematics, and the ligature fl is the first character
    of what Mermaid puts in a code's place before it reads the text.
    """
    harmless = (one_line(line).replace("$$", "$ $ ").replace("\ufb02", "fl") for line in lines)
    return '"' + "<br/>".join("".join(c if c in PLAIN else f"#{ord(c)};" for c in line) for line in harmless) + '"'
