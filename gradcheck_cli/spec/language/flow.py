"""Which names of a block hold tensors: found once, before the block is translated.

A name counts as static if every value that the block ever gives it depends on static values only. That is a little
stricter than following the order of the statements, and it needs no second look at loops.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence

from gradcheck_cli.spec.language.access import MEASURES
from gradcheck_cli.spec.language.nodes import BRANCHES, signs, walk

PARTS_PER_STATEMENT = 16
"""A long statement counts as several, of this many names, signs and calls each."""

_ONCE = {**BRANCHES, ast.For: ("iter",)}
_SHAPE_CALLS = {*MEASURES, "len"}


def statements_in(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """All statements, those inside loops and choices too."""
    for statement in body:
        yield statement
        if isinstance(statement, ast.For | ast.If):
            yield from statements_in(statement.body)
            yield from statements_in(statement.orelse)


def cost_of(body: Sequence[ast.stmt]) -> int:
    """What it costs to run statements once, counted in statements; the bodies of loops count for themselves."""
    nodes = [node for statement in body for node, _ in walk(statement, _ONCE)]
    return cost(sum(1 + signs(node) for node in nodes), sum(isinstance(node, ast.stmt) for node in nodes))


def cost(parts: int, statements: int = 0) -> int:
    """The same from the number of names, signs and calls."""
    return 1 + statements + parts // PARTS_PER_STATEMENT


def assigned_in(body: list[ast.stmt]) -> list[str]:
    """The names that are bound anywhere in `body`, loop variables too, in the order of the text."""
    found: dict[str, None] = {}
    for statement in statements_in(body):
        for target in _targets(statement):
            found.update(dict.fromkeys(_names_of(target)))
    return [*found]


def tensor_names(body: list[ast.stmt], tensors: frozenset[str], functions: frozenset[str]) -> frozenset[str]:
    """Names that hold a tensor: `tensors`, and whatever is computed from one, or by one of `functions`."""
    edges = [edge for statement in statements_in(body) for edge in _edges(statement, functions)]
    found = set(tensors)
    while True:
        new = {name for name, mentioned, called in edges if called or not found.isdisjoint(mentioned)} - found
        if not new:
            return frozenset(found)
        found |= new


def _targets(statement: ast.stmt) -> list[ast.expr]:
    if isinstance(statement, ast.Assign):
        return statement.targets
    if isinstance(statement, ast.AugAssign | ast.For):
        return [statement.target]
    return []


def _names_of(target: ast.expr) -> list[str]:
    if isinstance(target, ast.Tuple | ast.List):
        return [name for item in target.elts for name in _names_of(item)]
    while isinstance(target, ast.Subscript):
        target = target.value
    return [target.id] if isinstance(target, ast.Name) else []


def _edges(statement: ast.stmt, functions: frozenset[str]) -> Iterator[tuple[str, set[str], bool]]:
    """(name, the names that its new value depends on, whether a function of the file is called)."""
    if not isinstance(statement, ast.Assign | ast.AugAssign):
        return
    for target in _targets(statement):
        value = statement.value
        pairs = [(target, value)]
        if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple) and len(target.elts) == len(value.elts):
            pairs = [*zip(target.elts, value.elts, strict=True)]
        for into, source in pairs:
            sources = [source, *([into.slice] if isinstance(into, ast.Subscript) else [])]
            mentioned, called = _mentions(sources, functions)
            for name in _names_of(into):
                yield name, mentioned, called


def _mentions(nodes: list[ast.expr], functions: frozenset[str]) -> tuple[set[str], bool]:
    mentioned: set[str] = set()
    called = False
    stack: list[ast.AST] = [*nodes]
    while stack:
        node = stack.pop()
        if isinstance(node, ast.Name):
            mentioned.add(node.id)
        elif isinstance(node, ast.Attribute) and node.attr in MEASURES:
            continue
        elif isinstance(node, ast.Call):
            function = node.func
            name = function.id if isinstance(function, ast.Name) else getattr(function, "attr", "")
            called |= isinstance(function, ast.Name) and name in functions
            if name in _SHAPE_CALLS and name not in functions:
                continue
            stack += [*node.args, *(keyword.value for keyword in node.keywords)]
            stack += [function.value] if isinstance(function, ast.Attribute) else []
        else:
            stack += ast.iter_child_nodes(node)
    return mentioned, called
