"""Text to Python's syntax tree, under caps: nothing that Python's parser could choke on reaches it."""

from __future__ import annotations

import ast
import re
import warnings
from itertools import accumulate
from typing import TYPE_CHECKING

from gradcheck_cli.spec import limits
from gradcheck_cli.spec.language.nodes import signs, walk
from gradcheck_cli.spec.language.pieces import Place, Refusal

if TYPE_CHECKING:
    from gradcheck_cli.spec.document import Text

_CLOSING = {")": "(", "]": "[", "}": "{"}
_LOOKALIKES = {
    "\N{MINUS SIGN}": "-", "\N{EN DASH}": "-", "\N{MULTIPLICATION SIGN}": "*", "\N{MIDDLE DOT}": "*",
    "\N{DOT OPERATOR}": "*", "\N{DIVISION SIGN}": "/", "\N{SUPERSCRIPT TWO}": "**2", "\N{SUPERSCRIPT THREE}": "**3",
    "\N{GREEK SMALL LETTER PI}": "pi", "\N{INFINITY}": "inf", "\N{NO-BREAK SPACE}": "a plain space",
    "\N{LEFT SINGLE QUOTATION MARK}": "'", "\N{RIGHT SINGLE QUOTATION MARK}": "'",
    "\N{LESS-THAN OR EQUAL TO}": "<=", "\N{GREATER-THAN OR EQUAL TO}": ">=", "\N{NOT EQUAL TO}": "!=",
}  # fmt: skip
_NESTING = ("**", "not", "lambda", "else", "await", "yield")
_MARK = re.compile(
    rf"""'[^']*'?|"[^"]*"?|[([{{)\]}}#\\]|[-+~*](?: *[-+~*]){{{limits.EXPRESSION_DEPTH}}}""",
)
"""What a line is scanned for: strings, brackets, comments, backslashes, and operators in too long a row."""


class Parsed:
    """A syntax tree, and where its nodes stand in the text: `starts` has the offset of each line that was parsed."""

    __slots__ = ("_starts", "parts", "text", "tree")

    def __init__(self, text: Text, starts: list[int]) -> None:
        self.text = text
        self.tree: ast.AST = ast.Pass()
        self.parts = 0
        """How many nodes stand below its root, contexts and operators counted too."""
        self._starts = [*starts, len(text.value) + 1]

    def place(self, node: ast.AST) -> Place:
        """Where `node` starts."""
        return Place(self.text, self._starts[getattr(node, "lineno", 1) - 1] + getattr(node, "col_offset", 0))

    def place_at(self, line: int, column: int) -> Place:
        """A place that the parser named: line from 1, column from 0; some lie behind the end of their line."""
        line = min(line, len(self._starts) - 1)
        return Place(self.text, min(self._starts[line - 1] + column, self._starts[line] - 1))


def parse_expression(text: Text) -> Parsed:
    """One expression; line breaks count as spaces. Raises Refusal."""
    joined = " ".join([line[:-1] + " " if line.endswith("\\") else line for line in _scan(text)])
    stripped = joined.lstrip()
    parsed = Parsed(text, [len(joined) - len(stripped)])
    if not stripped:
        raise Refusal(Place(text, 0), "an expression is expected here, this is empty")
    tree = _parse(parsed, stripped.rstrip(), "eval")
    assert isinstance(tree, ast.Expression)
    parsed.tree = tree.body
    return parsed


def parse_block(text: Text) -> Parsed:
    """Statements. Raises Refusal."""
    lines = _scan(text)
    parsed = Parsed(text, _starts(lines))
    parsed.tree = _parse(parsed, "\n".join(lines), "exec")
    return parsed


def _starts(lines: list[str]) -> list[int]:
    """The offset of each line of a text."""
    return [*accumulate([len(line) + 1 for line in lines[:-1]], initial=0)]


def _parse(parsed: Parsed, source: str, mode: str) -> ast.AST:
    try:
        tree = _tree(source, mode)
    except SyntaxError as error:
        hint = "an assignment or a return needs a block: `forward: |` and one statement a line" if (
            mode == "eval" and _is_block(source)
        ) else ""  # fmt: skip
        line = error.lineno or 1
        end = len((source.split("\n")[line - 1 : line] or [""])[0])  # the parser says 0 for the end of the text
        place = parsed.place_at(line, max(error.offset, 1) - 1 if error.offset else end)
        message = "this number has too many digits" if "digits" in error.msg else str(error.msg)[:200]
        raise Refusal(place, message, hint) from None
    except (ValueError, MemoryError, RecursionError):
        raise Refusal(parsed.place_at(1, 0), "this is nested too deeply to be read") from None
    _measure(parsed, tree)
    return tree


def _tree(source: str, mode: str) -> ast.AST:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the parser warns about `1if x`
        tree: ast.AST = ast.parse(source, mode=mode)
    return tree


