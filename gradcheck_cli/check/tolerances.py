"""Rtol and atol where nothing is said."""

from __future__ import annotations

ADAPTIVE = (1e-7, 0.0)
FIXED_STEP = (1e-3, 1e-5)
"""With `eps`, as in PyTorch's gradcheck."""
