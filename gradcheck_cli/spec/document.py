"""The text of a spec file and places in it: what every later message points into.

A `Source` is the whole file; a `Text` is one expression or block of it, which knows where each of its
characters stands in the file, however YAML wrote it.
"""

from __future__ import annotations

from collections.abc import Iterator

from gradcheck_cli.errors import Location, Mistake

SHOWN_CHARACTERS = 60
"""How much of a found text a message quotes."""


def quote(text: str) -> str:
    """`text` between quotes, cut to one short line, with control and direction characters escaped."""
    if len(text) > SHOWN_CHARACTERS:
        text = text[: SHOWN_CHARACTERS - 3] + "..."
    return repr(text)


class Source:
    """A spec file's text, split into lines."""

    def __init__(self, path: str, text: str) -> None:
        self.path = path
        self.text = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
        self.lines = self.text.split("\n")

    def location(self, line: int, column: int) -> Location:
        """The place at `line` and `column`, both from 1; what lies behind the end of the file is its end."""
        if line > len(self.lines):
            line, column = len(self.lines), len(self.lines[-1]) + 1
        return Location(self.path, line, column)

    def mistake(self, location: Location, message: str, hint: str = "") -> Mistake:
        """A mistake at `location`, with the file's line there."""
        return Mistake(location, message, hint, _visible(self.line(location.line)))

    def line(self, number: int) -> str:
        """The file's line with this number, from 1; empty beyond the end."""
        return self.lines[number - 1] if 0 < number <= len(self.lines) else ""


def _visible(line: str) -> str:
    """`line` with every character that a terminal would act on replaced by one question mark."""
    if line.isprintable():
        return line
    return "".join(c if c.isprintable() or c == "\t" else "?" for c in line)


class Text:
    """An expression or a block, and where each of its characters stands in its file. A place in it is an offset into `value`.

    `line` and `column` (from 1) are where YAML's scalar starts: first letter, opening quote or `|`.
    `style` is YAML's: empty for a plain scalar, otherwise one of ``' " | >``.
    """

    def __init__(self, value: str, source: Source, line: int, column: int, style: str = "") -> None:
        self.value, self.source, self.style = value, source, style
        self.line, self.column = line, column
        self._places: tuple[tuple[int, int], ...] = ()

    @property
    def start(self) -> Location:
        """Where the scalar starts in the file."""
        return self.source.location(self.line, self.column)

    def location(self, offset: int) -> Location:
        """The file's place of one character of `value`, or of its end."""
        if not self._places:
            self._places = self._find_places()
        return self.source.location(*self._places[offset])

    @property
    def stops_at_comma(self) -> bool:
        """Whether YAML ended a scalar without quotes at a comma, as it does between braces and brackets."""
        return not self.style and self._behind().startswith(",")

    @property
    def stops_at_comment(self) -> bool:
        """Whether YAML ended a scalar without quotes at a comment."""
        return not self.style and self._behind().startswith("#")

    def _behind(self) -> str:
        """What stands behind the scalar on its last line."""
        end = self.location(len(self.value))
        return self.source.line(end.line)[end.column - 1 :].lstrip()

    def mistake(self, offset: int, message: str, hint: str = "") -> Mistake:
        """A mistake at one character of `value`, or at its end."""
        return self.source.mistake(self.location(offset), message, hint)

    def _find_places(self) -> tuple[tuple[int, int], ...]:
        """The file's line and column of every character of `value` and of its end.

        YAML folds lines and strips indentation, which touches white space only: the n-th visible character of
        the value is the n-th visible character of the file from the scalar's start. White space stands behind
        the visible character before it on its line, or else where the next visible one stands.
        """
        written = self._written()
        places: list[tuple[int, int] | None] = []
        last = self.line, self.column
        end = None if self.style in ("|", ">") else last
        for character in self.value:
            if not character.isspace():
                end = next(written, last)
            places.append(end)
            if character == "\n":
                end = None
            elif end is not None:
                end = last = end[0], end[1] + 1
        places.append(end)
        following = last
        filled = []
        for place in reversed(places):
            following = following if place is None else place
            filled.append(following)
        return tuple(reversed(filled))

    def _written(self) -> Iterator[tuple[int, int]]:
        """The file's places of visible characters from the scalar's first on; runs on beyond its end."""
        line, column = self.line, self.column
        if self.style in ("|", ">"):
            line, column = line + 1, 1
        elif self.style:
            column += 1
        for number in range(line, len(self.source.lines) + 1):
            row = self.source.lines[number - 1]
            at = column - 1 if number == line else 0
            while at < len(row):
                visible, width = self._character(row, at)
                if visible:
                    yield number, at + 1
                at += width

    def _character(self, row: str, at: int) -> tuple[bool, int]:
        """Whether what is written at `at` is one visible character of the value, and how long it is."""
        if self.style == "'" and row.startswith("''", at):
            return True, 2
        if self.style == '"' and row[at] == "\\":
            return _escape(row[at + 1 : at + 10])
        return not row[at].isspace(), 1


def _escape(rest: str) -> tuple[bool, int]:
    """Whether the double-quoted escape with `rest` behind its backslash is visible, and its whole length."""
    digits = {"x": 2, "u": 4, "U": 8}.get(rest[:1], 0)
    if digits:
        return not chr(int(rest[1 : 1 + digits], 16)).isspace(), 2 + digits
    return rest[:1] not in ("", " ", "\t", "n", "t", "r", "v", "f", "N", "_", "L", "P"), 2


class Node:
    """A value of the YAML tree and where it starts in the file."""

    __slots__ = ("column", "line")

    def __init__(self, line: int, column: int) -> None:
        self.line, self.column = line, column

    def __str__(self) -> str:
        """What a message calls this value."""
        return "something else"


class Scalar(Node):
    """A word, a number or a text; `style` is empty where it is written plainly, else one of ``' " | >``."""

    __slots__ = ("style", "value")

    def __init__(self, line: int, column: int, value: str, style: str) -> None:
        super().__init__(line, column)
        self.value, self.style = value, style

    @property
    def is_null(self) -> bool:
        """Whether YAML's core schema reads this as nothing at all."""
        return not self.style and self.value in ("", "~", "null", "Null", "NULL")

    def __str__(self) -> str:
        if self.is_null:
            return quote(self.value) + ", which is nothing" if self.value else "nothing"
        return quote(self.value)


class Sequence(Node):
    """A list."""

    __slots__ = ("items",)

    def __init__(self, line: int, column: int) -> None:
        super().__init__(line, column)
        self.items: list[Node] = []

    def __str__(self) -> str:
        return "a list"


class Mapping(Node):
    """Names and their values, in the file's order."""

    __slots__ = ("entries", "keys")

    def __init__(self, line: int, column: int) -> None:
        super().__init__(line, column)
        self.entries: dict[str, Node] = {}
        self.keys: dict[str, Scalar] = {}

    def __str__(self) -> str:
        return "a mapping"


class Refused(Node):
    """Stands where a mistake was reported already: whoever meets it stays silent."""

    __slots__ = ()
