"""Runs `gradcheck` on attacks, each in a forked child with limits and a record of what it touches.

Reads requests from standard input, one JSON object a line: `{"folder", "argv", "stdin"}`; answers with one JSON object a line:
`{"code", "out", "err", "cpu", "rss", "touched"}`. `touched` are the events of `sys.audit` that a check of a spec has no
business with: files written, files read outside the folder and the Python installation, sockets, processes.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
import sysconfig
import tempfile
from contextlib import redirect_stderr, redirect_stdout, suppress
from io import StringIO
from pathlib import Path
from typing import Any

from click.exceptions import Exit

import gradcheck_cli
from gradcheck_cli import cli
from gradcheck_cli.report import FORMATS

SECONDS = 20
"""After that a child is killed."""
MEMORY = 2**30
"""Bytes of address space that a child may take beyond what the server has."""
FORBIDDEN = ("socket.", "subprocess.", "os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.fork", "os.remove",
             "os.rename", "os.mkdir", "os.rmdir", "os.link", "os.symlink", "os.truncate", "os.chmod", "os.chown", "os.kill",
             "shutil.", "ftplib.", "urllib.", "http.", "pickle.", "webbrowser.", "pty.", "tempfile.")  # fmt: skip
READABLE = tuple(
    os.path.realpath(p)
    for p in {*sysconfig.get_paths().values(), *(p for p in sys.path if p), sys.prefix, sys.base_prefix,
              str(Path(gradcheck_cli.__file__).parent), *([sys.pycache_prefix] if sys.pycache_prefix else [])}
)  # fmt: skip


def main() -> None:
    warm_up()
    for line in sys.stdin:
        print(json.dumps(attacked(json.loads(line))), flush=True)


WARM = """
functions:
  right: {inputs: {x: {shape: [3]}}, forward: sin(x), backward: {x: grad * cos(x)}}
  wrong: {inputs: {x: {shape: [3]}}, forward: sin(x), backward: {x: 2 * grad * cos(x)}}
"""


def warm_up() -> None:
    """Import what a run imports, once: by a run that finds something right, something wrong, and a file that is no spec."""
    with tempfile.TemporaryDirectory() as folder, redirect_stdout(StringIO()), redirect_stderr(StringIO()):
        for number, text in enumerate((WARM, "functions: [")):
            path = Path(folder, f"{number}.yaml")
            path.write_text(text)
            for format in FORMATS:
                with suppress(Exit):
                    cli.main(["run", str(path), "--output-format", format], standalone_mode=False)


def attacked(request: dict[str, Any]) -> dict[str, Any]:
    out, err, touched = (os.memfd_create(name) for name in ("out", "err", "touched"))
    child = os.fork()
    if child == 0:
        attack(request, out, err, touched)
    _, status, usage = os.wait4(child, 0)
    found = [read(fd) for fd in (out, err, touched)]
    return {
        "code": os.waitstatus_to_exitcode(status),
        "out": found[0],
        "err": found[1],
        "touched": found[2].splitlines(),
        "cpu": usage.ru_utime + usage.ru_stime,
        "rss": usage.ru_maxrss * 1024,
    }


def read(fd: int) -> str:
    os.lseek(fd, 0, os.SEEK_SET)
    with os.fdopen(fd, "rb") as file:
        return file.read().decode("utf-8", "backslashreplace")


def attack(request: dict[str, Any], out: int, err: int, touched: int) -> None:
    os.chdir(request["folder"])
    given = os.memfd_create("in")
    os.write(given, request["stdin"].encode())
    os.lseek(given, 0, os.SEEK_SET)
    for fd, number in ((given, 0), (out, 1), (err, 2)):
        os.dup2(fd, number)
    sys.stdin, sys.stdout, sys.stderr = (open(n, mode, encoding="utf-8") for n, mode in ((0, "r"), (1, "w"), (2, "w")))  # noqa: PTH123, SIM115
    sys.dont_write_bytecode = True
    signal.alarm(SECONDS)
    size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (size + MEMORY, size + MEMORY))
    sys.argv = ["gradcheck", *request["argv"]]
    watch(os.path.realpath(request["folder"]), touched)
    code = cli.command_line()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def watch(folder: str, touched: int) -> None:
    readable = (folder, *READABLE)

    def seen(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open":
            path, _, flags = arguments
            if isinstance(path, int):
                return
            real = os.path.realpath(os.fsdecode(path))
            writes = flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND)
            if writes or not any(real == p or real.startswith(p + os.sep) for p in readable):
                note(f"open {real} {flags:o}")
        elif event.startswith(FORBIDDEN):
            note(event)

    def note(text: str) -> None:
        os.write(touched, (text + "\n").encode())

    sys.addaudithook(seen)


if __name__ == "__main__":
    main()
