"""Calls: the op table by name, the file's own functions, and Python's few that work on static values."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Any

from gradcheck_cli.errors import did_you_mean
from gradcheck_cli.spec.language import builtin_calls
from gradcheck_cli.spec.language.access import MEASURES, VIEWS
from gradcheck_cli.spec.language.invoke import Argument, file_call, op_call, python_call
from gradcheck_cli.spec.language.pieces import (
    BROKEN,
    BROKEN_PIECE,
    ELLIPSIS,
    NONE,
    SEQUENCE,
    SEVERAL,
    STATIC,
    TENSOR,
    TEXT,
    Piece,
    Refusal,
    constant,
    kind_of,
    require_value,
    shown,
)

if TYPE_CHECKING:
    from gradcheck_cli.spec.language.translate import Translator

ARRAY_PARAMETERS = frozenset({"index", "indices", "repeats", "shift", "indices_or_sections"})
"""Static parameters of ops that may also be integer or boolean tensors, for which nothing is ever differentiated."""

METHODS = {"flatten": "ravel"}
"""Methods of NumPy's arrays that are ops under another name."""

_TYPE_NAMES = {"float": "float64", "int": "int64", "bool": "bool", "complex": "complex128"}
_ELSEWHERE = {
    "cat": "concatenate", "permute": "transpose", "unsqueeze": "expand_dims", "clamp": "clip", "view": "reshape",
    "pow": "power", "dim": "axis", "keepdim": "keepdims", "vstack": "concatenate(..., axis=0)",
    "hstack": "concatenate(..., axis=1)", "pop": "slicing", "scatter_add": "add_at", "gather": "take_along_axis",
    "item": "sum()", "append": "+= [value]", "extend": "+= values", "copy": "the value itself: nothing changes it",
    "detach": "stop_gradient",
}  # fmt: skip
_LIST_HINT = {name: f"the arrays go into a list: {name}([a, b])" for name in ("concatenate", "stack")}
_NO_KEYWORDS = {
    "out": "results are returned, never written into an argument",
    "where": "choose entries with the function where(condition, a, b)",
    "dtype": "convert with astype(x, 'float32')",
}


class Given:
    """One argument as written; `at` is what a message about the argument itself points at."""

    __slots__ = ("at", "keyword", "node", "piece")

    def __init__(self, node: ast.expr, piece: Piece, keyword: str = "", at: ast.AST | None = None) -> None:
        self.node, self.piece, self.keyword, self.at = node, piece, keyword, at or node


def call(t: Translator, node: ast.Call) -> Piece:
    """`f(x, axis=0)`, `np.f(x)`, `x.f(axis=0)`."""
    function = node.func
    if isinstance(function, ast.Name):
        return _by_name(t, node, function.id)
    if isinstance(function, ast.Attribute):
        if t.is_prefix(function.value):
            return _from_numpy(t, node, function)
        return _method(t, node, function)
    raise Refusal(node, "only functions can be called, by their names")


def _by_name(t: Translator, node: ast.Call, name: str) -> Piece:
    if t.is_local(name):
        raise Refusal(node, f"{shown(name)} is a value here, not a function", f"np.{name} is the function")
    if name in t.scope.functions:
        return _call_file(t, node, name)
    if name in builtin_calls.BUILTINS:
        return builtin_calls.BUILTINS[name](t, node)
    if name in t.table:
        return _call_op(t, node, name, _arguments(t, node), bare=True)
    raise Refusal(node, f"there is no function {shown(name)}", _function_hint(t, name))


def _from_numpy(t: Translator, node: ast.Call, function: ast.Attribute) -> Piece:
    if function.attr in builtin_calls.OF_NUMPY:
        return builtin_calls.BUILTINS[function.attr](t, node)
    if function.attr in t.table:
        return _call_op(t, node, function.attr, _arguments(t, node))
    raise Refusal(t.name_place(function), f"there is no function {shown(function.attr)}", _function_hint(t, function.attr))


