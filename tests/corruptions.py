"""Ways in which a backward rule is wrong: each must be noticed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np


def one_entry_off(gx: Any) -> Any:
    """The largest entry, wrong by a millionth."""
    gx = np.array(gx)
    if gx.size:
        k = np.unravel_index(np.argmax(np.abs(gx)), gx.shape)
        gx[k] += 1e-6 * (np.abs(gx[k]) or 1.0)
    return gx


def one_entry_zeroed(gx: Any) -> Any:
    gx = np.array(gx)
    if gx.size:
        gx[np.unravel_index(np.argmax(np.abs(gx)), gx.shape)] = 0.0
    return gx


def transposed(gx: Any) -> Any:
    """The last two axes swapped, where the shape allows it."""
    square = np.ndim(gx) > 1 and gx.shape[-1] == gx.shape[-2]
    return np.swapaxes(gx, -1, -2) if square else gx


OF_THE_GRADIENT: dict[str, Callable[[Any], Any]] = {
    "sign": lambda gx: -gx,
    "factor 2": lambda gx: 2.0 * gx,
    "relative 1e-6": lambda gx: gx * (1.0 + 1e-6),
    "one entry off by 1e-6": one_entry_off,
    "one entry zeroed": one_entry_zeroed,
    "all zero": lambda gx: 0.0 * gx,
    "rolled": lambda gx: np.roll(gx, 1),
    "reversed": lambda gx: np.ravel(gx)[::-1].reshape(np.shape(gx)),
    "transposed": transposed,
    "averaged": lambda gx: np.full_like(gx, np.mean(gx)) if np.size(gx) else gx,
}
"""What a rule may do to the gradient that it returns."""

OF_THE_COTANGENT: dict[str, Callable[[Any], Any]] = {
    "squared": lambda g: g * g,
    "absolute": np.abs,
    "positive part": lambda g: np.maximum(g, 0.0),
    "clipped": lambda g: np.clip(g, -0.1, 0.1),
    "ignored": np.ones_like,
    "rolled": lambda g: np.roll(g, 1),
}
"""What a rule may do to the cotangent before it uses it."""
