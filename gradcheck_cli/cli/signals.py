"""SIGINT and SIGTERM: they end what is being done; while results are being written it takes two."""

from __future__ import annotations

import signal
from typing import NoReturn

SIGNALS = (signal.SIGINT, signal.SIGTERM)


def interrupt_on_signals() -> None:
    """A signal raises KeyboardInterrupt from now on."""
    for number in SIGNALS:
        signal.signal(number, _interrupt)


def finish_on_signals() -> None:
    """The first signal is let pass from now on: what is known is being written, and half of it is of no use."""
    if signal.getsignal(signal.SIGINT) is _interrupt:
        for number in SIGNALS:
            signal.signal(number, _let_pass)


def _interrupt(number: int, frame: object) -> NoReturn:
    raise KeyboardInterrupt


def _let_pass(number: int, frame: object) -> None:
    interrupt_on_signals()
