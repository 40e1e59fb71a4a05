"""The forms of an input: a literal, a file beside the spec, or a draw of a given shape."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gradcheck_cli.spec.arrays import leaf_reader, leaves, matrices, read_nested
from gradcheck_cli.spec.document import Node, Scalar, Sequence, quote
from gradcheck_cli.spec.draws import DRAW_READERS, DTYPES_OF, check_shape, read_pair, read_shape
from gradcheck_cli.spec.fields import Fields
from gradcheck_cli.spec.keys import BOOLEAN, INTEGER, NUMBER, Key, pair, ref
from gradcheck_cli.spec.model import Constant, InputSpec

DTYPES = ("float64", "float32", "int64", "int", "bool", "complex128")
STRUCTURES = ("symmetric", "lower")

SOURCES = {
    "value": Key("The array, written out.", ref("value")),
    "shape": Key("Drawn at random; lengths of axes, or names of integer constants. Default: normal draws.", ref("shape")),
    "file": Key("An .npy file in the spec's folder or below it.", {"type": "string", "pattern": r"^[^/\\:].*\.npy$"}),
}
DRAWS = {
    "uniform": Key("Draws between these: [low, high].", pair(NUMBER, NUMBER)),
    "normal": Key("Normal draws: [mean, standard deviation].", pair(NUMBER, {**NUMBER, "exclusiveMinimum": 0})),
    "spd": Key("Symmetric positive definite draws with this condition number.", {**NUMBER, "minimum": 1}),
    "integers": Key("Draws of whole numbers: [low, high], high exclusive.", pair(INTEGER, INTEGER)),
}
KEYS = SOURCES | DRAWS | {
    "dtype": Key("float64, float32, int64 (or int), bool, complex128. Default: float64, or int64.", {"enum": list(DTYPES)}),
    "requires_grad": Key("false takes the input out of the check.", BOOLEAN),
    "structure": Key("symmetric or lower: only such matrices are inputs.", {"enum": list(STRUCTURES)}),
    "bounds": Key("[low, high]: where the function is defined; .inf and -.inf for open ends.", pair(NUMBER, NUMBER)),
}  # fmt: skip


def read_input(fields: Fields, name: str, node: Node, constants: Mapping[str, Constant]) -> InputSpec | None:
    """The input that `node` describes; None where it is wrong, which is reported.

    `constants` are those in force, for names in shapes; a value of None was reported already.
    """
    before = len(fields.mistakes)
    what = f"input {quote(name)}"
    if isinstance(node, Scalar | Sequence):
        found = _literal(fields, what, node, "float64")
    else:
        entries = fields.keyed(node, what, KEYS)
        found = None if entries is None else _form(fields, what, node, entries, constants)
    if found is None or len(fields.mistakes) > before:
        return None
    spec = InputSpec(name=name, location=fields.location(node), **found)
    _check_literal(fields, what, node, spec)
    check_shape(fields, what, node, spec, constants)
    return spec if len(fields.mistakes) == before else None


def _form(
    fields: Fields, what: str, node: Node, entries: dict[str, Node], constants: Mapping[str, Constant]
) -> dict[str, Any] | None:
    """The fields of an InputSpec for the mapping form."""
    sources = [key for key in SOURCES if key in entries]
    if len(sources) != 1:
        found = " and ".join(sources) if sources else f"only {', '.join(entries)}" if entries else "an empty mapping"
        fields.complain(node, f"{what} must have one of value, shape, file; found {found}")
        return None
    draws = [key for key in DRAWS if key in entries]
    kind = draws[0] if draws else {"shape": "normal", "value": "literal", "file": "file"}[sources[0]]
    if draws and sources != ["shape"]:
        fields.complain(entries[draws[0]], f"{what}: {draws[0]} goes with shape, not with {sources[0]}")
        return None
    if len(draws) > 1:
        fields.complain(entries[draws[1]], f"{what} must be drawn in one way; found {' and '.join(draws)}")
    dtype = _dtype(fields, what, entries, kind)
    common = _common(fields, what, entries, dtype)
    if kind == "literal":
        own = _literal(fields, what, entries["value"], dtype)
    elif kind == "file":
        own = _file(fields, what, entries["file"])
    else:
        shape = read_shape(fields, what, entries["shape"], constants)
        own = None if shape is None else {"shape": shape, **DRAW_READERS[kind](fields, what, entries.get(kind))}
    return None if own is None else {"kind": kind, **own, **common}


def _dtype(fields: Fields, what: str, entries: dict[str, Node], kind: str) -> str:
    default = "int64" if kind == "integers" else "float64"
    if "dtype" not in entries:
        return default
    dtype = fields.choice(entries["dtype"], f"{what}: dtype", DTYPES)
    dtype = "int64" if dtype == "int" else dtype
    allowed = DTYPES_OF.get(kind)
    if dtype is not None and allowed is not None and dtype not in allowed:
        hint = "draw whole numbers with integers: [low, high]" if dtype in ("int64", "bool") else ""
        message = f"{what}: dtype must be one of {', '.join(allowed)} for {kind}; found {quote(dtype)}"
        fields.complain(entries["dtype"], message, hint)
    return dtype or default


def _common(fields: Fields, what: str, entries: dict[str, Node], dtype: str) -> dict[str, Any]:
    """dtype, requires_grad, structure and bounds, which every mapping form may have."""
    differentiable = dtype not in ("int64", "bool")
    common: dict[str, Any] = {"dtype": dtype, "requires_grad": differentiable}
    if "requires_grad" in entries:
        asked = fields.boolean(entries["requires_grad"], f"{what}: requires_grad")
        if asked and not differentiable:
            message = f"{what} is of dtype {dtype} and cannot require a gradient"
            fields.complain(entries["requires_grad"], message, "take requires_grad out, or make it a float64")
        common["requires_grad"] = bool(asked)
    if "structure" in entries:
        common["structure"] = fields.choice(entries["structure"], f"{what}: structure", STRUCTURES) or ""
        if common["structure"] == "lower" and "spd" in entries:
            fields.complain(entries["structure"], f"{what}: a positive definite matrix is symmetric, not lower")
    if "bounds" in entries:
        common["bounds"] = read_pair(fields, f"{what}: bounds", entries["bounds"], "low", "high", finite=False)
        if dtype == "complex128":
            fields.complain(entries["bounds"], f"{what}: bounds are for real inputs; its dtype is complex128")
    return common


def _literal(fields: Fields, what: str, node: Node, dtype: str) -> dict[str, Any] | None:
    read = read_nested(fields, node, what, leaf_reader(fields, what, dtype))
    return None if read is None else {"kind": "literal", "value": read[0], "shape": read[1]}


def _check_literal(fields: Fields, what: str, node: Node, spec: InputSpec) -> None:
    """Report a literal that contradicts its own bounds or its own structure."""
    if spec.kind == "uniform" and spec.bounds and not spec.bounds[0] <= spec.low < spec.high <= spec.bounds[1]:
        fields.complain(node, f"{what}: uniform must lie within bounds {list(spec.bounds)}")
    if spec.kind != "literal":
        return
    if spec.bounds is not None:
        low, high = spec.bounds
        outside = next((v for v in leaves(spec.value) if not low <= v <= high), None)
        if outside is not None:
            fields.complain(node, f"{what} must lie within its bounds [{low}, {high}]; found {outside}")
    square = len(spec.shape) >= 2 and spec.shape[-1] == spec.shape[-2]
    if spec.structure and square and not _has_structure(spec):
        fields.complain(node, f"{what} must be {_STRUCTURE_WORDS[spec.structure]} for structure: {spec.structure}")


_STRUCTURE_WORDS = {"symmetric": "symmetric", "lower": "zero above the diagonal"}


def _has_structure(spec: InputSpec) -> bool:
    """Whether every matrix of a literal is what its structure says."""
    for matrix in matrices(spec.value, len(spec.shape)):
        for i in range(len(matrix)):
            for j in range(i + 1, len(matrix)):
                if matrix[i][j] != (0 if spec.structure == "lower" else matrix[j][i]):
                    return False
    return True


def _file(fields: Fields, what: str, node: Node) -> dict[str, Any] | None:
    """A path below the spec's folder, as far as its text tells; whoever opens it looks at links."""
    must = "the name of an .npy file beside the spec"
    if not isinstance(node, Scalar) or not node.value or node.is_null:
        fields.expected(node, f"{what}: file", must)
        return None
    path = node.value
    hint = ""
    if not path.isprintable() or path != path.strip():
        hint = "the name holds characters that a file beside the spec should not have"
    elif "\\" in path or ":" in path:
        hint = "folders are separated by /, and drives and schemes are not used"
    elif path.startswith("/"):
        hint = "the path is relative to the spec's folder"
    elif any(part in ("", ".", "..") for part in path.split("/")):
        hint = "the path leads straight down from the spec's folder"
    elif not path.endswith(".npy") or path.endswith("/.npy") or path == ".npy":
        hint = "save the array with numpy.save"
    else:
        return {"value": path}
    fields.expected(node, f"{what}: file", must, hint)
    return None
