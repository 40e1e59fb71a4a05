"""Pictures of characters in the full format."""

from __future__ import annotations

import re

import numpy as np
import pytest

from gradcheck_cli import verify
from gradcheck_cli.check.result import Extent, InputResult
from gradcheck_cli.check.taylor import Taylor
from gradcheck_cli.check.verdict import Verdict
from gradcheck_cli.report.formats import Options
from gradcheck_cli.report.full import render
from gradcheck_cli.report.plots import heat_map, taylor_plot

ANSI = re.compile(r"\x1b\[[\d;]*m")


def result(verdicts, error, name="y") -> InputResult:
    claimed = np.where(verdicts == Verdict.AGREE, 0.0, 1.0)
    bound = np.zeros(claimed.shape)
    outputs = (Extent(name, (len(claimed),), 1),)
    shape, size = (claimed.shape[1],), claimed.size
    numbers = (claimed, claimed + error, bound, verdicts, size, size)
    return InputResult("x", shape, "fail", *numbers, outputs=outputs, tolerance=(1e-7, 0.0))


def one_wrong(rows=1000, columns=1000, place=(713, 402)) -> InputResult:
    verdicts, error = np.full((rows, columns), Verdict.AGREE, np.int8), np.zeros((rows, columns))
    verdicts[place], error[place] = Verdict.DISAGREE, 1.0
    return result(verdicts, error)


@pytest.mark.parametrize("width", [40, 80, 200, None])
@pytest.mark.parametrize("color", [False, True])
def test_one_wrong_entry_of_a_million_is_seen(width, color):
    text = heat_map(one_wrong(), "  ", Options(width=width, color=color))
    lines = ANSI.sub("", text).split("\n")
    assert text.isascii()
    assert max(map(len, lines)) <= (width or 120)
    grid = [line for line in lines if line.endswith("|")]
    assert len(grid) <= 24
    (line,) = (line for line in grid if "#" in line)
    assert line.count("#") == 1
    assert line.split("|")[0].strip() == "y[672]"
    cells = len(line.split("|")[1])
    step = -(-1000 // cells)
    assert line.split("|")[1].index("#") == 402 // step
    assert f"a sign stands for the worst of 42 x {step}" in " ".join(text.split())
    assert ("\x1b[31m#\x1b[0m" in text) == color


def test_every_kind_has_a_sign_and_a_meaning():
    kinds = [Verdict.AGREE, Verdict.EDGE, Verdict.NOISE, *[Verdict.DISAGREE] * 4]
    x = result(np.array([kinds], np.int8), np.array([[1e-9, 0, 0, 1e-6, 1e-4, 1e-2, 2.0]]))
    assert heat_map(x, "", Options()).split("\n") == [
        "where the Jacobian of x is wrong; down: y[0], across: x[0] to x[6]",
        "y[0] |. ^ ? : + * #|",
        ". agrees; ^ on a kink; ? open; : error <= 100 tolerances; + error <= 1e4 tolerances; * error <= 1e6 tolerances; "
        "# error > 1e6 tolerances",
    ]


def test_a_picture_of_one_sign_is_left_out():
    assert heat_map(result(np.full((20, 20), Verdict.DISAGREE, np.int8), np.ones((20, 20))), "", Options()) == ""


def test_long_names_leave_room():
    x = one_wrong(50, 50, (49, 0))
    long = x._replace(outputs=(Extent("日本語" * 30, (50,), 1),))
    lines = heat_map(long, "  ", Options(width=40)).split("\n")
    grid = [line for line in lines if line.endswith("|")]
    assert [line.split("|")[0].strip() for line in grid][:3] == ["0", "3", "6"]
    assert max(map(len, grid)) <= 40


def test_picture_is_shown_where_the_list_is_not_all():
    for wrong, shown in ((10, False), (11, True)):
        factor = np.where(np.arange(30) < wrong, 3.0, 2.0)
        report = verify(lambda x: x**2, [np.linspace(1, 2, 30)], backward=lambda grad, x, factor=factor: grad * factor * x)
        assert ("where the Jacobian of x is wrong" in render(report, Options())) == shown


STEPS = tuple(2.0**-k for k in range(1, 27))
RIGHT = Taylor(STEPS, tuple(max(h**3, 1e-16) for h in STEPS), (1.0,) * 26)


@pytest.mark.parametrize("width", [40, 80, 200, None])
def test_taylor_plot_falls(width):
    lines = taylor_plot(RIGHT, "  ", Options(width=width)).split("\n")
    assert all(line.isascii() and len(line) <= (width or 80) for line in lines)
    grid = [line.partition("|")[2] for line in lines if "|" in line]
    marked = [line for line in grid if "o" in line]
    assert len(marked) > 8
    assert marked[0].rindex("o") > marked[-1].rindex("o")
    assert any("1" in line[: line.find("o")] for line in marked), "the guide of h lies above"
    assert "3" in grid[-1] + grid[-2] + grid[-3]
    assert lines[-1].strip().startswith(("o remainder", "step", "h^3", "from"))


def test_taylor_plot_of_nothing():
    assert taylor_plot(Taylor((0.5, 0.25), (0.0, 0.0), (0.0, 0.0)), "", Options()) == ""
    assert taylor_plot(Taylor((0.5, 0.25), (float("nan"), 1.0), (0.0, 0.0)), "", Options()) == ""
    assert taylor_plot(Taylor((0.5, 0.25), (1.0, 1.0), (0.0, 0.0)), "", Options())


def test_command_line_shows_taylor_plots_with_vv():
    report = verify(lambda x: x**3, [np.arange(1.0, 4.0)], backward=lambda g, x: 3 * g * x**2, pictures=True)
    assert "o remainder at step h; 1 falls with h" in render(report, Options(verbose=2))
