"""Check hand-written gradients against central differences: a command line, a spec language, and verify()."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gradcheck_cli.api import verify
    from gradcheck_cli.engine import (
        Function,
        Tensor,
        checkpoint,
        detect_anomaly,
        enable_grad,
        grad,
        graph_stats,
        hessian,
        hvp,
        is_grad_enabled,
        jacobian,
        jvp,
        no_grad,
        ops,
        set_detect_anomaly,
        vjp,
    )
    from gradcheck_cli.errors import GradcheckError, SpecError, UsageError, VerificationError
    from gradcheck_cli.graphs import draw_graph
    from gradcheck_cli.report.report import Report

__version__ = "0.1.0"

__all__ = [
    "Function",
    "GradcheckError",
    "Report",
    "SpecError",
    "Tensor",
    "UsageError",
    "VerificationError",
    "checkpoint",
    "detect_anomaly",
    "draw_graph",
    "enable_grad",
    "grad",
    "graph_stats",
    "hessian",
    "hvp",
    "is_grad_enabled",
    "jacobian",
    "jvp",
    "no_grad",
    "ops",
    "set_detect_anomaly",
    "verify",
    "verify_many",
    "vjp",
]

_PLACES = {
    "verify": "gradcheck_cli.api",
    "verify_many": "gradcheck_cli.api",
    "draw_graph": "gradcheck_cli.graphs",
    "Report": "gradcheck_cli.report.report",
    "GradcheckError": "gradcheck_cli.errors",
    "SpecError": "gradcheck_cli.errors",
    "UsageError": "gradcheck_cli.errors",
    "VerificationError": "gradcheck_cli.errors",
}


def __getattr__(name: str) -> Any:
    """Public names are imported when they are first used: importing the package, and --help, import no NumPy."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_PLACES.get(name, "gradcheck_cli.engine")), name)
