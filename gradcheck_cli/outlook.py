"""What a check will take, before it is done."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from gradcheck_cli.planning import Planned


class Outlook(NamedTuple):
    """Estimates: the evaluations of one draw, and the bytes that are held at a time."""

    draws: int = 0
    forwards: int = 0
    backwards: int = 0
    bytes: int = 0
    inputs: tuple[tuple[str, str], ...] = ()
    """Each input's name, and how it is looked at."""
    trouble: str = ""
    """Why nothing is known; the run itself will say more."""

    def __str__(self) -> str:
        if self.trouble:
            return f"cannot be planned: {self.trouble}"
        draws = f"{self.draws} draws of " if self.draws > 1 else ""
        work = f"about {self.forwards} forward and {self.backwards} backward evaluations, {self.bytes / 1e6:.1f} MB at a time"
        return f"{draws}{work}; {'; '.join(f'{name}: {what}' for name, what in self.inputs)}"


def outlook(item: Planned, overrides: Mapping[str, Any]) -> Outlook:
    """What a check will take, about."""
    import numpy as np

    from gradcheck_cli.check.plan import foresee
    from gradcheck_cli.spec.build import points_of, problem_at

    try:
        with np.errstate(all="ignore"):
            found = foresee(problem_at(item.file, item.function, item.case, overrides))
    except Exception as error:
        return Outlook(trouble=str(error).splitlines()[0] if str(error) else type(error).__name__)
    return Outlook(
        points_of(item.case, overrides),
        sum(x.forwards for x in found),
        max((x.backwards for x in found), default=0),
        max((x.bytes for x in found), default=0),
        tuple((x.name, x.what) for x in found),
    )
