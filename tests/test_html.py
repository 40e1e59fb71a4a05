"""The html format: what a page holds, that it is strict HTML and asks for nothing, and how a browser takes it."""

from __future__ import annotations

import json
import pickle
import re
from base64 import b64encode
from hashlib import sha256
from pathlib import Path
from shutil import which

import numpy as np
import pytest
from pages import Page

from gradcheck_cli import verify
from gradcheck_cli.check.diagnosis.cause import Change, Diagnosis
from gradcheck_cli.check.findings import Finding
from gradcheck_cli.check.result import Extent, InputResult
from gradcheck_cli.check.verdict import Verdict
from gradcheck_cli.cli import main
from gradcheck_cli.errors import Location, Mistake
from gradcheck_cli.report import Report, render
from gradcheck_cli.report.heat import KINK, OPEN, WRONG, ZERO, column_name, heat, row_name
from gradcheck_cli.report.html.heatmap import heatmap
from gradcheck_cli.run import run_specs

pytestmark = pytest.mark.slow

SPECS = """
functions:
  oscillation:
    inputs: {t: [0.4, 1.1], k: 0.7}
    forward: exp(-k * t) * sin(t)
    backward:
      t: grad * exp(-k * t) * (cos(t) - sin(t))
      k: -sum(grad * t * out)
  relu:
    inputs: {x: [0.0, 1.5, -2.0]}
    forward: maximum(x, 0)
    backward: {x: "grad * where(x > 0, 1.0, 0.3)"}
  rough:
    inputs: {x: [0.3, 1.5]}
    forward: (x + 1e9) - 1e9 + x**2
    backward: {x: grad * (1 + 2 * x)}
  right:
    inputs: {x: {shape: [3, 4]}}
    forward: tanh(x)
    backward: {x: grad * (1 - out**2)}
    cases:
      small: {inputs: {x: {shape: [2]}}}
  shape:
    inputs: {x: {shape: [3, 4]}, b: {shape: [4]}}
    forward: x * b
    backward: {x: grad * b, b: grad * x}
"""
MISTAKEN = "functions:\n  f:\n    inputs: {x: 3.0}\n    forward: sine(x)\n    backward: {x: grad}\n"


@pytest.fixture(scope="module")
def report(tmp_path_factory) -> Report:
    folder = tmp_path_factory.mktemp("specs")
    (folder / "wrong.yaml").write_text(SPECS)
    (folder / "mistaken.yaml").write_text(MISTAKEN)
    return run_specs([str(folder / "wrong.yaml"), str(folder / "mistaken.yaml")], options={"pictures": True})


@pytest.fixture(scope="module")
def page(report) -> str:
    return render(report, "html")


def many(report: Report, count: int, passing: bool = True) -> Report:
    checks = [c for c in report.checks if passing or c.verdict != "pass"]
    return report._replace(checks=tuple(checks[k % len(checks)]._replace(case=f"case{k}") for k in range(count)))


# The page.


def test_page_is_strict_and_tells_all(page):
    found = Page(page)
    assert [found.count("details", **{"class": f"check {v}"}) for v in ("fail", "inconclusive", "error", "pass")] == [
        3,
        1,
        0,
        2,
    ]
    assert found.count("figure", **{"class": "heat"}) == 6
    assert found.count("figure", **{"class": "taylor"}) == 6
    assert found.count("svg", **{"class": "gradcheck-graph"}) == 6
    text = "".join(t for texts in found.texts.values() for t in texts)
    assert "there is no function 'sine'" in text
    assert "        forward: sine(x)\n                 ^" in text
    assert "hint: did you mean 'sin'?" in text
    assert re.search(r"gradcheck run \S*wrong.yaml -k 'right\[small\]' --seed 0", text)
    assert "@ " in text
    assert "likely cause: changing `sin(t)` to `k * sin(t)`" in text
    assert "".join(found.texts["del"]).startswith("- t: grad * exp(-k * t) * (cos(t) - ")
    assert "sin(t)" in found.texts["b"]
    assert "k * sin(t)" in found.texts["b"]
    assert "2026197223" in found.texts["mark"], "the digits in which two numbers differ"
    assert {"seed", "time", "options", "version"} <= set(found.texts["dt"])


