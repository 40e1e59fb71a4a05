"""Ops that make arrays from static values, and `stop_gradient`."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradcheck_cli.engine.ops.define import composite, elementwise, general
from gradcheck_cli.engine.ops.shape import broadcast_to
from gradcheck_cli.engine.stop import FROZEN

zeros = general("zeros(shape)", forward=lambda shape: np.zeros(shape), calls=("(2, 3)",))
ones = general("ones(shape)", forward=lambda shape: np.ones(shape), calls=("(2, 3)",))
full = composite(
    "full(shape, fill_value)",
    "fill_value",
    lambda shape, fill_value: broadcast_to(fill_value, shape),
    calls=("(2, 3), ()", "3, ()", "(2, 3), (3,)"),
)
eye = general("eye(N, M=None, k=0)", forward=lambda N, M, k: np.eye(N, M, k), calls=("3", "2, 3", "3, k=1"))


def _arange(start: Any, stop: Any = None, step: Any = 1) -> Any:
    return np.arange(start) if stop is None else np.arange(start, stop, step)


arange = general("arange(start, stop=None, step=1)", forward=_arange, calls=("4", "1, 7, 2", "0.0, 1.0, 0.25"))
linspace = general(
    "linspace(start, stop, num=50, endpoint=True)",
    forward=lambda start, stop, num, endpoint: np.linspace(start, stop, num, endpoint),
    calls=("0.0, 1.0, 5", "0, 1, 4, endpoint=False"),
)
stop_gradient = elementwise("stop_gradient(x)", x=None, forward=lambda x: FROZEN.value(x))
