"""Checks in other processes and on a cluster: the same report as without, and what is lost is said to be lost."""

from __future__ import annotations

import json
import os
import pickle
import signal
import subprocess
import sys
import time
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import closing
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from documents import ROOT

from gradcheck_cli import UsageError, cli, verify_many
from gradcheck_cli.planning import plan
from gradcheck_cli.report import Report
from gradcheck_cli.run import run_one, run_specs
from gradcheck_cli.selection import Selection
from gradcheck_cli.workers import Processes, dask_executor, in_order

pytestmark = pytest.mark.slow

SPECS = [str(ROOT / "specs" / name) for name in ("tutorial.yaml", "mistakes")]
SEVERAL = """
functions:
  drawn:
    inputs: {x: {shape: [3]}}
    forward: relu(x)
    backward: {x: grad * (x > 0)}
    check: {points: 5}
  wrong_at_some:
    inputs: {x: {shape: [2]}}
    forward: abs(x)
    backward: {x: grad}
    check: {points: 8}
  wrong:
    inputs: {x: 2.0}
    forward: x**3
    backward: {x: grad * x}
  no_file:
    inputs: {x: {file: nowhere.npy}}
    forward: x
    backward: {x: grad}
"""


@pytest.fixture(scope="module")
def processes() -> Any:
    with Processes(2) as executor:
        yield executor


