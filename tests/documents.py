"""The examples in Markdown files: run, and compared with what the file says."""

from __future__ import annotations

import doctest
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import forked

ROOT = Path(__file__).parent.parent
UPDATE = bool(os.environ.get("GRADCHECK_UPDATE_DOCS"))
"""Set, the outputs in the files are replaced by the real ones instead of being compared."""


class Block(NamedTuple):
    """A fenced code block."""

    language: str
    text: str
    before: str
    """The paragraph above it."""


def blocks(path: Path) -> list[Block]:
    found = []
    parts = re.split(r"^```(\w*)\n(.*?)^```$", path.read_text(encoding="utf-8"), flags=re.S | re.M)
    for before, language, text in zip(parts[::3], parts[1::3], parts[2::3], strict=False):
        found.append(Block(language, text, before.strip().rpartition("\n\n")[2]))
    return found


def steady(text: str) -> str:
    """Without what differs from run to run and from machine to machine: times, counts of evaluations, and tiny errors."""
    text = re.sub(r"\d+\.\d+ s\b", "# s", text)
    text = re.sub(r"\d+ forward and \d+ backward", "# forward and # backward", text)
    return re.sub(r" *\d(\.\d+)?e-\d\d", " #e-#", text).rstrip()


def run(command: str, folder: Path) -> str:
    """Standard output and error of a `gradcheck` command line."""
    program, *arguments = shlex.split(command)
    assert program == "gradcheck", command
    environment = {n: v for n, v in os.environ.items() if n not in ("COLUMNS", "NO_COLOR", "FORCE_COLOR")}
    environment |= {"PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8", "PYTHONSAFEPATH": "1", "COLUMNS": "100"}
    if hasattr(os, "memfd_create"):
        return forked.printed(arguments, folder, environment)
    command_line = [sys.executable, "-m", "gradcheck_cli", *arguments]
    done = subprocess.run(
        command_line, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=folder, env=environment, check=False
    )
    return done.stdout.decode().replace("python -m gradcheck_cli", "gradcheck")


def check_console(path: Path, block: Block, folder: Path) -> None:
    """Run the block's commands, each a line that starts with `$`, and compare what they print."""
    expected, real = block.text, ""
    for line in expected.splitlines():
        if line.startswith("$ "):
            real += f"{line}\n{run(line[2:], folder)}"
    real = "\n".join(line.rstrip() for line in real.rstrip().splitlines()) + "\n"
    if UPDATE and steady(real) != steady(expected):
        text = path.read_text(encoding="utf-8")
        path.write_text(text.replace(f"```console\n{expected}```", f"```console\n{real}```"), encoding="utf-8")
    else:
        assert steady(real) == steady(expected)


def check_session(block: Block, names: dict[str, object]) -> None:
    """Run the block as an interactive session. Names last from block to block."""
    test = doctest.DocTestParser().get_doctest(block.text, names, "document", None, 0)
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    said: list[str] = []
    runner.run(test, out=said.append, clear_globs=False)
    names.update(test.globs)
    assert runner.failures == 0, "".join(said)


def check_generated(path: Path, generated: str) -> None:
    """Compare a whole file with what it is made from."""
    if UPDATE:
        path.write_text(generated, encoding="utf-8")
    assert path.read_text(encoding="utf-8") == generated, "GRADCHECK_UPDATE_DOCS=1 pytest writes it anew"


def check_part(path: Path, name: str, generated: str) -> None:
    """Compare what stands between two marks, `<!-- name -->` and `<!-- end -->`, with what it is made from."""
    text = path.read_text(encoding="utf-8")
    head, mark, rest = text.partition(f"<!-- {name} -->\n")
    assert mark, f"{path.name} has no place for {name}"
    check_generated(path, f"{head}{mark}{generated}{rest[rest.index('<!-- end -->') :]}")


def check_in_order(path: Path, folder: Path) -> None:
    """Run a document's commands in one folder, one after the other. A block is a file where the paragraph above it names one in
    backquotes and ends in a colon.
    """
    for block in blocks(path):
        named = re.search(r"`(\w[\w./]*\.\w+)`[^`]*:$", block.before)
        if named and block.language in ("yaml", "toml", "python"):
            (folder / named[1]).write_text(block.text, encoding="utf-8")
        elif block.language == "console":
            check_console(path, block, folder)
