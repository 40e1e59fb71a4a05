"""Check hand-written gradients against central differences: a command line, a spec language, and verify()."""

from __future__ import annotations

__version__ = "0.1.0"
