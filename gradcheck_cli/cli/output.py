"""Where the output goes: standard output, files, and a progress bar on standard error."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from gradcheck_cli.errors import OutputError
from gradcheck_cli.report.clean import clean
from gradcheck_cli.report.formats import Options

if TYPE_CHECKING:
    from gradcheck_cli.check.result import CheckResult
    from gradcheck_cli.selftest.result import FunctionResult

Named = TypeVar("Named", "CheckResult", "FunctionResult")
"""A result that a progress bar can call by its name."""


def options_for(verbose: int, output: str | None) -> Options:
    """How to write to where the report goes: a file gets plain UTF-8 as wide as it comes."""
    if output not in (None, "-"):
        return Options(verbose, root=_root())
    terminal = sys.stdout.isatty()
    encoding = (sys.stdout.encoding or "ascii").lower().replace("-", "")
    forced = bool(os.environ.get("FORCE_COLOR"))
    color = (forced or (terminal and os.environ.get("TERM") != "dumb")) and not os.environ.get("NO_COLOR")
    return Options(verbose, color, _width(terminal), not encoding.startswith("utf"), _root())


def _root() -> str:
    """In a CI job the repository's folder, if the working directory lies in it: reports name files from there."""
    for name in ("GITHUB_WORKSPACE", "CI_PROJECT_DIR"):
        folder = os.environ.get(name)
        if folder and os.path.join(os.getcwd(), "").startswith(os.path.join(folder, "")):  # noqa: PTH109, PTH118
            return folder
    return ""


def _width(terminal: bool) -> int | None:
    columns = os.environ.get("COLUMNS", "")
    if columns.isdecimal() and int(columns):
        return int(columns)
    if not terminal:
        return None
    from shutil import get_terminal_size

    return get_terminal_size().columns


def write(text: str, output: str | None) -> None:
    """Write to a file, or to standard output for None and `-`; also there what cannot be written to the file."""
    if output in (None, "-"):
        _print(text)
        return
    try:
        write_file(text, str(output))
    except OutputError:
        write(text, None)
        raise


def write_all(text: str, output: str | None, reports: Iterable[tuple[str, str]]) -> None:
    """Write the text, and further ones to paths, as many as can be written. Raises OutputError, which names the others."""
    failed = []
    for task in (partial(write, text, output), *(partial(write_file, *report) for report in reports)):
        try:
            task()
        except OutputError as error:
            failed.append(str(error))
    if failed:
        raise OutputError("\n".join(failed))


def write_file(text: str, path: str) -> None:
    """Write a file whole or not at all: a new file beside it takes its name in the end. Raises OutputError."""
    try:
        if os.path.exists(path) and not os.path.isfile(path):  # noqa: PTH110, PTH113
            _fill(path, text)  # a device or a pipe
        else:
            _replace(os.path.realpath(path), text)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise OutputError(f"{path}: cannot be written: {reason}") from None


def _replace(path: str, text: str) -> None:
    from secrets import token_hex

    new = os.path.join(os.path.dirname(path), f".gradcheck-{token_hex(8)}.tmp")  # noqa: PTH118, PTH120
    try:
        _fill(new, text)
        if os.path.exists(path):  # noqa: PTH110
            os.chmod(new, os.stat(path).st_mode & 0o777)  # noqa: PTH101, PTH116
        os.replace(new, path)  # noqa: PTH105
    finally:
        if os.path.exists(new):  # noqa: PTH110
            os.unlink(new)  # noqa: PTH108


def _fill(path: str, text: str) -> None:
    with open(path, "w", encoding="utf-8", newline="") as file:  # noqa: PTH123
        file.write(text)
        file.flush()


def _print(text: str) -> None:
    """All of the text, also where a signal comes between: text files lose what a pipe has no room for then."""
    sys.stdout.flush()
    encoding = sys.stdout.encoding or "ascii"
    try:
        number = sys.stdout.fileno()
    except (OSError, ValueError, AttributeError):  # something else stands in its place
        sys.stdout.write(text.encode(encoding, "backslashreplace").decode(encoding))
        sys.stdout.flush()
        return
    left = memoryview(text.replace("\n", os.linesep).encode(encoding, "backslashreplace"))
    while left:
        left = left[os.write(number, left) :]


class Watch:
    """Passes results on; on a terminal with a progress bar, once it takes longer than a second. An interrupt ends them."""

    interrupted = ""
    """Where it was."""

    def __call__(self, results: Iterator[Named], count: int) -> Iterator[Named]:
        """The results, of which there should be `count`."""
        done = 0
        try:
            for result in _with_progress(results, count) if sys.stderr.isatty() else results:
                yield result
                done += 1
        except KeyboardInterrupt:
            self.interrupted = f"interrupted after {done} of {count}"


def _with_progress(results: Iterator[Named], count: int) -> Iterator[Named]:
    import time

    start, progress = time.monotonic(), None
    try:
        for number, result in enumerate(results, 1):
            if progress is None and number < count and time.monotonic() - start > 1:
                progress = _progress(count)
            if progress is not None:
                progress.update(progress.task_ids[0], completed=number, description=clean(result.name))
            yield result
    finally:
        if progress is not None:
            progress.stop()


def _progress(count: int) -> Any:
    from rich.console import Console
    from rich.progress import Progress

    progress = Progress(console=Console(stderr=True), transient=True)
    progress.add_task("checking", total=count)
    progress.start()
    return progress