def test_page_asks_for_nothing(page):
    """What it may load stands in its policy: its own style sheet and script, by their hashes."""
    (policy,) = (a["content"] for _, a in Page(page).elements if a.get("http-equiv") == "Content-Security-Policy")
    style, script = (re.search(f"<{tag}>(.*?)</{tag}>", page, re.S)[1] for tag in ("style", "script"))
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
    assert rules == {
        "default-src": "'none'",
        "style-src": f"'sha256-{b64encode(sha256(style.encode()).digest()).decode()}'",
        "script-src": f"'sha256-{b64encode(sha256(script.encode()).digest()).decode()}'",
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    assert not re.search(r"https?:|//\w|@import|url\((?!#sign-)", page)


def test_what_needs_a_look_comes_first(page):
    assert re.findall(r'class="check (\w+)"', page) == ["fail", "fail", "inconclusive", "fail", "pass", "pass"]


def test_without_pictures_there_are_none():
    found = verify(lambda x: x**2, [np.arange(3.0)], backward=lambda g, x: 3 * g * x)
    assert found.checks[0].drawing is None
    page = Page(render(found, "html"))
    assert page.count("figure", **{"class": "heat"}) == 1
    assert page.count("figure", **{"class": "taylor"}) == page.count("svg", **{"class": "gradcheck-graph"}) == 0


@pytest.mark.parametrize("report", [Report(), Report(mistakes=(Mistake(Location("a.yaml", 1, 1), "it is wrong"),))])
def test_reports_without_checks(report):
    assert Page(render(report, "html")).count("details") == 0


HOSTILE = [
    "</script><script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "<!-- &lt;b&gt; ]]> &amp;",
    "</style></title></svg></pre><b>",
    "\u202egnp.exe\x1b[31m\x00\ud800",
    "a\nb\tc\r\n",
    "x" * 50_000,
    "𝔁 日本語 naïve",
]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_nothing_from_outside_is_markup(report, text):
    place = Location(text, 3, 5)
    edit = Diagnosis("edit", text, (Change(Location(text, 3, 3), text, text),))
    finding = Finding("GC201", text, place, text, (edit, edit))
    wrong = report.checks[0]
    x = wrong.inputs[0]._replace(name=text, outputs=(Extent(text, (2,), 1),))
    node = wrong.drawing.nodes[0]._replace(name=text)
    drawing = wrong.drawing._replace(nodes=(node, *wrong.drawing.nodes[1:]))
    check = wrong._replace(
        function=text, case=text, file=text, location=place, inputs=(x,), findings=(finding,), drawing=drawing
    )
    lines = f"a:\n  b: {text}\n  {text}: {text}\n"
    hostile = Report((check,), (Mistake(place, text, text, text),), options={text: text}, sources={text: lines})
    shown = render(hostile, "html")
    page = Page(shown)
    assert (page.count("script"), page.count("style"), page.count("main")) == (1, 1, 1)
    assert not re.search("[\x00-\x09\x0b-\x1f\u202a-\u202e\ud800]", shown)
    shown.encode()


# Size.


def test_a_thousand_checks_are_small(report):
    for passing in (True, False):
        page = render(many(report, 1000, passing), "html")
        assert len(page.encode()) < 5_000_000
        assert len(re.findall(r'<details class="check [^>]*>', page)) == 1000
        assert page.count(' id="left-out"') == 1
        assert re.search(r"details stop after 4 MB: [\d,]+ checks without pictures and [\d,]+ checks without details", page)
        assert re.search(r"To see it: <code>gradcheck run \S+wrong.yaml -k .* --seed 0 -o report.html</code>", page)
    Page(page)


def test_checks_that_do_not_pass_have_their_details_first(report):
    big = many(report, 1000)
    last = big.checks[0]._replace(function="the_last", verdict="fail")
    passing = tuple(c._replace(verdict="pass") for c in big.checks)
    page = render(big._replace(checks=(*passing, last)), "html")
    assert page.index("the_last") < page.index('id="passed"')
    assert '<figure class="heat">' in page[: page.index('id="passed"')]
    assert 'id="left-out"' in page


# The heat map.


