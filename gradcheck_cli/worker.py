"""What the server that forks worker processes loads, once for all of them."""

from __future__ import annotations

import sys

import gradcheck_cli.check.check
import gradcheck_cli.run
import gradcheck_cli.spec.build
import gradcheck_cli.spec.loader  # noqa: F401


def _say_nothing(*_: object) -> None:
    """In place of a traceback: what a check raises is caught, and a worker that is stopped while it starts is not missed."""


sys.excepthook = _say_nothing
