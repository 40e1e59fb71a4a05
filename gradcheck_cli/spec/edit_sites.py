"""The expressions of a rule at which something may be changed, and what surrounds each of them.

A sign or a factor passes through products, transposes and sums: `-a * b`, `a * -b` and `-(a * b)` are one rule. So only the
outermost expression of such a chain is a *term*, which may get a sign; what lies inside is a *factor*.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import NamedTuple

from gradcheck_cli.engine.op import Op
from gradcheck_cli.engine.ops import ALIASES, TABLE

TERM, ADDED, FACTOR, TIGHT, EVEN, COMPARED, LOGICAL, RETURNED = (
    "term", "added", "factor", "tight", "even", "compared", "logical", "returned",
)  # fmt: skip
"""A term; the right operand of + or -; a part of a term; base or exponent of a power; base of an even power; an operand of a
comparison; an operand of a logical operator; a plain local name behind return, which its assignment stands for."""

LINEAR = frozenset(
    {
        "sum", "mean", "reshape", "ravel", "transpose", "swapaxes", "moveaxis", "expand_dims", "squeeze", "broadcast_to",
        "sum_to", "trace", "diag", "diagonal", "tril", "triu", "cumsum", "flip", "roll", "tile", "repeat", "pad", "real",
        "imag", "conj", "take", "take_along_axis", "matmul", "dot", "vdot", "inner", "outer", "kron", "cross", "tensordot",
        "einsum", "stop_gradient",
    }
)  # fmt: skip
"""Functions through which a sign and a factor pass, from any of their arguments."""
OF_SHAPE = frozenset({"zeros_like", "ones_like", "full_like", "len", "range", "int", "float", "zeros", "ones", "eye", "arange"})
"""Functions that read no values of their first argument, or static ones only."""
PREFIXES = frozenset({"np", "numpy", "math", "linalg", "scipy", "special"})
PRODUCTS = (ast.Mult, ast.Div, ast.MatMult)
SUMS = (ast.Add, ast.Sub)


class Site(NamedTuple):
    """An expression, and the part that it plays in what surrounds it."""

    node: ast.expr
    role: str


def sites(tree: ast.AST) -> Iterator[Site]:
    """Every expression of an expression or a block that is computed from tensors' values."""
    if isinstance(tree, ast.expr):
        yield from _below(Site(tree, TERM))
        return
    stored = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    for statement in statements(tree):
        value = statement.value if isinstance(statement, ast.Assign | ast.AugAssign | ast.Return) else None
        for part in parts(value):
            named = isinstance(statement, ast.Return) and isinstance(part, ast.Name) and part.id in stored
            if not _is_none(part):
                yield from _below(Site(part, RETURNED if named else TERM))


