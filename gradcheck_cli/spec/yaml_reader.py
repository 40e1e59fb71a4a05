"""YAML text to a located tree, from the parser's events.

Events do not nest on the stack and resolve nothing, so neither a deep file nor a clever one does harm: caps
on depth and on the number of values apply while reading. Keys are always text; what a scalar means is decided
later, by the key that asks for it. Anchors, aliases, merge keys and tags are refused: a spec stays small.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from gradcheck_cli.spec import limits
from gradcheck_cli.spec.document import Mapping, Node, Refused, Scalar, Sequence, Source, quote
from gradcheck_cli.spec.mistakes import Halt, Mistakes
from gradcheck_cli.spec.yaml_messages import describe_yaml_error

ALIAS_HINT = "quote an expression that starts with '*': \"*x\"; YAML's aliases are not used in specs"
ANCHOR_HINT = "quote an expression that starts with '&'; YAML's anchors are not used in specs"
TAG_HINT = "quote an expression that starts with '!'; YAML's tags are not used in specs"
MERGE_HINT = "write the keys out; values that all functions share go under 'defaults'"


def read_tree(source: Source, mistakes: Mistakes) -> Node | None:
    """The tree of the file's one document; None where there is none to go on with."""
    import yaml

    reader = _TreeReader(source, mistakes)
    try:
        if _refuse_characters(source, mistakes):
            return None
        # The C parser is many times faster; both give the same events.
        loader: Any = getattr(yaml, "CLoader", yaml.Loader)
        return reader.read(yaml.parse(source.text, Loader=loader))
    except Halt:
        return None
    except yaml.MarkedYAMLError as error:
        mistake = describe_yaml_error(source, error)
    except yaml.YAMLError as error:
        mistake = source.mistake(source.location(1, 1), f"this is not YAML: {quote(str(error))}")
    if all(known.location.line != mistake.location.line for known in mistakes):
        mistakes.append(mistake)
    return None


