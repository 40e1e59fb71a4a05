"""Corrupted copies of the rules in spec files, made from the files themselves."""

from __future__ import annotations

import ast
import json
from collections import Counter
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import yaml

from gradcheck_cli.spec.loader import load, loads
from gradcheck_cli.spec.model import FunctionSpec, SpecFile

SPECS = Path(__file__).parent.parent / "specs"
FILES = sorted(SPECS.glob("*.yaml"))
TRANSPOSES = ("transpose", "swapaxes", "moveaxis")
SUMS = ("sum", "sum_to", "mean")
STATIC_ARGUMENTS = {
    **dict.fromkeys(("range", "zeros", "ones", "eye", "arange"), 0),
    **dict.fromkeys(("reshape", "broadcast_to", "sum_to", "one_hot", "roll", "flip", "pad"), 1),
    **dict.fromkeys(TRANSPOSES, 1),
}
"""From which argument on a call's arguments are shapes, axes or counts, which are not corrupted."""


class Rule(NamedTuple):
    """One rule text of a spec: an entry of the mapping form, a whole block, or a jvp."""

    file: Path
    function: str
    entry: str
    """The input of the mapping form; `backward` or `jvp` for a block or an expression that serves all."""
    text: str

    @property
    def name(self) -> str:
        return f"{self.file.stem}:{self.function}:{self.entry}"


class Mutant(NamedTuple):
    """A rule with one thing changed."""

    rule: Rule
    what: str
    text: str

    @property
    def name(self) -> str:
        return f"{self.rule.name}: {self.what}"


@cache
def loaded(path: Path) -> SpecFile:
    return load(path)


def rules_of(path: Path, function: FunctionSpec) -> Iterator[Rule]:
    rule = function.backward
    if rule is not None and rule.block is not None:
        yield Rule(path, function.name, "backward", rule.block.text.value)
    for name, program in (rule.programs or {}).items() if rule is not None else ():
        if program is not None:
            yield Rule(path, function.name, name, program.text.value)
    if function.jvp is not None:
        yield Rule(path, function.name, "jvp", function.jvp.text.value)


# From a rule text to changed ones.


def mutants(rule: Rule, of_each: int = 1_000) -> list[Mutant]:
    """Copies of the rule with a sign, a factor 2, a term, a transpose or a sum changed, in the order of the text.

    Of each kind at most `of_each`; but every statement of a block is scaled, and every returned gradient both ways.
    """
    text = rule.text if "return" in rule.text else " ".join(rule.text.split())
    tree = ast.parse(text)
    static, count = _static_parts(tree), Counter[str]()
    found = []
    for position, node in enumerate(ast.walk(tree)):
        for kind, change in _changes(node) if id(node) not in static else ():
            family = kind.partition(",")[0]
            count[family] += 1
            scaled = isinstance(node, ast.stmt) and not kind.startswith("+=")
            wanted = count[family] <= of_each or (scaled and (isinstance(node, ast.Return) or _takes_turn(node, kind)))
            if wanted:
                changed = ast.parse(text)
                _replace(changed, list(ast.walk(changed))[position], change)
                what = f"{kind} in {ast.unparse(node)}".replace("\n", "; ")
                found.append(Mutant(rule, what, ast.unparse(ast.fix_missing_locations(changed))))
    return found


def _takes_turn(node: ast.stmt, kind: str) -> bool:
    """Statements are negated and doubled in turn."""
    return kind.startswith("negated") == bool(node.lineno % 2)


def _static_parts(tree: ast.AST) -> set[int]:
    roots: list[ast.AST] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Subscript):
            roots.append(node.slice)
        elif isinstance(node, ast.keyword):
            roots.append(node)
        elif isinstance(node, ast.If):
            roots.append(node.test)
        elif isinstance(node, ast.Call):
            name, method = _callee(node), isinstance(node.func, ast.Attribute)
            first = STATIC_ARGUMENTS.get(name)
            roots += node.args[first - method if first else 0 :] if first is not None else []
    return {id(part) for root in roots for part in ast.walk(root)}


def _callee(node: ast.Call) -> str:
    return node.func.id if isinstance(node.func, ast.Name) else node.func.attr if isinstance(node.func, ast.Attribute) else ""


Change = Callable[[ast.AST], ast.AST | None]


