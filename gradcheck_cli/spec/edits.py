"""Systematic edits of a rule's text, one thing at a time: to corrupt a right rule, and to mend a wrong one.

An edit replaces a span of the text, and leaves the rest as it is written. Edits that change nothing by algebra alone (the sign
of one factor of a product instead of another) are left out; whether an edit gives a valid rule is for the compiler to say.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator
from typing import NamedTuple

from gradcheck_cli.errors import Location
from gradcheck_cli.spec import edit_sites as at
from gradcheck_cli.spec.edit_sites import Site
from gradcheck_cli.spec.rule_texts import NameGroups, RuleText

KINDS = (
    "sign", "factor", "dropped term", "dropped factor", "swapped name", "transpose", "dropped sum", "mean for sum",
    "nonlinear", "constant", "output for input",
)  # fmt: skip
"""The kinds that corrupt a rule."""
SWAPS = 3
"""A name is replaced by at most so many others of its group; None in its place: by all."""
OF_MATRICES = ("matmul", "dot", "inv", "pinv", "solve", "solve_triangular", "cholesky", "outer")
"""Functions of which a transpose may be forgotten."""
FACTORS = (2, 0.5)
OFF = (1e-3, 1e-6)
"""By how much of itself a constant is changed."""

_PRECEDENCE: dict[type[ast.AST], int] = {
    ast.IfExp: 1, ast.BoolOp: 2, ast.Not: 3, ast.Compare: 4, ast.BitOr: 5, ast.BitXor: 6, ast.BitAnd: 7,
    ast.Add: 9, ast.Sub: 9, ast.Mult: 10, ast.Div: 10, ast.FloorDiv: 10, ast.Mod: 10, ast.MatMult: 10,
    ast.USub: 11, ast.UAdd: 11, ast.Invert: 11, ast.Pow: 12,
}  # fmt: skip
ATOM, PRODUCT, UNARY = 14, 10, 11


class Edit(NamedTuple):
    """One change of a rule's text."""

    kind: str
    location: Location
    """Where the changed part starts in the file."""
    before: str
    after: str
    text: str
    """The whole new text."""
    span: tuple[int, int]
    """The changed part's place in the old text."""

    def __str__(self) -> str:
        return f"`{_short(self.before)}` to `{_short(self.after)}` at {self.location}"


def _short(text: str, most: int = 60) -> str:
    text = " ".join(text.split())
    return text if len(text) <= most else f"{text[: most - 20]} ... {text[-15:]}"


def edits(rule: RuleText, groups: NameGroups, kinds: Collection[str] = KINDS, swaps: int | None = SWAPS) -> Iterator[Edit]:
    """All edits of these kinds, in the order of the text."""
    editor = Editor(rule, groups, swaps)
    seen: set[str] = {editor.text}
    for edit in editor.all():
        if edit.kind in kinds and edit.text not in seen:
            seen.add(edit.text)
            yield edit