def result(verdicts, claimed, numeric, shape=None) -> InputResult:
    rows, columns = claimed.shape
    outputs = (Extent("y", (rows,), 1),)
    bound = np.zeros(claimed.shape)
    return InputResult(
        "x", shape or (columns,), "fail", claimed, numeric, bound, verdicts, claimed.size, claimed.size,
        outputs=outputs, tolerance=(1e-7, 0.0),
    )  # fmt: skip


@pytest.mark.parametrize("place", [(0, 0), (713, 402), (999, 999)])
def test_one_wrong_entry_of_a_million_is_seen(place):
    claimed = np.random.default_rng(1).normal(size=(1000, 1000))
    numeric, verdicts = claimed.copy(), np.full(claimed.shape, Verdict.AGREE, np.int8)
    numeric[place] += 1.0
    verdicts[place] = Verdict.DISAGREE
    x = result(verdicts, claimed, numeric)
    found = heat(x, 48, 64)
    assert found.kind.shape <= (48, 64)
    ((i, j),) = np.argwhere(found.kind == WRONG)
    assert found.rows[i] <= place[0] < found.rows[i + 1]
    assert found.columns[j] <= place[1] < found.columns[j + 1]
    assert found.worst[i, j] == place[0] * 1000 + place[1]
    drawn = heatmap(x)
    assert len(drawn) < 20_000
    assert f"<title>d y[{place[0]}] / d x[{place[1]}]: wrong; claimed" in drawn
    assert f'stroke="url(#sign-{WRONG})" d="M{j} {i}.5h1"' in drawn
    assert "a cell shows the worst of 21 × 16" in drawn


def test_kinds_are_told_apart_by_signs():
    claimed = np.array([[1.0, 0.0, 2.0, 3.0, 4.0]])
    verdicts = np.array([[Verdict.AGREE, Verdict.AGREE, Verdict.KINK_BETWEEN, Verdict.NOISE, Verdict.DISAGREE]], np.int8)
    x = result(verdicts, claimed, claimed * 1.5)
    assert heat(x, 9, 9).kind.tolist() == [[1, ZERO, KINK, OPEN, WRONG]]
    drawn = heatmap(x)
    assert all(f'stroke="url(#sign-{kind})"' in drawn for kind in (KINK, OPEN, WRONG))
    assert re.findall(r"</svg>([^<]+)</li>", drawn) == ["both zero", "agrees ≤ 1", "on a kink", "open", "wrong &gt; 1e6"]


def test_claims_that_are_no_numbers_are_the_worst():
    claimed = np.array([[np.nan, np.inf, 1.0]])
    x = result(np.full((1, 3), Verdict.DISAGREE, np.int8), claimed, np.ones((1, 3)))
    assert heat(x, 9, 9).level.tolist() == [[6, 6, 3]]
    Page(f'<!DOCTYPE html>\n<div id="a">{heatmap(x)}</div>')


def test_names_of_rows_and_columns():
    claimed = np.ones((6, 8))
    x = result(np.ones((6, 8), np.int8), claimed, claimed, (2, 2))._replace(
        outputs=(Extent("a", (2,), 1), Extent("b", (2,), 2))
    )
    assert [row_name(x, k) for k in range(6)] == ["a[0]", "a[1]", "b[0].re", "b[0].im", "b[1].re", "b[1].im"]
    assert [column_name(x, k) for k in (0, 3, 7)] == ["x[0,0].re", "x[0,1].im", "x[1,1].im"]
    part = x._replace(outputs=(Extent("a", (9,), 1),), shape=(3, 3))
    assert (row_name(part, 2), column_name(part, 2)) == ("row 2", "column 2")


# What it needs.


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_command_line_asks_for_pictures(jobs, tmp_path):
    (tmp_path / "spec.yaml").write_text(SPECS)
    spec, pages = str(tmp_path / "spec.yaml"), [tmp_path / "a.html", tmp_path / "b.htm"]
    with pytest.raises(SystemExit) as exit:
        main(["run", spec, "-j", jobs, "-o", str(pages[0]), "--report", f"html={pages[1]}"])
    assert exit.value.code == 1
    for path in pages:
        assert Page(path.read_text("utf-8")).count("svg", **{"class": "gradcheck-graph"}) == 6


