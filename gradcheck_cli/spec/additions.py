"""Edits that only mend: what was forgotten in a rule is put in, what is one too many is taken out."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import TypeGuard

from gradcheck_cli.spec import edit_sites as at
from gradcheck_cli.spec.edits import ATOM, PRODUCT, Edit, Editor, precedence
from gradcheck_cli.spec.rule_texts import NameGroups, RuleText

LINEAR, SUMMED, FACTOR, SUM, POWER, ONE = "linear", "added sum_to", "missing factor", "missing sum", "power", "number"
FIRST = (LINEAR, SUMMED)
"""Kinds that are as likely as the edits which corrupt a rule."""
LATER = (SUM, POWER, ONE, FACTOR)
"""Kinds that have many edits each, those with the most last."""
SUMS = ("", "axis=0", "axis=-1", "axis=-1, keepdims=True", "axis=0, keepdims=True", "keepdims=True")


def additions(rule: RuleText, groups: NameGroups, later: bool) -> Iterator[Edit]:
    """All edits of the first kinds, in the order of the text, or of the later ones, in the order of the kinds."""
    adder = _Adder(rule, groups, None)
    seen = {adder.text}
    for edit in adder.later() if later else adder.first():
        if edit.text not in seen:
            seen.add(edit.text)
            yield edit


class _Adder(Editor):
    def _sites(self) -> Iterator[at.Site]:
        for site in at.sites(self.parsed.tree):
            if site.role not in (at.COMPARED, at.LOGICAL) and not at.is_shape(site.node):
                yield site

    def first(self) -> Iterator[Edit]:
        """Sums to an input's shape, transposes of products, and what makes a rule linear in its cotangents."""
        for site in self._sites():
            yield from self._linear(site.node)
            if _is_matmul(site.node):
                yield from (self._replace("transpose", site.node, f"({self._piece(site.node)}).{end}") for end in ("T", "mT"))
        yield from self._summed(self.parsed.tree)

    def later(self) -> Iterator[Edit]:
        """Factors, sums and powers anywhere; kind by kind, in the order of `LATER`."""
        tight = {id(part) for node in ast.walk(self.parsed.tree) for part in _tight_parts(node)}
        sites = [site for site in self._sites() if not isinstance(site.node, ast.Tuple | ast.List)]
        for site in sites:
            if not isinstance(site.node, ast.Constant | ast.UnaryOp):
                yield from (self._sum(site.node, how) for how in SUMS)
        for kind in (POWER, ONE):
            for site in sites:
                yield from (edit for edit in self._numbers(site, id(site.node) in tight) if edit.kind == kind)
        inside = {id(part) for site in sites for part in _operands(site.node)}
        names = self._names_in_scope()
        for site in sites:
            if id(site.node) not in inside and site.role not in (at.TIGHT, at.EVEN):
                yield from self._multiplied(site.node, names, id(site.node) in tight)

    def _names_in_scope(self) -> list[str]:
        groups = self.groups
        every = (*groups.constants, *groups.inputs, *groups.saved, *groups.outputs[:1], *self.local, *groups.cotangents[:1])
        return list(dict.fromkeys(every))

    def _multiplied(self, node: ast.expr, names: list[str], tight: bool) -> Iterator[Edit]:
        """A product with one more name, or divided by it; `tight`: where it needs parentheses."""
        piece = self._piece(node, PRODUCT)
        right = piece if _is_plain(node) else f"({self._piece(node)})"
        for name in names:
            for changed in (f"{name} * {right}", f"{piece} / {name}"):
                yield self._replace(FACTOR, node, f"({changed})" if tight else changed)

    def _sum(self, node: ast.expr, how: str) -> Edit:
        return self._replace(SUM, node, f"sum({self._piece(node)}{', ' if how else ''}{how})")

    def _linear(self, node: ast.expr) -> Iterator[Edit]:
        if isinstance(node, ast.Call) and at.callee(node) == "abs" and at.receiver(node) is not None:
            inner = at.receiver(node)
            assert inner is not None
            yield self._replace(LINEAR, node, self._piece(inner, ATOM))
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow):
            yield self._replace(LINEAR, node, self._piece(node.left, ATOM))

    def _numbers(self, site: at.Site, tight: bool) -> Iterator[Edit]:
        """An exponent off by one, a square that is missing; a number off by one, 1 minus or plus a part."""
        node = site.node
        if not isinstance(node, ast.Constant):
            yield from (self._replace(ONE, node, f"(1 {sign} {self._piece(node, PRODUCT)})") for sign in "-+")
        if isinstance(node, ast.Name | ast.Call | ast.Attribute):
            squared = f"{self._piece(node)}**2"
            yield self._replace(POWER, node, f"({squared})" if tight else squared)
        elif isinstance(node, ast.Constant) and isinstance(node.value, int | float):
            kind = POWER if site.role == at.TIGHT else ONE
            for number in (node.value - 1, node.value + 1):
                yield self._replace(kind, node, f"{number:.17g}" if number >= 0 else f"({number:.17g})")

    def _summed(self, tree: ast.AST) -> Iterator[Edit]:
        """Every returned gradient, summed to its input's shape."""
        if isinstance(tree, ast.expr):
            returned = [(self.rule.name, tree)]
        else:
            returned = [pair for s in at.statements(tree) if isinstance(s, ast.Return) for pair in self._returned(s)]
        for name, node in returned:
            if name:
                yield self._replace(SUMMED, node, f"sum_to({self._piece(node)}, {name}.shape)")

    def _returned(self, statement: ast.Return) -> Iterator[tuple[str, ast.expr]]:
        if isinstance(statement.value, ast.Dict):
            keys = [key.id if isinstance(key, ast.Name) else "" for key in statement.value.keys]
            yield from zip(keys, statement.value.values, strict=True)
        else:
            yield from zip(self.groups.inputs, at.parts(statement.value), strict=False)


def _operands(node: ast.expr) -> list[ast.expr]:
    """The operands of an elementwise product or a sign: a factor before them is one before the whole."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult | ast.Div):
        return [node.left, node.right]
    return [node.operand] if isinstance(node, ast.UnaryOp) else []


def _is_matmul(node: ast.expr) -> TypeGuard[ast.BinOp]:
    return isinstance(node, ast.BinOp) and isinstance(node.op, ast.MatMult)


def _tight_parts(node: ast.AST) -> list[ast.expr]:
    """The parts of an expression that a product cannot stand for without parentheses."""
    if isinstance(node, ast.Attribute | ast.Subscript):
        return [node.value]
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.MatMult | ast.Div):
        return [node.right]
    return [node.left, node.right] if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow) else []


def _is_plain(node: ast.expr) -> bool:
    """Whether `k * node` needs no parentheses: `k * a * b` and `k * a / b` do not, `k * a @ b` would be another product."""
    return precedence(node) > PRODUCT or (isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult | ast.Div))
