"""Text to Python's syntax tree, under caps: nothing that Python's parser could choke on reaches it."""

from __future__ import annotations

import ast
import warnings
from bisect import bisect_right
from typing import TYPE_CHECKING

from gradcheck_cli.spec import limits
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
_SKIPPED = (ast.expr_context, ast.operator, ast.unaryop, ast.cmpop, ast.boolop)


class Parsed:
    """A syntax tree, and where its nodes stand in the text."""

    __slots__ = ("_offset", "_starts", "text", "tree")

    def __init__(self, text: Text, tree: ast.AST, starts: list[int] | None = None, offset: int = 0) -> None:
        self.text, self.tree, self._starts, self._offset = text, tree, starts, offset

    def place(self, node: ast.AST) -> Place:
        """Where `node` starts."""
        return self.place_at(getattr(node, "lineno", 1), getattr(node, "col_offset", 0))

    def place_at(self, line: int, column: int) -> Place:
        """A place that the parser named: line from 1, column from 0; an expression was parsed as one line."""
        if self._starts is None:
            return Place(self.text, line, column + 1)
        return _place_of(self.text, self._starts, column + self._offset)


def parse_expression(text: Text) -> Parsed:
    """One expression; line breaks count as spaces. Raises Refusal."""
    joined = " ".join(line[:-1] + " " if line.endswith("\\") else line for line in _scan(text))
    starts = [0]
    for line in text.value.split("\n"):
        starts.append(starts[-1] + len(line) + 1)
    stripped = joined.lstrip()
    parsed = Parsed(text, ast.Pass(), starts, len(joined) - len(stripped))
    if not stripped:
        raise Refusal(Place(text, 1, 1), "an expression is expected here, this is empty")
    tree = _parse(parsed, stripped.rstrip(), "eval")
    assert isinstance(tree, ast.Expression)
    parsed.tree = tree.body
    return parsed


def parse_block(text: Text) -> Parsed:
    """Statements. Raises Refusal."""
    parsed = Parsed(text, ast.Pass())
    parsed.tree = _parse(parsed, "\n".join(_scan(text)), "exec")
    return parsed


def _place_of(text: Text, starts: list[int], offset: int) -> Place:
    line = max(1, bisect_right(starts, offset, 0, len(starts) - 1))
    return Place(text, line, offset - starts[line - 1] + 1)


def _parse(parsed: Parsed, source: str, mode: str) -> ast.AST:
    try:
        tree = _tree(source, mode)
    except SyntaxError as error:
        hint = "an assignment or a return needs a block: `forward: |` and one statement a line" if (
            mode == "eval" and _is_block(source)
        ) else ""  # fmt: skip
        line = error.lineno or 1
        end = len((source.split("\n")[line - 1 : line] or [""])[0])  # the parser says 0 for the end of the text
        place = parsed.place_at(line, error.offset - 1 if error.offset else end)
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
    """Count nodes and depth without recursion."""
    count = 0
    stack = [(tree, 0)]
    while stack:
        node, depth = stack.pop()
        count += 1
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
        stack += [(c, depth + 1) for c in ast.iter_child_nodes(node) if not isinstance(c, _SKIPPED)]


def _scan(text: Text) -> list[str]:
    """The lines with their comments blanked, once characters, strings, brackets and runs of operators are in order."""
    found = len(text.value)
    if found > limits.EXPRESSION_CHARACTERS:
        message = f"this text is longer than {limits.EXPRESSION_CHARACTERS} characters: {found}"
        raise Refusal(Place(text, 1, 1), message, limits.hint("EXPRESSION_CHARACTERS", found))
    lines = text.value.split("\n")
    scanner = _Scanner(text)
    cleaned = [scanner.line(number, line) for number, line in enumerate(lines, 1)]
    if scanner.brackets:
        bracket, place = scanner.brackets[-1]
        hint = "between { } YAML ends a text at a comma; put the expression in quotes" if text.stops_at_comma else ""
        raise Refusal(place, f"'{bracket}' is never closed", hint)
    return cleaned


class _Scanner:
    """Reads line by line what Python's tokenizer would, as far as strings, comments and brackets go."""

    def __init__(self, text: Text) -> None:
        self.text = text
        self.brackets: list[tuple[str, Place]] = []
        self.nesting = 0

    def line(self, number: int, line: str) -> str:
        """The line with its comment blanked."""
        if not self.brackets:
            self.nesting = 0
        self.nesting += sum(map(line.count, _NESTING))
        if self.nesting > limits.EXPRESSION_DEPTH:
            raise Refusal(Place(self.text, number, 1), "this line nests too many operators")
        column, run = 0, 0
        while column < len(line) and line[column] != "#":
            char = line[column]
            run = run + 1 if char in "+-~*" else run if char == " " else 0
            if run > limits.EXPRESSION_DEPTH:
                raise Refusal(Place(self.text, number, column + 1), "too many operators in a row")
            column = self._step(number, line, column, char)
        if not (line[:column].isascii() and line.replace("\t", " ").isprintable()):
            for at, char in enumerate(line, 1):
                self._character(Place(self.text, number, at), char, at > column)
        return line[:column] + " " * (len(line) - column)

    def _step(self, number: int, line: str, column: int, char: str) -> int:
        if char not in "'\"\\([{)]}":
            return column + 1
        place = Place(self.text, number, column + 1)
        if char == "\\" and column < len(line) - 1:
            raise Refusal(place, "a backslash is not part of the language", "break a long line inside brackets")
        if char in "'\"":
            return self._string(place, line, column)
        if char in "([{":
            self.brackets.append((char, place))
            if len(self.brackets) > limits.EXPRESSION_DEPTH:
                raise Refusal(place, f"brackets are nested more than {limits.EXPRESSION_DEPTH} deep")
        elif char in ")]}":
            if not self.brackets:
                raise Refusal(place, f"'{char}' closes nothing")
            opening, opened = self.brackets.pop()
            if opening != _CLOSING[char]:
                where = f"line {opened.line}, column {opened.column} of this text"
                raise Refusal(place, f"'{char}' does not close the '{opening}' at {where}")
        return column + 1

    def _string(self, place: Place, line: str, column: int) -> int:
        quote = line[column]
        end = line.find(quote, column + 1)
        if line.startswith(quote * 3, column):
            raise Refusal(place, "triple quotes are not part of the language")
        if end < 0:
            raise Refusal(place, "this string is not closed")
        if "\\" in line[column:end]:
            raise Refusal(place, "a string holds no backslashes")
        return end + 1

    def _character(self, place: Place, char: str, in_comment: bool) -> None:
        if char in " \t" or (char.isprintable() and (in_comment or char.isascii())):
            return
        if char.isascii():
            raise Refusal(place, f"the control character U+{ord(char):04X} cannot stand in an expression")
        instead = _LOOKALIKES.get(char, "")
        hint = f"write {instead}" if instead else "names, numbers and signs are plain ASCII"
        raise Refusal(place, f"the character U+{ord(char):04X} is not part of the language", hint)