def statements(tree: ast.AST) -> Iterator[ast.stmt]:
    """The statements of a block, those of loops and choices too, in their order."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.stmt):
            yield node
            yield from statements(node)


def parts(value: ast.expr | None) -> list[ast.expr]:
    """The values of one statement: those of a tuple or of `{x: ...}` each by itself."""
    if isinstance(value, ast.Tuple):
        return value.elts
    if isinstance(value, ast.Dict):
        return value.values
    return [] if value is None else [value]


def _is_none(node: ast.expr) -> bool:
    return (isinstance(node, ast.Name) and node.id == "none") or (isinstance(node, ast.Constant) and node.value is None)


def _below(site: Site) -> Iterator[Site]:
    """The site and all inside it; without recursion, for a tree may be as deep as the language allows."""
    open_sites = [site]
    while open_sites:
        site = open_sites.pop()
        yield site
        open_sites += list(_children(site))[::-1]


def _children(site: Site) -> Iterator[Site]:
    node = site.node
    if isinstance(node, ast.BinOp):
        yield from _operands(node, site.role)
    elif isinstance(node, ast.UnaryOp):
        inner = COMPARED if site.role == COMPARED else FACTOR
        yield Site(node.operand, inner if isinstance(node.op, ast.USub | ast.UAdd) else LOGICAL)
    elif isinstance(node, ast.Compare):
        yield from (Site(part, COMPARED) for part in (node.left, *node.comparators))
    elif isinstance(node, ast.IfExp):
        yield from (Site(part, TERM) for part in (node.body, node.orelse))
    elif isinstance(node, ast.Tuple | ast.List):
        yield from (Site(part, TERM) for part in node.elts)
    elif isinstance(node, ast.Attribute | ast.Subscript):
        yield from () if is_shape(node) else (Site(node.value, FACTOR),)
    elif isinstance(node, ast.Call):
        name = callee(node)
        role = FACTOR if name in LINEAR else TERM
        yield from (Site(part, role) for part in tensor_arguments(node))


def _operands(node: ast.BinOp, role: str) -> Iterator[Site]:
    if isinstance(node.op, SUMS):
        yield Site(node.left, FACTOR if is_sum(node.left) else COMPARED if role == COMPARED else TERM)
        yield Site(node.right, ADDED)
    elif isinstance(node.op, PRODUCTS):
        yield from (Site(part, FACTOR) for part in (node.left, node.right))
    elif isinstance(node.op, ast.Pow):
        even = isinstance(node.right, ast.Constant) and isinstance(node.right.value, int | float) and node.right.value % 2 == 0
        yield Site(node.left, EVEN if even else TIGHT)
        yield Site(node.right, TIGHT)
    else:
        yield from (Site(part, LOGICAL) for part in (node.left, node.right))


def is_sum(node: ast.AST) -> bool:
    """Whether it is `a + b` or `a - b`."""
    return isinstance(node, ast.BinOp) and isinstance(node.op, SUMS)


def is_product(node: ast.AST) -> bool:
    """Whether it is `a * b`, `a / b` or `a @ b`."""
    return isinstance(node, ast.BinOp) and isinstance(node.op, PRODUCTS)


def is_shape(node: ast.AST) -> bool:
    """Whether it speaks of a shape only: `x.shape`, `x.shape[0]`, `x.ndim`, `len(x)`."""
    while isinstance(node, ast.Subscript):
        node = node.value
    if isinstance(node, ast.Attribute):
        return node.attr in ("shape", "ndim", "size")
    return isinstance(node, ast.Call) and callee(node) in ("len", "range", "int", "shape")


def is_method(node: ast.Call) -> bool:
    """Whether it is `x.f(...)`, with `x` a value."""
    value = node.func.value if isinstance(node.func, ast.Attribute) else None
    while isinstance(value, ast.Attribute):
        value = value.value
    return value is not None and not (isinstance(value, ast.Name) and value.id in PREFIXES)


def callee(node: ast.Call) -> str:
    """The called function's name in the op table, or in the file."""
    func = node.func
    name = func.id if isinstance(func, ast.Name) else func.attr if isinstance(func, ast.Attribute) else ""
    return ALIASES.get(name, name)


def receiver(node: ast.Call) -> ast.expr | None:
    """The first argument of a call, in whichever way it is given."""
    if is_method(node) and isinstance(node.func, ast.Attribute):
        return node.func.value
    return node.args[0] if node.args else None


def tensor_arguments(node: ast.Call) -> list[ast.expr]:
    """The arguments that hold values: no axes, shapes, counts or texts. All those of a file's own function."""
    name = callee(node)
    if name in OF_SHAPE:
        return []
    op = TABLE.get(name)
    given = [node.func.value] if is_method(node) and isinstance(node.func, ast.Attribute) else []
    given += node.args
    if not isinstance(op, Op):
        return given
    signature = op.signature
    kinds = {p.name: p.kind for p in signature}
    found = [part for k, part in enumerate(given) if signature[min(k, len(signature) - 1)].kind != "static"]
    found += [k.value for k in node.keywords if kinds.get(str(k.arg), "static") != "static"]
    return [part for part in found if not (isinstance(part, ast.Constant) and isinstance(part.value, str))]
