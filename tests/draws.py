"""Which combinations of a large table a run tries: others every day, so that all have been tried after a few."""

from __future__ import annotations

import os
from datetime import date

ALL = bool(os.environ.get("GRADCHECK_ALL_MUTANTS"))
"""Set, every test tries all that it has, which takes minutes."""
DAY = int(os.environ.setdefault("GRADCHECK_DRAW", str(date.today().toordinal())))
"""The same in all processes of a run, past midnight, too."""


def drawn(number: int, of: int) -> bool:
    """Whether the combination with this number is among the ones of today: one in `of`."""
    return ALL or (number + DAY) % of == 0
