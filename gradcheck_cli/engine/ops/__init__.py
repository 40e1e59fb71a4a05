"""The op table: every differentiable function, one statement each.

Where to look: `elementwise`, `special`, `reductions`, `shape`, `indexing`, `linear_algebra`, `creation`. An op
defined in any of them is a function here, a method of tensors, and a function of the spec language.
"""

from __future__ import annotations

from typing import Any

from gradcheck_cli.engine.op import Op
from gradcheck_cli.engine.operators import TABLE
from gradcheck_cli.engine.ops import (  # noqa: F401 (each fills the table)
    creation,
    elementwise,
    indexing,
    linear_algebra,
    reductions,
    shape,
    special,
    writing,
)

__all__ = ["ALIASES", "TABLE", "Op", "public_ops"]

ALIASES = {
    "multiply": "mul",
    "subtract": "sub",
    "divide": "div",
    "true_divide": "div",
    "floor_divide": "floordiv",
    "remainder": "mod",
    "negative": "neg",
    "absolute": "abs",
    "fabs": "abs",
    "pow": "power",
    "amax": "max",
    "amin": "min",
    "asin": "arcsin",
    "acos": "arccos",
    "atan": "arctan",
    "atan2": "arctan2",
    "asinh": "arcsinh",
    "acosh": "arccosh",
    "atanh": "arctanh",
    "conjugate": "conj",
    "permute_dims": "transpose",
    "concat": "concatenate",
    "expit": "sigmoid",
    "psi": "digamma",
    "equal": "eq",
    "not_equal": "ne",
    "less": "lt",
    "less_equal": "le",
    "greater": "gt",
    "greater_equal": "ge",
}
"""Other names, NumPy's and SciPy's, by which the same ops may be called."""


def public_ops() -> dict[str, Op]:
    """The table without the ops that only rules use, by name."""
    return {name: op for name, op in sorted(TABLE.items()) if not name.startswith("_") and isinstance(op, Op)}


def __getattr__(name: str) -> Any:
    op = TABLE.get(ALIASES.get(name, name))
    if op is None or name.startswith("_"):
        raise AttributeError(f"the op table has no {name!r}")
    return op
