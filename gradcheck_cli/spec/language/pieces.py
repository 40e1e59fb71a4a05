"""What translation passes around: places in the text, refusals, translated pieces, and their places at run time."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from gradcheck_cli.errors import EngineError, SpecError

if TYPE_CHECKING:
    from gradcheck_cli.errors import Mistake
    from gradcheck_cli.spec.document import Text

STATIC, TENSOR, SEQUENCE, SEVERAL = "static", "tensor", "sequence", "several"
TEXT, NONE, ELLIPSIS, BROKEN = "text", "none", "ellipsis", "broken"

VALUES = frozenset({STATIC, TENSOR, SEQUENCE, BROKEN})
"""Kinds of one number, array or list."""

NUMBERS = frozenset({int, float, bool, complex})
SEQUENCES = frozenset({tuple, list})
PLAIN = NUMBERS | SEQUENCES | {str}

EXPECTED = (ValueError, TypeError, LookupError, ArithmeticError, MemoryError, RecursionError, EngineError)
"""What running an expression may raise without being a bug of ours; RuleError, an EngineError, is let through."""


class Place:
    """One character of an expression's text."""

    __slots__ = ("offset", "text")

    def __init__(self, text: Text, offset: int) -> None:
        self.text, self.offset = text, offset

    def mistake(self, message: str, hint: str = "") -> Mistake:
        """A mistake at this place of the file."""
        return self.text.mistake(self.offset, message, hint)

    def error(self, message: str, hint: str = "") -> SpecError:
        """The same, ready to raise."""
        return SpecError([self.mistake(message, hint)])

    def trouble(self, what: str, error: BaseException, values: tuple[Any, ...] = ()) -> SpecError:
        """The error for `what` (an operator or a function) that raised on `values`; their shapes are named."""
        message = _reason(error)
        shapes = [str(value.shape) for value in values if type(value) not in PLAIN and hasattr(value, "shape")]
        if shapes and "shape" not in message:
            message += f" (of shape {' and '.join(shapes[:4])})"
        return self.error(f"{what}: {message}")


def _reason(error: BaseException) -> str:
    if isinstance(error, MemoryError):
        return "there is not enough memory for the result"
    if isinstance(error, RecursionError):
        return "calls nest too deeply"
    if "in its core dimension" in str(error):  # NumPy's words for matmul name neither shape
        return "the sizes do not fit each other"
    if isinstance(error, OverflowError) and len(error.args) == 2:
        return "the result is too large for a float"
    message = str(error.args[0]) if isinstance(error, KeyError) and error.args else str(error)
    return message.strip().split("\n", 1)[0][:300] or type(error).__name__


class Refusal(Exception):  # noqa: N818 - it becomes a mistake
    """Translation stops here; `at` is the node (or the place) to point at."""

    def __init__(self, at: ast.AST | Place, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.at, self.message, self.hint = at, message, hint


class Piece:
    """A translated expression: `run(frame)` gives its value.

    `kind` says what the value is: STATIC, TENSOR, SEQUENCE (of which some are tensors), SEVERAL (a call's outputs),
    TEXT, NONE, ELLIPSIS, or BROKEN (a mistake was reported; no check complains about it again). `known` says that the
    value is `value`, whatever the frame; `count` is the number of SEVERAL values, 0 where it depends.

    What the most frequent kinds of `run` hold are defaults of further parameters: a closure has a cell for each of them, and a
    large file had so many that looking for garbage among them took longer than translating it.
    """

    __slots__ = ("count", "kind", "known", "run", "value", "what")

    def __init__(self, kind: str, run: Callable[[Any], Any], *, count: int = 0, what: str = "") -> None:
        self.kind, self.run, self.count, self.what = kind, run, count, what
        self.known = False
        self.value: Any = None


def constant(kind: str, value: Any) -> Piece:
    """A piece whose value is known now."""

    def run(frame: Any, value: Any = value) -> Any:
        return value

    piece = Piece(kind, run)
    piece.known, piece.value = True, value
    return piece


BROKEN_PIECE = Piece(BROKEN, lambda frame: None)


def kind_of(pieces: list[Piece] | tuple[Piece, ...]) -> str:
    """STATIC if nothing but static values go in, TENSOR otherwise, BROKEN if any is."""
    kind = STATIC
    for piece in pieces:
        if piece.kind == BROKEN:
            return BROKEN
        if piece.kind in (TENSOR, SEQUENCE, SEVERAL):
            kind = TENSOR
    return kind


def require_value(node: ast.AST, piece: Piece) -> None:
    """Refuse what is none of VALUES: a string, None, `...`, several outputs."""
    if piece.kind == TEXT:
        raise Refusal(node, "a string cannot be used here", "strings are only for functions that take one")
    if piece.kind == NONE:
        raise Refusal(node, "None cannot be used here")
    if piece.kind == ELLIPSIS:
        raise Refusal(node, "`...` stands only inside an index")
    if piece.kind == SEVERAL:
        count = piece.count or "several"
        raise Refusal(
            node, f"{piece.what} gives {count} values, one is needed here", f"pick one: {piece.what}(...)[0], or a, b = ..."
        )


def shown(name: str) -> str:
    """A name for a message: quoted, cut if it is very long."""
    return f"'{name}'" if len(name) <= 60 else f"'{name[:57]}...'"