class _TreeReader:
    """Builds the tree: one open collection per level, and per level the key that waits for its value."""

    def __init__(self, source: Source, mistakes: Mistakes) -> None:
        self.source, self.mistakes = source, mistakes
        self.open: list[Node] = []
        self.waiting: list[Node | None] = []
        self.root: Node | None = None
        self.documents = self.values = 0

    def read(self, events: Iterable[Any]) -> Node | None:
        import yaml

        handlers: dict[type, Callable[[Any, int, int], None]] = {
            yaml.ScalarEvent: self.scalar,
            yaml.MappingStartEvent: self.mapping,
            yaml.SequenceStartEvent: self.sequence,
            yaml.MappingEndEvent: self.close,
            yaml.SequenceEndEvent: self.close,
            yaml.AliasEvent: self.alias,
            yaml.DocumentStartEvent: self.document,
        }
        for event in events:
            handle = handlers.get(type(event))
            if handle is not None:
                mark = event.start_mark
                handle(event, mark.line + 1, mark.column + 1)
        return self.root

    def document(self, event: Any, line: int, column: int) -> None:
        self.documents += 1
        if self.documents > 1:
            hint = "one file holds one spec; put further functions into other files"
            self.halt(line, column, "a second YAML document starts here", hint)
        if event.tags:
            self.complain(line, column, "a YAML tag directive", "take it out; tags are not used in specs")

    def alias(self, event: Any, line: int, column: int) -> None:
        self.complain(line, column, f"'*{_cut(event.anchor)}' is a YAML alias", ALIAS_HINT)
        self.add(Refused(line, column))

    def scalar(self, event: Any, line: int, column: int) -> None:
        self.count(line, column)
        if self.marked(event, line, column):
            self.add(Refused(line, column))
        else:
            self.add(Scalar(line, column, event.value, event.style or ""))

    def sequence(self, event: Any, line: int, column: int) -> None:
        self.start(event, Sequence(line, column))

    def mapping(self, event: Any, line: int, column: int) -> None:
        self.start(event, Mapping(line, column))

    def close(self, event: Any, line: int, column: int) -> None:
        self.open.pop()
        self.waiting.pop()

    def count(self, line: int, column: int) -> None:
        self.values += 1
        if self.values > limits.VALUES:
            message = f"a spec has at most {limits.VALUES} keys and values; here is one more"
            self.halt(line, column, message, limits.hint("VALUES", self.values))

    def start(self, event: Any, node: Node) -> None:
        self.count(node.line, node.column)
        if len(self.open) >= limits.NESTING:
            message = f"nesting must be at most {limits.NESTING} levels deep; here starts one more"
            self.halt(node.line, node.column, message)
        self.marked(event, node.line, node.column)
        self.add(node)
        self.open.append(node)
        self.waiting.append(None)

    def add(self, node: Node) -> None:
        """Put a finished scalar or an opened collection where it belongs."""
        parent = self.open[-1] if self.open else None
        if isinstance(parent, Mapping):
            key = self.waiting[-1]
            self.waiting[-1] = self.key(node, parent) if key is None else None
            if isinstance(key, Scalar):
                parent.keys[key.value], parent.entries[key.value] = key, node
        elif isinstance(parent, Sequence):
            parent.items.append(node)
        else:
            self.root = node

    def key(self, node: Node, parent: Mapping) -> Node:
        """The key that `node` is; Refused when its value is to be passed over."""
        if isinstance(node, Scalar):
            first = parent.keys.get(node.value)
            if first is None and (node.style or node.value != "<<"):
                return node
            if first is None:
                self.complain(node.line, node.column, "'<<' is YAML's merge key", MERGE_HINT)
            else:
                message = f"{quote(node.value)} is given twice: here and on line {first.line}"
                self.complain(node.line, node.column, message, "keep one of them")
        elif not isinstance(node, Refused):
            hint = "quote an expression that starts with a bracket, or use a block: |"
            self.complain(node.line, node.column, f"a key must be a name; found {node}", hint)
        return Refused(node.line, node.column)

    def marked(self, event: Any, line: int, column: int) -> bool:
        """Whether the value carries an anchor or a tag, which is reported."""
        if event.anchor is None and event.tag is None:
            return False
        if event.anchor is not None:
            self.complain(line, column, f"'&{_cut(event.anchor)}' is a YAML anchor", ANCHOR_HINT)
        else:
            tag = self.source.line(line)[column - 1 :].split(" ", 1)[0]
            self.complain(line, column, f"{quote(tag)} is a YAML tag", TAG_HINT)
        return True

    def complain(self, line: int, column: int, message: str, hint: str = "") -> None:
        self.mistakes.append(self.source.mistake(self.source.location(line, column), message, hint))

    def halt(self, line: int, column: int, message: str, hint: str = "") -> None:
        self.complain(line, column, message, hint)
        raise Halt


def _cut(name: str) -> str:
    return quote(name)[1:-1]


def _refuse_characters(source: Source, mistakes: Mistakes) -> bool:
    """Report the first character that a spec may not hold: controls, line separators, direction overrides."""
    if source.text.replace("\n", "").replace("\t", "").isprintable():
        return False
    for number, line in enumerate(source.lines, 1):
        for index, character in enumerate(line):
            if not character.isprintable() and _is_forbidden(ord(character)):
                message = f"the character U+{ord(character):04X} is not allowed in a spec"
                mistakes.append(source.mistake(source.location(number, index + 1), message, "take it out"))
                return True
    return False


def _is_forbidden(code: int) -> bool:
    """Whether a character that does not print may not stand in a spec; spaces of all widths may."""
    return (
        (code < 0x20 and code != 0x09)
        or 0x7F <= code < 0xA0
        or code in (0x2028, 0x2029, 0xFEFF)
        or 0x202A <= code <= 0x202E
        or 0x2066 <= code <= 0x2069
        or 0xD800 <= code < 0xE000
        or code & 0xFFFE == 0xFFFE
    )
