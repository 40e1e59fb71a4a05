"""`python -m gradcheck_cli`, and the entry point of the command `gradcheck`."""

import signal
from typing import NoReturn


def start() -> NoReturn:
    """Run the command line."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # While modules load there is nothing to tell, and nothing to clean up.
    from gradcheck_cli.cli import start

    start()


if __name__ == "__main__":
    start()
