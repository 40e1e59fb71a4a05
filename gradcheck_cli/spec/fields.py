"""Reading one field: its type, its range, and the mistake where it has another."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from itertools import islice

from gradcheck_cli.errors import Location, did_you_mean
from gradcheck_cli.spec import limits, scalars
from gradcheck_cli.spec.document import SHOWN_CHARACTERS, Mapping, Node, Refused, Scalar, Sequence, Source, Text, quote
from gradcheck_cli.spec.mistakes import Mistakes

BRACKET_HINT = "an expression that starts with a bracket must be quoted or stand in a block after |"
EMPTY_HINT = "text after # is a comment; quote a value that starts with #"


class Fields:
    """Reads the fields of one file; what is wrong goes into `mistakes` and is read as None."""

    def __init__(self, source: Source, mistakes: Mistakes) -> None:
        self.source, self.mistakes = source, mistakes

    def location(self, node: Node) -> Location:
        """Where `node` stands."""
        return self.source.location(node.line, node.column)

    def complain(self, node: Node, message: str, hint: str = "") -> None:
        """Report a mistake at `node`, unless one was reported there already."""
        if not isinstance(node, Refused):
            self.mistakes.append(self.source.mistake(self.location(node), message, hint))

    def expected(self, node: Node, what: str, must: str, hint: str = "") -> None:
        """Report that `what` must be something else than `node`."""
        if not hint and isinstance(node, Scalar) and node.is_null and self._comment_after(node):
            hint = EMPTY_HINT
        self.complain(node, f"{what} must be {must}; found {node}", hint)

    def unknown(self, node: Node, what: str, name: str, known: Iterable[str], are: str) -> None:
        """Report a name that is none of `known`, with the nearest one or with all of them."""
        known = [each for each in known if each.isprintable() and len(each) <= SHOWN_CHARACTERS]
        listed = ", ".join(known[:20]) + (", ..." if len(known) > 20 else "")
        hint = did_you_mean(name, known) or (f"{are}: {listed}" if known else "")
        self.complain(node, f"{what} {quote(name)}", hint)

    def mapping(self, node: Node, what: str, must: str = "a mapping") -> Mapping | None:
        """A mapping that is not empty."""
        if isinstance(node, Mapping) and node.entries:
            return node
        if isinstance(node, Mapping):
            self.complain(node, f"{what} must be {must}; found an empty one")
        else:
            self.expected(node, what, must)
        return None

    def keyed(self, node: Node, what: str, keys: Collection[str]) -> dict[str, Node] | None:
        """The entries of a mapping that has no other keys than these."""
        if not isinstance(node, Mapping):
            self.expected(node, what, f"a mapping with keys such as {', '.join(islice(keys, 3))}")
            return None
        for name, key in node.keys.items():
            if name not in keys:
                self.unknown(key, f"{what} has no key", name, keys, "its keys are")
        return {name: entry for name, entry in node.entries.items() if name in keys}

    def required(self, at: Node, what: str, node: Node, names: tuple[str, ...]) -> None:
        """Report the names that a mapping lacks, unless one of its keys is that name misspelt."""
        for name in names:
            if isinstance(node, Mapping) and name not in node.entries:
                misspelt = any(did_you_mean(key, (name,)) for key in islice(node.entries, 100))
                if not misspelt:
                    self.complain(at, f"{what} must have {name}")

    def expression(self, node: Node, what: str, must: str = "an expression") -> Text | None:
        """The text of an expression or of a block."""
        if not isinstance(node, Scalar):
            self.expected(node, what, must, BRACKET_HINT)
            return None
        if node.is_null or not node.value.strip():
            self.expected(node, what, must)
            return None
        found = len(node.value)
        if found > limits.EXPRESSION_CHARACTERS:
            message = f"{what} has at most {limits.EXPRESSION_CHARACTERS} characters; found {found}"
            self.complain(node, message, limits.hint("EXPRESSION_CHARACTERS", found))
            return None
        return Text(node.value, self.source, node.line, node.column, node.style)

    def line(self, node: Node, what: str) -> str:
        """One line of text; empty when it is something else, which is reported."""
        if not isinstance(node, Scalar) or node.is_null:
            self.expected(node, what, "a line of text")
            return ""
        text = node.value.strip()
        if "\n" in text:
            self.complain(node, f"{what} must be one line; found {text.count(chr(10)) + 1}", "after > lines are joined")
        return text

    def boolean(self, node: Node, what: str) -> bool | None:
        """`true` or `false`."""
        value = scalars.as_bool(node.value) if isinstance(node, Scalar) and not node.style else None
        if value is None:
            self.expected(node, what, "true or false")
        return value

    def number(
        self, node: Node, what: str, must: str = "a number", holds: Callable[[float], bool] | None = None
    ) -> float | None:
        """A number for which `holds` holds; `must` says so in words."""
        value = scalars.as_number(node.value) if isinstance(node, Scalar) and not node.style else None
        if value is not None:
            value = scalars.as_float(value)
        if value is None or (holds is not None and not holds(value)):
            self.expected(node, what, must, number_hint(node))
            return None
        return value

    def integer(self, node: Node, what: str, must: str, holds: Callable[[int], bool]) -> int | None:
        """A whole number for which `holds` holds; `must` says so in words."""
        value = scalars.as_integer(node.value) if isinstance(node, Scalar) and not node.style else None
        if value is None or not holds(value):
            self.expected(node, what, must, number_hint(node))
            return None
        return value

    def choice(self, node: Node, what: str, options: tuple[str, ...]) -> str | None:
        """One word of `options`."""
        if isinstance(node, Scalar) and node.value in options:
            return node.value
        hint = did_you_mean(node.value, options) if isinstance(node, Scalar) else ""
        self.expected(node, what, f"one of {', '.join(options)}", hint)
        return None

    def few(self, node: Mapping, limit: str) -> bool:
        """Whether a mapping has no more entries than the limit of that name."""
        most, found = getattr(limits, limit), len(node.entries)
        if found > most:
            self.complain(node, f"{limit.lower()}: at most {most} are allowed; found {found}", limits.hint(limit, found))
        return bool(found <= most)

    def _comment_after(self, node: Node) -> bool:
        return self.source.line(node.line)[node.column - 1 :].lstrip().startswith("#")


def number_hint(node: Node) -> str:
    """How to write what looks like a number and is none."""
    if not isinstance(node, Scalar):
        return "a single number is asked for here" if isinstance(node, Sequence) else ""
    text = node.value.strip()
    if node.style:
        return "take the quotes away" if scalars.as_number(text) is not None else ""
    if text.lstrip("+-").lower() in ("inf", "infinity", "nan"):
        return f"YAML writes {'.nan' if 'nan' in text.lower() else '.inf'}"
    if "_" in text and scalars.as_number(text.replace("_", "")) is not None:
        return "leave the _ out"
    if "," in text and scalars.as_number(text.replace(",", ".")) is not None:
        return "write a decimal point"
    return ""