class Editor:
    """The edits of one text."""

    def __init__(self, rule: RuleText, groups: NameGroups, swaps: int | None) -> None:
        self.rule, self.groups, self.swaps = rule, groups, swaps
        # To corrupt a rule a few edits of each kind will do; to mend one all are wanted.
        self.covered = () if swaps is None else (at.RETURNED,)
        local = [name for name in rule.program.assigned if name not in rule.program.statics]
        self.local = tuple(name for name in local if not any(name in group for group in groups))
        self.parsed = rule.parsed()
        self.text = rule.text.value
        self.code = "\n".join(line.partition("#")[0].ljust(len(line)) for line in self.text.split("\n"))
        self.batched = any(word in self.text for word in (".mT", "swapaxes"))

    def all(self) -> Iterator[Edit]:
        """The edits of every site; of a site those of its outermost parts first."""
        tree = self.parsed.tree
        for site in at.sites(tree):
            if at.is_shape(site.node):
                continue
            yield from self._signs(site)
            yield from self._factors(site)
            if isinstance(site.node, ast.BinOp):
                yield from self._dropped(site.node)
            elif isinstance(site.node, ast.Call):
                yield from self._calls(site.node)
            elif isinstance(site.node, ast.Attribute) and site.node.attr in ("T", "mT"):
                yield self._replace("transpose", site.node, self._piece(site.node.value, ATOM))
            elif isinstance(site.node, ast.Name):
                yield from self._names(site.node)
                yield from self._transposed(site.node) if self.swaps is None else ()
            elif isinstance(site.node, ast.Constant):
                yield from self._constants(site)
        if isinstance(tree, ast.Module):
            yield from self._accumulations(tree)

    # Places and pieces.

    def _offset(self, line: int, column: int) -> int:
        return self.parsed.place_at(line, column).offset

    def _span(self, node: ast.expr) -> tuple[int, int]:
        end_line, end_column = node.end_lineno or node.lineno, node.end_col_offset or node.col_offset
        return self._offset(node.lineno, node.col_offset), self._offset(end_line, end_column)

    def _piece(self, node: ast.expr, above: int = 0) -> str:
        """The expression as written, in parentheses where what surrounds it binds tighter."""
        start, end = self._span(node)
        written = self.text[start:end]
        return written if precedence(node) >= above else f"({written})"

    def _edit(self, kind: str, span: tuple[int, int], new: str, before: str = "", after: str = "") -> Edit:
        start, end = span
        place = self.rule.text.location(start)
        text = self.text[:start] + new + self.text[end:]
        return Edit(kind, place, before or self.text[start:end], after or new, text, span)

    def _replace(self, kind: str, node: ast.expr, new: str) -> Edit:
        return self._edit(kind, self._span(node), new)

    # Signs and factors.

    def _signs(self, site: Site) -> Iterator[Edit]:
        node, role = site
        if role == at.ADDED:
            yield from self._flipped(node)
        if role in (at.FACTOR, at.EVEN, at.LOGICAL, at.ADDED, *self.covered) or not _is_number(node):
            return
        minus = next((part for part in product_parts(node) if _is_minus(part)), None)
        if isinstance(minus, ast.UnaryOp):
            yield self._replace("sign", minus, self._piece(minus.operand, UNARY))
        else:
            yield self._replace("sign", node, self._fitted(f"-{self._piece(node, PRODUCT)}", role))

    def _flipped(self, right: ast.expr) -> Iterator[Edit]:
        """The other sign before the right operand of + or -."""
        k = self._span(right)[0] - 1
        while self.code[k] not in "+-":
            k -= 1
        sign = {"+": "-", "-": "+"}[self.text[k]]
        piece = self._piece(right, PRODUCT)
        yield self._edit("sign", (k, k + 1), sign, f"{self.text[k]} {piece}", f"{sign} {piece}")

    def _factors(self, site: Site) -> Iterator[Edit]:
        node, role = site
        if role in (at.FACTOR, at.COMPARED, at.LOGICAL, *self.covered) or not _is_number(node):
            return
        for factor in FACTORS:
            if isinstance(node, ast.Constant) and isinstance(node.value, int | float):
                yield self._replace("factor", node, f"{node.value * factor:.17g}")
            else:
                yield self._replace("factor", node, self._fitted(f"{factor} * {self._piece(node, PRODUCT)}", role))

    def _fitted(self, written: str, role: str) -> str:
        return f"({written})" if role in (at.TIGHT, at.EVEN) else written

    # What is left out.

    def _dropped(self, node: ast.BinOp) -> Iterator[Edit]:
        own = precedence(node)
        if at.is_sum(node):
            yield self._replace("dropped term", node, self._piece(node.left, own))
            if not at.is_sum(node.left):
                sign = "-" if isinstance(node.op, ast.Sub) else ""
                yield self._replace("dropped term", node, sign + self._piece(node.right, UNARY if sign else own))
        elif at.is_product(node):
            if not _is_one(node.right):
                yield self._replace("dropped factor", node, self._piece(node.left, own))
            if not at.is_product(node.left) and not _is_one(node.left):
                inverse = "1 / " if isinstance(node.op, ast.Div) else ""
                yield self._replace("dropped factor", node, inverse + self._piece(node.right, own + 1))
            for part in (node.left, node.right) if isinstance(node.op, ast.MatMult) else ():
                yield from self._transposed(part)

    def _accumulations(self, tree: ast.Module) -> Iterator[Edit]:
        """`y += v` as `y = v`."""
        for statement in at.statements(tree):
            if isinstance(statement, ast.AugAssign) and isinstance(statement.op, ast.Add):
                k = self.code.index("=", self._span(statement.target)[1])
                yield self._edit("dropped term", (k - 1, k + 1), "=")

    # Calls and transposes.

    def _calls(self, node: ast.Call) -> Iterator[Edit]:
        name, first = at.callee(node), at.receiver(node)
        if first is None:
            return
        inner = self._piece(first, ATOM if at.is_method(node) else 0)
        inner = inner if precedence(first) == ATOM else f"({self._piece(first)})"
        if name in ("transpose", "swapaxes", "moveaxis"):
            yield self._replace("transpose", node, inner)
        elif name in ("sum", "sum_to"):
            yield self._replace("dropped sum", node, inner)
        if name in ("sum", "mean"):
            yield self._renamed(node, "mean" if name == "sum" else "sum")
        if name in OF_MATRICES:
            for part in (node, *at.tensor_arguments(node)):
                yield from self._transposed(part)

    def _renamed(self, node: ast.Call, new: str) -> Edit:
        """Another function of the same arguments."""
        end = self._span(node.func)[1]
        old = node.func.attr if isinstance(node.func, ast.Attribute) else ast.unparse(node.func)
        before, after = self._piece(node), self.text[self._span(node)[0] : end - len(old)] + new
        return self._edit("mean for sum", (end - len(old), end), new, before, after + self.text[end : self._span(node)[1]])

    def _transposed(self, node: ast.expr) -> Iterator[Edit]:
        """The operand of a matrix product, transposed."""
        already = isinstance(node, ast.Attribute) and node.attr in ("T", "mT")
        already |= isinstance(node, ast.Call) and at.callee(node) in ("transpose", "swapaxes", "moveaxis")
        if not already and not at.is_product(node):
            ends = (".mT" if self.batched else ".T",) if self.swaps is not None else (".T", ".mT")
            yield from (self._replace("transpose", node, self._piece(node, ATOM) + end) for end in ends)

    # Names and numbers.

    def _names(self, node: ast.Name) -> Iterator[Edit]:
        groups, name = self.groups, node.id
        if name in groups.cotangents:
            yield self._replace("nonlinear", node, f"({name}**2)")
            yield self._replace("nonlinear", node, f"abs({name})")
        for group in (groups.inputs, groups.saved, groups.constants, groups.cotangents, self.local):
            for other in self._others(name, group):
                yield self._replace("swapped name", node, other)
        if len(set(groups.outputs) - {"out"}) > 1:
            for other in self._others(name, groups.outputs):
                yield self._replace("swapped name", node, other)
        elif name in groups.outputs:
            for other in groups.inputs[: self.swaps]:
                yield self._replace("output for input", node, other)
        elif name in groups.inputs:
            yield self._replace("output for input", node, groups.outputs[0])

    def _others(self, name: str, group: tuple[str, ...]) -> tuple[str, ...]:
        """Of a group that `name` belongs to, the names behind it, those before it last."""
        if name not in group or "grad" in group:  # `grad` and `grad_y` are one cotangent
            return ()
        k = group.index(name)
        return (*group[k + 1 :], *group[:k])[: self.swaps]

    def _constants(self, site: Site) -> Iterator[Edit]:
        assert isinstance(site.node, ast.Constant)
        value = site.node.value
        if (
            isinstance(value, int | float)
            and value
            and not isinstance(value, bool)
            and site.role not in (at.COMPARED, at.LOGICAL)
        ):
            for off in OFF:
                yield self._replace("constant", site.node, repr(value * (1 + off)))


def precedence(node: ast.expr) -> int:
    """How tightly the expression's outermost operator binds."""
    op = getattr(node, "op", node)
    return _PRECEDENCE.get(type(op), ATOM)


def product_parts(node: ast.expr) -> Iterator[ast.expr]:
    """The factors of a product, whichever way it is nested; a single expression is its own."""
    if isinstance(node, ast.BinOp) and at.is_product(node):
        yield from product_parts(node.left)
        yield from product_parts(node.right)
    else:
        yield node


def _is_minus(node: ast.expr) -> bool:
    return isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub)


def _is_one(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value == 1


def _is_number(node: ast.expr) -> bool:
    """Whether a sign before it, or a factor, may say something: no comparison, list, text, zero."""
    if isinstance(node, ast.Constant):
        return type(node.value) in (int, float) and bool(node.value)
    if isinstance(node, ast.Compare | ast.BoolOp | ast.Tuple | ast.List):
        return False
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitAnd | ast.BitOr | ast.BitXor):
        return False
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Invert | ast.Not):
        return False
    return not (isinstance(node, ast.Call) and at.callee(node) in ("zeros", "zeros_like"))