def _changes(node: ast.AST) -> Iterator[tuple[str, Change]]:
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Sub):
        other = ast.Sub() if isinstance(node.op, ast.Add) else ast.Add()
        yield "sign", lambda n: ast.BinOp(n.left, other, n.right)
        yield "term dropped, right", lambda n: n.left
        yield "term dropped, left", lambda n: n.right
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub) and not isinstance(node.operand, ast.Constant):
        yield "sign, minus dropped", lambda n: n.operand
    elif isinstance(node, ast.Attribute) and node.attr in ("T", "mT"):
        yield "transpose dropped", lambda n: n.value
    elif isinstance(node, ast.Call) and _callee(node) in TRANSPOSES + SUMS:
        kind = "transpose" if _callee(node) in TRANSPOSES else "sum"
        yield f"{kind} dropped", lambda n: n.args[0] if isinstance(n.func, ast.Name) else n.func.value
    elif isinstance(node, ast.AugAssign):
        yield "+= as =", lambda n: ast.Assign([n.target], n.value)
    if isinstance(node, ast.Expr | ast.Assign | ast.AugAssign | ast.Return) and not _is_zero_or_several(node):
        for k in range(len(_parts(node.value))):
            yield f"negated {k}", lambda n, k=k: _scaled(n, k, -1.0)
            yield f"doubled {k}", lambda n, k=k: _scaled(n, k, 2.0)


def _is_zero_or_several(statement: ast.stmt) -> bool:
    """Whether scaling says nothing: `gx = zeros_like(x)`, `a, b = split(...)`."""
    value = statement.value
    zero = isinstance(value, ast.Constant) and value.value == 0
    zero |= isinstance(value, ast.Call) and _callee(value).startswith("zeros")
    several = isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Tuple)
    return zero or (several and not isinstance(value, ast.Tuple))


def _parts(value: ast.expr) -> list[ast.expr]:
    return value.elts if isinstance(value, ast.Tuple) else value.values if isinstance(value, ast.Dict) else [value]


def _scaled(statement: ast.AST, k: int, factor: float) -> ast.AST:
    part = _parts(statement.value)[k]
    number = ast.UnaryOp(ast.USub(), ast.Constant(1.0)) if factor < 0 else ast.Constant(factor)
    scaled = ast.BinOp(part, ast.Mult(), number)
    if isinstance(statement.value, ast.Tuple):
        statement.value.elts[k] = scaled
    elif isinstance(statement.value, ast.Dict):
        statement.value.values[k] = scaled
    else:
        statement.value = scaled
    return statement


def _replace(tree: ast.AST, target: ast.AST, change: Change) -> None:
    class Replacer(ast.NodeTransformer):
        def visit(self, node: ast.AST) -> ast.AST | None:
            return change(node) if node is target else self.generic_visit(node)

    Replacer().visit(tree)


# From a changed rule back to a file.


class _Places(NamedTuple):
    """Where a file's functions and their rules stand, as offsets into its text."""

    text: str
    head: int
    functions: dict[str, tuple[int, int]]
    rules: dict[tuple[str, str], tuple[int, int]]


@cache
def _places(path: Path) -> _Places:
    text = path.read_text(encoding="utf-8")
    root = {k.value: v for k, v in yaml.compose(text).value}
    entries = root["functions"].value
    starts = [text.rindex("\n", 0, key.start_mark.index) + 1 for key, _ in entries]
    ends = [*starts[1:], len(text)]
    rules = {}
    for key, function in entries:
        for field, value in ((k.value, v) for k, v in function.value):
            if field == "backward" and isinstance(value, yaml.MappingNode):
                rules |= {(key.value, k.value): (v.start_mark.index, v.end_mark.index) for k, v in value.value}
            elif field in ("backward", "jvp"):
                rules[key.value, field] = (value.start_mark.index, value.end_mark.index)
    return _Places(text, starts[0], {k.value: (a, b) for (k, _), a, b in zip(entries, starts, ends, strict=True)}, rules)


def spec_with(mutant: Mutant) -> SpecFile:
    """The mutant's file with the changed rule, and of its functions those that are needed. Raises SpecError."""
    path, function = mutant.rule.file, mutant.rule.function
    places, file = _places(path), loaded(path)
    needed, todo = set(), [function]
    while todo:
        name = todo.pop()
        needed.add(name)
        todo += file.functions[name].calls - needed
    start, end = places.rules[function, mutant.rule.entry]
    parts = [places.text[: places.head]]
    for name, (a, b) in places.functions.items():
        if name == function:
            tail = "\n" if places.text[end - 1] == "\n" else ""
            parts += [places.text[a:start], json.dumps(mutant.text), tail, places.text[end:b]]
        elif name in needed:
            parts.append(places.text[a:b])
    return loads("".join(parts), str(path))