def _is_block(source: str) -> bool:
    try:
        _tree(source, "exec")
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return False
    return True


def _measure(parsed: Parsed, tree: ast.AST) -> None:
    """Count nodes and depth, and refuse too many."""
    nodes = walk(tree)
    for count, (node, depth) in enumerate(nodes, 1):
        if depth > limits.EXPRESSION_DEPTH:
            raise Refusal(
                parsed.place(node),
                f"this is nested more than {limits.EXPRESSION_DEPTH} deep",
                "name the parts in a block; a long sum nests by one for each term",
            )
        if count > limits.EXPRESSION_NODES:
            parts = sum(1 for _ in ast.walk(tree))
            message = f"this has more than {limits.EXPRESSION_NODES} parts: {parts}"
            raise Refusal(parsed.place(node), message, limits.hint("EXPRESSION_NODES", parts))
    parsed.parts = sum([1 + signs(node) for node, _ in nodes[1:]])


def _scan(text: Text) -> list[str]:
    """The lines with their comments blanked, once characters, strings, brackets and runs of operators are in order."""
    found = len(text.value)
    if found > limits.EXPRESSION_CHARACTERS:
        message = f"this text is longer than {limits.EXPRESSION_CHARACTERS} characters: {found}"
        raise Refusal(Place(text, 0), message, limits.hint("EXPRESSION_CHARACTERS", found))
    lines = text.value.split("\n")
    scanner = _Scanner(text)
    cleaned = [scanner.line(start, line) for start, line in zip(_starts(lines), lines, strict=True)]
    if scanner.brackets:
        bracket, at = scanner.brackets[-1]
        hint = "between { } YAML ends a text at a comma; put the expression in quotes" if text.stops_at_comma else ""
        raise Refusal(Place(text, at), f"'{bracket}' is never closed", hint)
    return cleaned


class _Scanner:
    """Reads line by line what Python's tokenizer would, as far as strings, comments and brackets go."""

    def __init__(self, text: Text) -> None:
        self.text = text
        self.brackets: list[tuple[str, int]] = []
        """Those that are open, and where they stand."""
        self.nesting = 0

    def line(self, start: int, line: str) -> str:
        """The line, which starts at this offset, with its comment blanked."""
        if not self.brackets:
            self.nesting = 0
        self.nesting += sum(map(line.count, _NESTING))
        if self.nesting > limits.EXPRESSION_DEPTH:
            raise Refusal(Place(self.text, start), "this line nests too many operators")
        end = len(line)
        for found in _MARK.finditer(line):
            if found[0] == "#":
                end = found.start()
                break
            self._mark(start + found.start(), found[0], found.end() == len(line))
        if not (line.isascii() and line.isprintable()):
            for at, char in enumerate(line):
                self._character(start + at, char, at >= end)
        return line[:end].ljust(len(line))

    def _mark(self, at: int, mark: str, last: bool) -> None:
        char = mark[0]
        if char in "([{":
            self.brackets.append((char, at))
            if len(self.brackets) > limits.EXPRESSION_DEPTH:
                raise self._refusal(at, f"brackets are nested more than {limits.EXPRESSION_DEPTH} deep")
        elif char in ")]}":
            self._close(at, char)
        elif char in "'\"":
            self._string(at, mark)
        elif char != "\\":
            raise self._refusal(at + len(mark) - 1, "too many operators in a row")
        elif not last:
            raise self._refusal(at, "a backslash is not part of the language", "break a long line inside brackets")

    def _close(self, at: int, char: str) -> None:
        if not self.brackets:
            raise self._refusal(at, f"'{char}' closes nothing")
        opening, opened = self.brackets.pop()
        if opening != _CLOSING[char]:
            before = self.text.value[:opened]
            where = f"line {before.count(chr(10)) + 1}, column {opened - before.rfind(chr(10))} of this text"
            raise self._refusal(at, f"'{char}' does not close the '{opening}' at {where}")

    def _string(self, at: int, string: str) -> None:
        if self.text.value.startswith(string[0] * 3, at):
            raise self._refusal(at, "triple quotes are not part of the language")
        if len(string) == 1 or string[-1] != string[0]:
            raise self._refusal(at, "this string is not closed")
        if "\\" in string:
            raise self._refusal(at, "a string holds no backslashes")

    def _character(self, at: int, char: str, in_comment: bool) -> None:
        if char in " \t" or (char.isprintable() and (in_comment or char.isascii())):
            return
        if char.isascii():
            raise self._refusal(at, f"the control character U+{ord(char):04X} cannot stand in an expression")
        instead = _LOOKALIKES.get(char, "")
        hint = f"write {instead}" if instead else "names, numbers and signs are plain ASCII"
        raise self._refusal(at, f"the character U+{ord(char):04X} is not part of the language", hint)

    def _refusal(self, at: int, message: str, hint: str = "") -> Refusal:
        return Refusal(Place(self.text, at), message, hint)
