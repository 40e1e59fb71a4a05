"""Judging many rules of one function at one point: the forward's values are remembered, for only the rules differ.

What is remembered is the forward at exact points, bit for bit; so a check of a remembering problem sees the numbers that a
fresh one would see, up to the rounding by which a forward on a batch differs from one on another batch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from hashlib import blake2b
from typing import Any

import numpy as np

from gradcheck_cli.check.problem import Problem

Array = np.ndarray[Any, Any]
MOST_BYTES = 64_000_000
"""Values beyond this are not kept, but computed again."""


def remembering(problem: Problem) -> Problem:
    """The problem with a forward that keeps its values; problems made from it with `replace` share them."""
    memory = _Memory()
    batched = problem.batched_primal
    return problem._replace(
        primal=memory.of_points(problem.primal),
        batched_primal=None if batched is None else memory.of_copies(batched),
    )


class _Memory:
    """Outputs by the points they were computed at."""

    def __init__(self) -> None:
        self.known: dict[bytes, tuple[Array, ...]] = {}
        self.bytes = 0

    def keep(self, key: bytes, outputs: tuple[Array, ...]) -> None:
        self.bytes += sum(y.nbytes for y in outputs) + 500
        if self.bytes <= MOST_BYTES:
            self.known[key] = outputs

    def of_points(self, primal: Callable[..., Sequence[Array]]) -> Callable[..., Sequence[Array]]:
        def run(*arrays: Array) -> Sequence[Array]:
            key = _digest(arrays)
            found = self.known.get(key)
            if found is None:
                found = tuple(primal(*arrays))
                self.keep(key, tuple(map(np.asanyarray, found)))
            return found

        return run

    def of_copies(
        self, batched: Callable[[Sequence[Array], Sequence[bool]], Sequence[Array]]
    ) -> Callable[[Sequence[Array], Sequence[bool]], Sequence[Array]]:
        def run(arrays: Sequence[Array], flags: Sequence[bool]) -> Sequence[Array]:
            position = list(flags).index(True)
            if sum(flags) > 1:
                return batched(arrays, flags)
            copies = np.ascontiguousarray(arrays[position])
            rows = [b"%d:" % position + _short(copy) for copy in copies]
            missing = [k for k, key in enumerate(rows) if key not in self.known]
            fresh: dict[bytes, tuple[Array, ...]] = {}
            if missing:
                some = [copies[missing] if f else a for a, f in zip(arrays, flags, strict=True)]
                outputs = [np.asarray(y) for y in batched(some, flags)]
                fresh = {rows[k]: tuple(y[r] for y in outputs) for r, k in enumerate(missing)}
                for key, row in fresh.items():
                    self.keep(key, row)
            found = [fresh[key] if key in fresh else self.known[key] for key in rows]
            return [np.stack(parts) for parts in zip(*found, strict=True)]

        return run


def _short(copy: Array) -> bytes:
    data = copy.tobytes()
    return data if len(data) <= 64 else blake2b(data, digest_size=16).digest()


def _digest(arrays: Sequence[Array]) -> bytes:
    """What distinguishes this point from others: types, shapes and numbers."""
    digest = blake2b(digest_size=16)
    for a in arrays:
        digest.update(f"{type(a).__name__} {a.dtype} {a.shape};".encode())
        digest.update(np.ascontiguousarray(a).tobytes())
    return b"point" + digest.digest()