def _method(t: Translator, node: ast.Call, function: ast.Attribute) -> Piece:
    """`x.f(...)` is `f(x, ...)`, for every op whose first argument is a tensor."""
    receiver = Given(function.value, t.value(function.value))
    name = METHODS.get(function.attr, function.attr)
    op = t.table.get(name)
    if receiver.piece.kind == BROKEN:
        return BROKEN_PIECE
    if op is None or not op.signature or op.signature[0].kind != "tensor":
        hint = f"write .{function.attr} without brackets" if function.attr in MEASURES or function.attr in VIEWS else ""
        raise Refusal(
            t.name_place(function),
            f"there is no method {shown(function.attr)}",
            hint or _function_hint(t, function.attr),
        )
    given = _arguments(t, node)
    if name in ("reshape", "transpose"):
        given = _gathered(t, node, given)
    return _call_op(t, node, name, [receiver, *given])


def _gathered(t: Translator, node: ast.Call, given: list[Given]) -> list[Given]:
    """`x.reshape(2, 3)` is `x.reshape((2, 3))`."""
    positional = [g for g in given if not g.keyword]
    if len(positional) < 2 or any(g.piece.kind != STATIC for g in positional):
        return given
    runs = [g.piece.run for g in positional]
    piece = Piece(STATIC, lambda frame: tuple([run(frame) for run in runs]))
    if all(g.piece.known for g in positional):
        piece = constant(STATIC, tuple(g.piece.value for g in positional))
    return [Given(positional[0].node, piece), *(g for g in given if g.keyword)]


def _function_hint(t: Translator, name: str) -> str:
    if name in _ELSEWHERE:
        return f"the language has {_ELSEWHERE[name]} for it"
    return did_you_mean(name, {*t.table, *t.scope.functions, *builtin_calls.BUILTINS})


def _arguments(t: Translator, node: ast.Call) -> list[Given]:
    """The arguments in order, positional ones first. Raises Refusal."""
    given = [Given(item, _argument(t, item)) for item in node.args]
    names: set[str] = set()
    for keyword in node.keywords:
        if keyword.arg is None:
            raise Refusal(keyword.value, "`**` before a value is not part of the language", "write the arguments out")
        if keyword.arg in names:
            raise Refusal(keyword, f"the argument {shown(keyword.arg)} is given twice")
        names.add(keyword.arg)
        given.append(Given(keyword.value, _argument(t, keyword.value), keyword.arg, keyword))
    return given


def _argument(t: Translator, node: ast.expr) -> Piece:
    if isinstance(node, ast.Name) and node.id in _TYPE_NAMES and not t.is_local(node.id):
        return constant(TEXT, _TYPE_NAMES[node.id])
    return t.expression(node)


def _call_op(t: Translator, node: ast.Call, name: str, given: list[Given], bare: bool = False) -> Piece:
    op = t.table[name]
    pieces = [g.piece for g in given]
    bound = _bind(t, node, name, op, given)
    if BROKEN in [piece.kind for piece in pieces] or len(bound) < len(given):
        return BROKEN_PIECE
    static = kind_of([piece for piece in pieces if piece.kind != NONE]) == STATIC
    if bare and static and name in builtin_calls.ON_NUMBERS and not any(g.keyword for g in given):
        run = python_call(name, builtin_calls.ON_NUMBERS[name], op, bound, t.place(node))
    else:
        run = op_call(name, op, bound, t.place(node), static)
    if op.outputs != 1:
        return Piece(SEVERAL, run, count=op.outputs, what=name)
    return Piece(STATIC if static else TENSOR, run)


