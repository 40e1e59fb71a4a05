"""The command line in forked children of one process that has imported it, which takes a fifth of a new interpreter's time.

As a program it reads requests from standard input, one JSON object a line: `{"folder", "argv", "environment"}`, and answers
each with what was printed to standard output and error, as a JSON string.
"""

from __future__ import annotations

import atexit
import json
import os
import subprocess
import sys
from functools import cache
from pathlib import Path

TESTS = Path(__file__).parent


def printed(argv: list[str], folder: Path, environment: dict[str, str]) -> str:
    """What `gradcheck` prints."""
    process = server()
    process.stdin.write(json.dumps({"folder": str(folder), "argv": argv, "environment": environment}) + "\n")
    process.stdin.flush()
    return json.loads(process.stdout.readline())


@cache
def server() -> subprocess.Popen[str]:
    path = os.pathsep.join(map(str, (TESTS.parent, TESTS, TESTS / "attacks")))
    environment = {**os.environ, "PYTHONPATH": path}
    process = subprocess.Popen(
        [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    )
    atexit.register(process.communicate)
    return process


def main() -> None:
    from server import read, warm_up

    from gradcheck_cli.cli import start

    warm_up()
    for line in sys.stdin:
        out = os.memfd_create("out")
        child = os.fork()
        if child == 0:
            request = json.loads(line)
            nothing = os.open(os.devnull, os.O_RDONLY)
            for fd, number in ((nothing, 0), (out, 1), (out, 2)):
                os.dup2(fd, number)
            sys.stdin, sys.stdout, sys.stderr = (open(n, mode, encoding="utf-8") for n, mode in ((0, "r"), (1, "w"), (2, "w")))  # noqa: PTH123, SIM115
            os.environ.clear()
            os.environ.update(request["environment"])
            os.chdir(request["folder"])
            sys.argv = ["gradcheck", *request["argv"]]
            start()
        os.waitpid(child, 0)
        print(json.dumps(read(out)), flush=True)


if __name__ == "__main__":
    main()
