"""The pytest plugin: the checks of spec files as tests, and readable assertions about reports.

Every run of pytest imports this module, so it imports nothing of the package before there is a spec file.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from gradcheck_cli.planning import Planned
    from gradcheck_cli.report.report import Report

OWN_SUFFIXES = (".gradcheck.yaml", ".gradcheck.yml")
"""Files so named are specs wherever they are."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Say which files are specs."""
    group = parser.getgroup("gradcheck", "gradcheck: gradients that were written by hand")
    group.addoption("--gradcheck", action="store_true", help="Check every .yaml and .yml file, not only *.gradcheck.yaml.")
    parser.addini("gradcheck_paths", "Files and folders whose .yaml and .yml files are specs.", type="paths", default=[])


def pytest_configure(config: pytest.Config) -> None:
    """Make the specs of `gradcheck_paths` part of a run that names nothing."""
    config.addinivalue_line("markers", "gradcheck: a check of a spec file (each has this mark by itself)")
    for path in config.getini("gradcheck_paths"):
        if not path.exists():
            raise pytest.UsageError(f"gradcheck_paths: there is no file or folder {path}")
        inside = any(path.is_relative_to(Path(arg).absolute()) for arg in config.args)
        if config.args_source is pytest.Config.ArgsSource.TESTPATHS and not inside:
            config.args.append(str(path))


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> GradcheckFile | None:
    """A file that is a spec."""
    return GradcheckFile.from_parent(parent, path=file_path) if _is_spec(file_path, parent.config) else None


def _is_spec(path: Path, config: pytest.Config) -> bool:
    if path.suffix not in (".yaml", ".yml"):
        return False
    if path.name.endswith(OWN_SUFFIXES) or config.getoption("gradcheck"):
        return True
    return any(path.is_relative_to(folder) for folder in config.getini("gradcheck_paths"))


class GradcheckFile(pytest.File):
    """A spec file."""

    def collect(self) -> Iterator[GradcheckItem]:
        """One item for each case of each function. A file that cannot be used is a collection error."""
        from gradcheck_cli.errors import SpecError
        from gradcheck_cli.planning import Planned
        from gradcheck_cli.report.clean import clean
        from gradcheck_cli.spec.loader import loads, read

        try:
            file = loads(read(str(self.path)), self._shown())._replace(folder=str(self.path.parent))
        except SpecError as error:
            raise self.CollectError(clean(str(error))) from None
        for function in file.functions.values():
            for case in function.cases:
                name = f"{function.name}[{case.name}]"
                # Given as text, the id is what pytest reads back from its cache: brackets are apart from the name.
                nodeid = f"{self.nodeid}::{name}"
                yield GradcheckItem.from_parent(self, name=name, nodeid=nodeid, planned=Planned(file, function, case))

    def _shown(self) -> str:
        """The path from where pytest was started, if it leads down."""
        start = self.config.invocation_params.dir
        return str(self.path.relative_to(start) if self.path.is_relative_to(start) else self.path)


class GradcheckItem(pytest.Item):
    """One case of one function."""

    def __init__(self, *, planned: Planned, **keywords: Any) -> None:
        super().__init__(**keywords)
        self.planned = planned
        self.add_marker("gradcheck")

    def runtest(self) -> None:
        """Check it. What is wrong or undecided fails with the report, and without a traceback."""
        from gradcheck_cli.report.formats import Options, render

        report = self._report()
        text = render(report, "full", Options(verbose=self.config.get_verbosity())).rstrip("\n")
        if report.ok:
            self.add_report_section("call", "gradcheck", text)
        elif report.summary["pass"]:
            pytest.skip("no Jacobian entry was compared")
        else:
            pytest.fail(text, pytrace=False)

    def _report(self) -> Report:
        from gradcheck_cli.errors import SpecError
        from gradcheck_cli.report.report import Report
        from gradcheck_cli.run import run_one

        file = self.planned.file
        found = run_one(self.planned, {})
        if isinstance(found, SpecError):
            return Report(mistakes=found.mistakes)
        return Report((found,), seconds=found.seconds, sources={file.path: file.text})

    def reportinfo(self) -> tuple[Path, int, str]:
        """Where the case stands in the file."""
        return self.path, self.planned.case.location.line - 1, self.name


# Assertions about reports: pytest would show the report as one line, and cut it.


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(call: pytest.CallInfo[None]) -> Generator[None, Any, Any]:
    """Give an assertion that failed the reports that it was about, as notes."""
    if "gradcheck_cli.report.report" in sys.modules and call.excinfo is not None and call.excinfo.errisinstance(AssertionError):
        _add_reports(call.excinfo.value, call.excinfo.traceback[-1].frame.f_locals)
    return (yield)


def _add_reports(error: BaseException, names: dict[str, Any]) -> None:
    """Among the names of a frame are also the values that pytest kept of the assertion."""
    from gradcheck_cli.report.report import Report

    for report in {id(value): value for value in names.values() if type(value) is Report}.values():
        text = repr(report)
        if not report.ok and text not in str(error):
            error.args = tuple(_without(text, said) if isinstance(said, str) else said for said in error.args)
            error.add_note(f"\n{text}")


def _without(report: str, message: str) -> str:
    """The message with less in place of a report that is in one line, or has lost its middle."""
    first, *_, last = report.splitlines()
    return re.sub(f"{re.escape(first[:60])}.*?{re.escape(last[-60:])}", "<Report, see below>", message, flags=re.DOTALL)
