"""Anomaly mode: nodes remember the line that made them, and a gradient that is NaN is an error which names it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from gradcheck_cli.engine.hooks import as_tensor
from gradcheck_cli.errors import AnomalyError

if TYPE_CHECKING:
    from gradcheck_cli.engine.node import Node


class _Anomaly:
    __slots__ = ("check_nan", "enabled")

    def __init__(self) -> None:
        self.enabled, self.check_nan = False, True


ANOMALY = _Anomaly()


def is_anomaly_enabled() -> bool:
    """Whether anomaly mode is on. It is one switch for all threads, as in PyTorch."""
    return ANOMALY.enabled


class set_detect_anomaly:  # noqa: N801 (PyTorch's name)
    """Switch anomaly mode on or off, from the call on; as a context manager, back at the end.

    Only nodes that are recorded while it is on know their line. Costs a walk up the stack for every operation.
    """

    def __init__(self, mode: bool, check_nan: bool = True) -> None:
        self._before = ANOMALY.enabled, ANOMALY.check_nan
        ANOMALY.enabled, ANOMALY.check_nan = mode, check_nan

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: Any) -> None:
        ANOMALY.enabled, ANOMALY.check_nan = self._before


@contextmanager
def detect_anomaly(check_nan: bool = True) -> Iterator[None]:
    """Anomaly mode inside a `with` statement."""
    with set_detect_anomaly(True, check_nan):
        yield


@contextmanager
def watched(node: Node) -> Iterator[None]:
    """Let an exception that leaves the node's backward say which line made the node."""
    try:
        yield
    except Exception as error:
        line = getattr(node, "line", None)
        if line is not None:
            error.add_note(f"in backward of {node.name}, made at {line}")
        raise


def check_nan(node: Node, pulled: Sequence[Any]) -> None:
    """Raise AnomalyError if a gradient that the node gave is NaN somewhere."""
    for i, g in enumerate(pulled):
        if g is not None and np.isnan(as_tensor(g).data).any():
            line = getattr(node, "line", None)
            made = f"the node was made at {line}" if line else "the node was made before anomaly mode was switched on"
            raise AnomalyError(f"{node.name} gave NaN as the gradient of its input {i}\n  {made}")