def test_results_with_pictures_can_be_sent(report):
    copy = pickle.loads(pickle.dumps(report.checks))
    assert copy[0].drawing == report.checks[0].drawing
    assert [n.name for n in copy[0].drawing.nodes] == ["t", "k", "oscillation"]
    assert [y.name for y in copy[0].drawing.outputs] == ["out"]


def test_pictures_are_not_made_unless_asked_for(tmp_path):
    (tmp_path / "spec.yaml").write_text(SPECS)
    for check in run_specs([str(tmp_path / "spec.yaml")]).checks:
        assert check.drawing is None
        assert all(x.taylor is None for x in check.inputs)


# In a browser.

CHROMIUM = which("chromium") or which("chromium-browser") or which("google-chrome")
DRIVER = which("chromedriver")
needs_browser = pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="there is no chromium with its chromedriver here")
FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
)


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    webdriver = pytest.importorskip("selenium.webdriver")
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in (*FLAGS.split(), f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(DRIVER))
    yield driver
    driver.quit()


def opened(browser, text: str, folder: Path) -> None:
    """Load the text as a page; it must be the only thing that is asked for, and nothing may be complained of."""
    path = folder / "report.html"
    path.write_text(text, encoding="utf-8")
    browser.get("about:blank")
    browser.get_log("browser")
    browser.get_log("performance")
    browser.get(path.as_uri())
    messages = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    urls = [m["params"]["request"]["url"] for m in messages if m["method"] == "Network.requestWillBeSent"]
    assert urls == [path.as_uri()]
    assert browser.get_log("browser") == []


def shown(browser) -> list[str]:
    script = """return [...document.querySelectorAll('details.check')].filter(e => e.checkVisibility())
        .map(e => e.querySelector('h3').textContent)"""
    return browser.execute_script(script)


@needs_browser
def test_browser_filters(browser, page, tmp_path):
    opened(browser, page, tmp_path)
    every = ["oscillation", "relu", "rough", "shape", "right", "right[small]"]
    assert shown(browser) == every
    search = browser.find_element("name", "text")
    search.send_keys("right")
    assert shown(browser) == ["right", "right[small]"]
    assert browser.find_element("css selector", "output").text == "2 of 6 checks"
    search.clear()
    search.send_keys("gc102 yaml")
    assert shown(browser) == ["shape"]
    search.clear()
    search.send_keys("x\b")
    browser.find_element("css selector", "input[value=pass]").click()
    assert shown(browser) == every[:4]
    browser.find_element("css selector", "input[value=fail]").click()
    assert shown(browser) == ["rough"]
    browser.find_element("name", "fold").click()
    assert browser.execute_script("return document.querySelectorAll('details.check[open]').length") == 3
    assert browser.get_log("browser") == []


@needs_browser
def test_browser_needs_no_script(browser, page, tmp_path):
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        opened(browser, page, tmp_path)
        summary = browser.find_elements("css selector", "details.check > summary")[-1]
        assert not browser.find_element("css selector", "form").is_displayed()
        browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})
        summary.send_keys("\n")
        assert browser.find_elements("css selector", "details.check")[-1].get_attribute("open")
    finally:
        browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})


@needs_browser
@pytest.mark.parametrize("width", [360, 1280])
def test_browser_shows_nothing_beyond_the_edge(browser, page, tmp_path, width):
    size = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 500}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    try:
        opened(browser, page, tmp_path)
        browser.execute_script("document.querySelectorAll('details').forEach(e => e.open = true)")
        assert browser.execute_script("return document.documentElement.scrollWidth") <= width
    finally:
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


@needs_browser
def test_browser_takes_two_hundred_checks(browser, report, tmp_path):
    opened(browser, render(many(report, 200), "html"), tmp_path)
    assert len(shown(browser)) == 200
    browser.find_element("name", "text").send_keys("case17")
    assert len(shown(browser)) == 11
    loaded = "const [n] = performance.getEntriesByType('navigation'); return n.domContentLoadedEventEnd"
    assert browser.execute_script(loaded) < 5000


@needs_browser
def test_browser_takes_hostile_text_as_text(browser, report, tmp_path):
    checks = tuple(report.checks[0]._replace(function=text[:200]) for text in HOSTILE)
    opened(browser, render(report._replace(checks=checks), "html"), tmp_path)
    assert shown(browser)[1] == HOSTILE[1]