@pytest.fixture(scope="module")
def several(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("specs") / "several.yaml"
    path.write_text(SEVERAL)
    return str(path)


@cache
def alone(*paths: str) -> Report:
    """What the report is without workers."""
    return run_specs(paths)


def untimed(report: Any) -> Any:
    found = report.to_dict()
    for check in found["checks"]:
        check.pop("seconds")
    return found


def square(x: int) -> int:
    return x * x


def fragile(x: int) -> int:
    if x == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    if x == 4:
        sys.exit(7)
    return -x


def picky(x: int) -> int:
    if x == 2:
        raise ValueError("two")
    return x


def unreadable(x: int) -> Any:
    if x == 1:
        return lambda: x
    return Unreadable("a", "b") if x == 2 else x


class Unreadable(Exception):  # noqa: N818
    def __init__(self, one: str, two: str) -> None:
        super().__init__(one)


def lost(item: int, error: BaseException) -> str:
    return f"lost {item}: {type(error).__name__}"


def gradcheck(*arguments: Any) -> Any:
    return CliRunner().invoke(cli.main, ["run", *map(str, arguments)])


# The same report.


@pytest.mark.parametrize("executor", ["processes", ThreadPoolExecutor(2)], ids=["processes", "threads"])
def test_the_report_is_the_same(executor, several, request):
    workers = request.getfixturevalue(executor) if isinstance(executor, str) else executor
    paths = [*SPECS, several] if executor == "processes" else [SPECS[0], several]
    found = run_specs(paths, executor=workers)
    assert len(found.checks) > 12
    assert untimed(found) == untimed(alone(*paths))
    assert [str(m) for m in found.mistakes] == [str(m) for m in alone(*paths).mistakes]
    assert len(found.mistakes) == 1


def test_stops_at_the_first_that_fails(processes, several):
    found = run_specs([several], stop_at_first=True, executor=processes)
    assert [c.name for c in found.checks] == ["drawn", "wrong_at_some"]
    assert untimed(found) == untimed(run_specs([several], stop_at_first=True))


def test_draws_are_spread(several):
    class Noting(ThreadPoolExecutor):
        sent: list[Any] = []  # noqa: RUF012

        def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Any:
            self.sent += pickle.loads(args[1])
            return super().submit(fn, *args, **kwargs)

    with Noting(2) as executor:
        found = verify_many([several], executor=executor)
    assert [(d.item.name, d.point) for d in Noting.sent][:13] == [("drawn", k) for k in range(5)] + [
        ("wrong_at_some", k) for k in range(8)
    ]
    assert untimed(found) == untimed(alone(several))


def test_command_line(several):
    one, two = gradcheck(several, "--output-format", "concise"), gradcheck(several, "--output-format", "concise", "-j", 2)
    assert two.exit_code == one.exit_code == 2
    assert two.stdout.split(" in ")[0] == one.stdout.split(" in ")[0]


def test_a_planned_check_is_sent_as_text():
    planned, _ = plan(SPECS, Selection())
    item = next(p for p in planned if p.case.name != "default")
    sent = pickle.loads(pickle.dumps(item))
    assert (sent.name, sent.file.path) == (item.name, item.file.path)
    assert run_one(sent, {}).name == item.name
    both = pickle.loads(pickle.dumps([item, item]))
    assert both[0].file is both[1].file


def test_verify_many_takes_paths(several):
    assert [c.name for c in verify_many(Path(several), keyword="drawn").checks] == ["drawn"]
    assert verify_many([ROOT / "specs" / "tutorial.yaml"]).ok
    with pytest.raises(UsageError, match="no option 'rtoll'; did you mean 'rtol'"):
        verify_many(several, rtoll=1)


# Shards.


@pytest.mark.parametrize("count", [1, 2, 3, 7])
def test_shards_are_a_partition(count):
    everything = [p.name for p in plan(SPECS, Selection())[0]]
    shards = [[p.name for p in plan(SPECS, Selection(shard=(k + 1, count)))[0]] for k in range(count)]
    assert sorted(name for shard in shards for name in shard) == sorted(everything)
    assert max(map(len, shards)) - min(map(len, shards)) <= 1


def test_shard_of_the_command_line(several):
    found = [gradcheck(several, "--list", "--shard", f"{k}/4").stdout.split()[1] for k in (1, 2, 3, 4)]
    assert found == ["drawn", "wrong_at_some", "wrong", "no_file"]
    assert gradcheck(several, "--list", "--shard", "5/5").exit_code == 5


@pytest.mark.parametrize(
    ("option", "value"),
    [("--shard", v) for v in ("3/2", "0/2", "1", "1/", "/2", "a/b", "-1/2")]
    + [("-j", v) for v in ("0", "-1", "two", "1.5", "99999")],
)
def test_bad_values(option, value, several):
    found = gradcheck(several, option, value)
    assert found.exit_code == 2
    assert "must be" in found.stderr
    assert repr(value) in found.stderr


# Other executors, and what becomes of work.


@pytest.mark.parametrize("count", [0, 1, 5, 200, 3000])
def test_in_order(count):
    with ThreadPoolExecutor(3) as executor:
        assert list(in_order(executor, square, range(count), lost)) == [k * k for k in range(count)]


def test_what_work_raises_is_raised(processes):
    found = in_order(processes, picky, [0, 1, 2, 3], lost)
    assert (next(found), next(found)) == (0, 1)
    with pytest.raises(ValueError, match="two"):
        next(found)


@pytest.mark.parametrize("count", [6, 400])
def test_only_the_work_of_a_worker_that_dies_is_lost(count):
    with Processes(2) as executor:
        found = list(in_order(executor, fragile, range(count), lost))
    assert found[3] == "lost 3: WorkerDiedError"
    assert str(found[4]).startswith("lost 4")
    assert [x for k, x in enumerate(found) if k not in (3, 4)] == [-k for k in range(count) if k not in (3, 4)]


def test_results_that_cannot_be_sent_are_lost(processes):
    found = list(in_order(processes, unreadable, range(4), lost))
    assert [str(x).partition(":")[0] for x in found] == ["0", "lost 1", "lost 2", "3"]


def test_an_executor_that_takes_no_work_loses_everything():
    executor = ThreadPoolExecutor(1)
    executor.shutdown()
    assert list(in_order(executor, square, [1, 2], lost)) == ["lost 1: RuntimeError", "lost 2: RuntimeError"]


class Fatal:
    """Kills the first process that unpickles it."""

    def __init__(self, marker: str) -> None:
        self.marker = marker

    def __reduce__(self) -> Any:
        return _fatal, (self.marker,)


def _fatal(marker: str) -> Fatal:
    if not Path(marker).exists():
        Path(marker).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return Fatal(marker)


def named(item: Any) -> str:
    return type(item).__name__


def test_what_a_dead_worker_had_is_tried_once_more(tmp_path):
    with Processes(1) as executor:
        items = [1, Fatal(str(tmp_path / "marker")), 2, 3]
        found = list(in_order(executor, named, items, lambda item, error: f"lost: {type(error).__name__}"))
    assert found == ["int", "Fatal", "int", "int"]


def idle(seconds: float) -> float:
    time.sleep(seconds)
    return seconds


def test_what_takes_too_long_is_stopped():
    with Processes(2, seconds=1) as executor:
        start = time.monotonic()
        found = list(in_order(executor, idle, [0.0, 60.0, 0.01, 0.02], lambda item, error: type(error).__name__))
    assert found == [0.0, "TimeoutError", 0.01, 0.02]
    assert time.monotonic() - start < 30


def test_a_check_that_takes_too_long_is_an_error_of_that_check_alone(several, tmp_path):
    long = tmp_path / "long.yaml"  # longer than it takes to look at the clock
    long.write_text("functions: {long: {inputs: {x: {shape: [1000]}}, forward: softmax(x), check: {mode: full}}}")
    outcome = gradcheck(str(long), "--timeout", "1e-5")
    assert outcome.exit_code == 2
    assert "GC506 the check took too long" in outcome.output
    assert gradcheck(several, "-k", "drawn", "--timeout", "60").exit_code == 0
    assert "exclude each other" in gradcheck(several, "--timeout", "1", "--dask", "tcp://x:1").output


def test_a_check_without_memory_says_so(several, monkeypatch):
    def exhausted(*_: Any, **__: Any) -> Any:
        raise MemoryError("Unable to allocate 8.00 TiB")

    monkeypatch.setattr("gradcheck_cli.check.check.check", exhausted)
    outcome = gradcheck(several, "-k", "drawn")
    assert outcome.exit_code == 2
    assert "GC505 the check was lost" in outcome.output
    assert "ran out of memory: Unable to allocate 8.00 TiB" in outcome.output


def test_relative_paths_mean_the_same_elsewhere(tmp_path, monkeypatch):
    (tmp_path / "sub").mkdir()
    np.save(tmp_path / "sub" / "x.npy", np.array([0.3, 1.2]))
    (tmp_path / "sub" / "a.yaml").write_text(
        "functions:\n  f:\n    inputs: {x: {file: x.npy}}\n    forward: sin(x)\n    backward: {x: grad * cos(x)}\n"
    )
    monkeypatch.chdir(tmp_path)
    (item,) = plan(["sub/a.yaml"], Selection())[0]
    sent = pickle.dumps(item)
    monkeypatch.chdir("/")
    found = run_one(pickle.loads(sent), {})
    assert (found.verdict, found.file) == ("pass", "sub/a.yaml")


def test_no_more_processes_than_work():
    with Processes(50) as executor:
        assert list(in_order(executor, square, [1, 2, 3], lost)) == [1, 4, 9]
        assert executor._threads._max_workers == 3
    with Processes(2):
        pass


def test_modules_of_the_current_directory_are_not_run(several, tmp_path):
    for name in (
        "numpy",
        "yaml",
        "click",
        "rich",
        "pickle",
        "random",
        "signal",
        "json",
        "gradcheck_cli",
        "sitecustomize",
    ):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('not me')")
    command = [sys.executable, "-P", "-m", "gradcheck_cli", "run", several, "-k", "drawn", "-j", "2"]
    found = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (found.returncode, found.stderr) == (0, "")


def test_an_executor_that_breaks_loses_everything_after():
    with ProcessPoolExecutor(1) as executor:
        found = list(in_order(executor, fragile, [1, 3, 5], lost))
    assert found[1:] == ["lost 3: BrokenProcessPool", "lost 5: BrokenProcessPool"]


def test_what_is_not_wanted_any_more_is_cancelled():
    started = []

    def slow(x: int) -> int:
        started.append(x)
        time.sleep(0.01)
        return x

    with ThreadPoolExecutor(1) as executor, closing(in_order(executor, slow, range(50), lost)) as found:
        assert next(found) == 0
    assert len(started) < 50


def test_a_lost_check_is_an_error_of_its_own(several):
    class Losing(Executor):
        def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
            future: Future[Any] = Future()
            if pickle.loads(args[1])[0].item.name == "wrong":
                future.set_exception(MemoryError("none left"))
            else:
                future.set_result(fn(*args, **kwargs))
            return future

    found = run_specs([several], executor=Losing())
    assert [c.verdict for c in found.checks] == ["pass", "fail", "error"]
    (finding,) = found.checks[2].findings
    assert (finding.code, finding.message) == ("GC505", "the check was lost: MemoryError: none left")
    assert found.checks[2].location is not None
    assert found.exit_code == 2


# Dask.


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
def test_dask(several):
    distributed = pytest.importorskip("distributed")
    settings = {"n_workers": 1, "threads_per_worker": 2, "processes": False, "dashboard_address": ":0"}
    with distributed.LocalCluster(**settings) as cluster:
        found = gradcheck(*SPECS, several, "--dask", cluster.scheduler_address, "--output-format", "json")
        with dask_executor(cluster.scheduler_address) as executor:
            report = verify_many(several, executor=executor)
    assert found.exit_code == 2
    assert [c["function"] for c in json.loads(found.stdout)["checks"]] == [c.function for c in alone(*SPECS, several).checks]
    assert untimed(report) == untimed(alone(several))


def test_dask_without_a_cluster(several, monkeypatch):
    pytest.importorskip("distributed")
    monkeypatch.setattr("gradcheck_cli.workers.DASK_SECONDS", 0.2)
    with pytest.raises(UsageError, match="no Dask scheduler answers at tcp"), dask_executor("tcp://127.0.0.1:1"):
        pass
    assert "exclude each other" in gradcheck(several, "--dask", "tcp://127.0.0.1:1", "-j", "2").stderr


def test_dask_is_an_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(UsageError, match=r"pip install 'gradcheck-cli\[dask\]'"), dask_executor("tcp://127.0.0.1:1"):
        pass
