"""Example calls of the ops, from the table alone."""

from __future__ import annotations

import ast
import zlib
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

import numpy as np

from gradcheck_cli.engine import Tensor, grad
from gradcheck_cli.engine.domains import example
from gradcheck_cli.engine.op import Op
from gradcheck_cli.engine.operators import TABLE

OPS: dict[str, Op] = dict(sorted(TABLE.items()))  # type: ignore[arg-type]
DIFFERENTIABLE = [name for name, op in OPS.items() if op.differentiable]
OTHERS = [name for name in OPS if name not in DIFFERENTIABLE]


class Case:
    """An op and the arguments of one call; `arrays` are its tensor inputs, which `run` may replace."""

    def __init__(self, op: Op, text: str, rng: Any) -> None:
        self.op, self.text = op, text
        self.args, self.kwargs = example(op, text, rng)
        self.places = [place for place, _ in _tensors(op, self.args)]
        self.arrays: list[Any] = [x for _, x in _tensors(op, self.args)]
        for x in self.arrays:
            x.setflags(write=False)  # neither an op nor its rule may write into an input

    def run(self, *arrays: Any) -> tuple[Any, ...]:
        """The op's outputs, with other tensor inputs."""
        args = [list(a) if isinstance(a, list) else a for a in self.args]
        for (k, j), x in zip(self.places, arrays, strict=True):
            if j is None:
                args[k] = x
            else:
                args[k][j] = x
        return as_tuple(self.op(*args, **self.kwargs))

    @property
    def smooth(self) -> list[int]:
        """Which of the tensor inputs hold floating-point numbers."""
        return [i for i, x in enumerate(self.arrays) if np.asarray(x).dtype.kind in "fc"]

    def pull(self, cotangents: Sequence[Any], arrays: Sequence[Any] | None = None) -> list[Any]:
        """The op's own gradients of its smooth inputs; an output whose cotangent is None is not used."""
        inputs = [Tensor(x, i in self.smooth) for i, x in enumerate(self.arrays if arrays is None else arrays)]
        outputs = self.run(*inputs)
        used = [(y, g) for y, g in zip(outputs, cotangents, strict=True) if g is not None and y.requires_grad]
        wanted = [inputs[i] for i in self.smooth]
        if not used:
            return [None] * len(wanted)
        found = grad([y for y, _ in used], wanted, [g for _, g in used], allow_unused=True)
        return [None if g is None else g.data for g in found]

    def __repr__(self) -> str:
        return f"{self.op.name}({self.text})"


def as_tuple(y: Any) -> tuple[Any, ...]:
    return tuple(y) if isinstance(y, tuple | list) else (y,)


def generator(name: str, purpose: str = "inputs") -> Any:
    """Draws that depend on the op's name only, so that a new op changes no other op's test."""
    return np.random.default_rng(zlib.crc32(f"{name} {purpose}".encode()))


def cases(name: str) -> Iterator[Case]:
    rng = generator(name)
    return (Case(OPS[name], text, rng) for text in OPS[name].calls)


def _tensors(op: Op, args: tuple[Any, ...]) -> Iterator[tuple[tuple[int, int | None], Any]]:
    kinds = [p.kind for p in op.signature]
    for k, value in enumerate(args):
        if kinds[min(k, len(kinds) - 1)] == "static":
            continue
        for j, x in enumerate(value) if isinstance(value, list) else [(None, value)]:
            if isinstance(x, np.ndarray):  # a number in a tensor's place is a constant
                yield (k, j), x


@cache
def narrowed(name: str) -> list[Case]:
    """The op's calls with axes made empty, or of length 1, as far as NumPy can still run them."""
    return [case for old in (2, 3) for new in (0, 1) for case in _reshaped(name, old, new)]


def _reshaped(name: str, old: int, new: int) -> Iterator[Case]:
    """The op's calls with axes of length `old` made `new` in all drawn shapes."""
    rng = generator(name)
    for text in OPS[name].calls:
        tree = ast.parse(f"f({text})", mode="eval").body
        assert isinstance(tree, ast.Call)
        kinds = [p.kind for p in OPS[name].signature]
        drawn = [a for k, a in enumerate(tree.args) if kinds[min(k, len(kinds) - 1)] != "static"]
        lengths = [n for a in drawn for n in ast.walk(a) if isinstance(n, ast.Constant) and n.value == old]
        for n in lengths:
            n.value = new
        case = Case(OPS[name], ast.unparse(tree)[2:-1], rng)
        if lengths and _runs(case):
            yield case


def _runs(case: Case) -> bool:
    try:
        case.run(*case.arrays)
    except (ValueError, IndexError, RuntimeWarning, np.linalg.LinAlgError):
        return False
    return True
