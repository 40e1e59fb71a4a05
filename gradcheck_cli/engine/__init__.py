"""Reverse-mode automatic differentiation on NumPy, with PyTorch's semantics and names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gradcheck_cli.engine import ops
from gradcheck_cli.engine.anomaly import detect_anomaly, is_anomaly_enabled, set_detect_anomaly
from gradcheck_cli.engine.backward import backward, grad
from gradcheck_cli.engine.function import Function
from gradcheck_cli.engine.modes import enable_grad, is_grad_enabled, no_grad, set_grad_enabled
from gradcheck_cli.engine.node import Node
from gradcheck_cli.engine.tensor import Tensor

if TYPE_CHECKING:
    from gradcheck_cli.engine.checkpointing import checkpoint
    from gradcheck_cli.engine.forward_mode import jvp
    from gradcheck_cli.engine.functional import hessian, hvp, jacobian, vjp
    from gradcheck_cli.engine.statistics import GraphStats, graph_stats

__all__ = [
    "Function",
    "GraphStats",
    "Node",
    "Tensor",
    "backward",
    "checkpoint",
    "detect_anomaly",
    "enable_grad",
    "grad",
    "graph_stats",
    "hessian",
    "hvp",
    "is_anomaly_enabled",
    "is_grad_enabled",
    "jacobian",
    "jvp",
    "no_grad",
    "ops",
    "set_detect_anomaly",
    "set_grad_enabled",
    "vjp",
]


_LATER = {
    "GraphStats": "statistics",
    "checkpoint": "checkpointing",
    "graph_stats": "statistics",
    "hessian": "functional",
    "hvp": "functional",
    "jacobian": "functional",
    "jvp": "forward_mode",
    "vjp": "functional",
}


def __getattr__(name: str) -> Any:
    """What no check needs is imported when it is first used."""
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_LATER[name]}"), name)