def _bind(t: Translator, node: ast.Call, name: str, op: Any, given: list[Given]) -> list[Argument]:
    """Each argument with its parameter; those that do not fit are reported and left out."""
    signature = op.signature
    bound: list[Argument] = []
    seen: set[str] = set()
    for position, g in enumerate(given):
        try:
            parameter = _parameter(name, op, position, g)
            if parameter.name in seen and op.variadic != "star":
                raise Refusal(g.at, f"the argument {shown(parameter.name)} of {name} is given twice")
            seen.add(parameter.name)
            _check_kind(name, parameter, g)
            bound.append(Argument(parameter.name, parameter.kind, g.piece, bool(g.keyword)))
        except Refusal as refusal:
            t.refuse(refusal)
    missing = [p.name for p in signature if p.name not in seen and repr(p.default) == "REQUIRED"]
    if missing and len(bound) == len(given):
        raise Refusal(node, f"{name} needs the argument {shown(missing[0])}", op.text)
    return bound


def _parameter(name: str, op: Any, position: int, g: Given) -> Any:
    signature = op.signature
    if g.keyword:
        for parameter in signature:
            if parameter.name == g.keyword and not (op.variadic == "star" and parameter.kind == "tensors"):
                return parameter
        raise Refusal(g.at, f"{name} has no argument {shown(g.keyword)}", _keyword_hint(op, g.keyword))
    if op.variadic == "star":
        return signature[min(position, len(signature) - 1)]
    if position >= len(signature):
        most = f"{len(signature)} argument{'s' if len(signature) != 1 else ''}"
        raise Refusal(g.node, f"{name} takes at most {most}", op.text)
    return signature[position]


def _keyword_hint(op: Any, keyword: str) -> str:
    names = [parameter.name for parameter in op.signature]
    if keyword in _NO_KEYWORDS:
        return _NO_KEYWORDS[keyword]
    if keyword in names:
        return f"it is given by position: {op.text}"
    instead = _ELSEWHERE.get(keyword)
    return f"here it is called {instead}" if instead in names else did_you_mean(keyword, names) or str(op.text)


def _check_kind(name: str, parameter: Any, g: Given) -> None:
    kind = g.piece.kind
    if parameter.kind == "tensors":
        if kind in (TEXT, NONE):
            require_value(g.node, g.piece)
    elif parameter.kind == "tensor":
        if kind == NONE and parameter.default is None:
            return
        require_value(g.node, g.piece)
    elif kind in (TENSOR, SEQUENCE) and parameter.name not in ARRAY_PARAMETERS:
        hint = f"entry by entry it is {name}imum(a, b)" if name in ("max", "min") else _LIST_HINT.get(name, "")
        raise Refusal(g.node, f"the argument {shown(parameter.name)} of {name} must be static", hint)
    elif kind == SEVERAL or (kind == ELLIPSIS and parameter.name not in ARRAY_PARAMETERS):
        require_value(g.node, g.piece)


def _call_file(t: Translator, node: ast.Call, name: str) -> Piece:
    """A function of the file: positional arguments or keywords, in the end by the order of its inputs."""
    callee = t.scope.functions[name]
    t.calls.add(name)
    runs: dict[str, Any] = {}
    written = f"{name}({', '.join(callee.inputs)})"
    for position, g in enumerate(_arguments(t, node)):
        if not g.keyword and position >= len(callee.inputs):
            raise Refusal(g.node, f"{name} takes {len(callee.inputs)} arguments, {len(node.args)} are given", written)
        wanted = g.keyword or callee.inputs[position]
        if wanted not in callee.inputs:
            hint = did_you_mean(wanted, callee.inputs) or written
            raise Refusal(g.at, f"{name} has no input {shown(wanted)}", hint)
        if wanted in runs:
            raise Refusal(g.at, f"the input {shown(wanted)} of {name} is given twice")
        require_value(g.node, g.piece)
        runs[wanted] = g.piece
    missing = [wanted for wanted in callee.inputs if wanted not in runs]
    if missing:
        raise Refusal(node, f"{name} needs the input {shown(missing[0])}", written)
    if kind_of([*runs.values()]) == BROKEN:
        return BROKEN_PIECE
    run = file_call(name, [runs[wanted].run for wanted in callee.inputs], t.place(node))
    if callee.outputs != 1:
        return Piece(SEVERAL, run, count=callee.outputs, what=name)
    return Piece(TENSOR, run)
