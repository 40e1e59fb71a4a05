"""One small report in every format, against what was written down by hand for it."""

from __future__ import annotations

import json
from xml.etree import ElementTree as ET

import pytest
from reports import SPEC, small

from gradcheck_cli.report import Options, render
from gradcheck_cli.report.places import relative, uri

CAUSE = "the gradient of 'x' is wrong; likely cause: changing `grad * x` mends the rule"


def test_github():
    assert render(small(), "github").splitlines() == [
        "::error file=bad.yaml,line=4,endLine=4,col=14,endColumn=21,title=invalid spec"
        "::unknown function sinn (did you mean 'sin'?)",
        f"::error file=specs/a b.yaml,line=6,endLine=6,col=10,endColumn=18,title=GC201 Jacobian mismatch%3A f::{CAUSE}",
        "::warning file=specs/a b.yaml,line=10,endLine=10,col=19,endColumn=24,"
        "title=GC301 below the noise of float64%3A g[wide]::50%25 of it%0Ais too small",
        "1 passed, 1 failed, 1 inconclusive, 1 error in 1.50 s",
    ]


def test_gitlab():
    found = json.loads(render(small(), "gitlab"))
    rows = [(i["severity"], i["check_name"], i["location"]["path"], i["location"]["lines"]["begin"]) for i in found]
    assert rows == [
        ("blocker", "invalid-spec", "bad.yaml", 4),
        ("critical", "GC201", SPEC, 6),
        ("minor", "GC301", SPEC, 10),
        ("info", "GC605", SPEC, 11),
    ]
    assert [i["description"] for i in found] == [
        "unknown function sinn (did you mean 'sin'?)",
        f"f: {CAUSE}",
        "g[wide]: 50% of it\nis too small",
        "h: x is square",
    ]


def test_junit():
    root = ET.fromstring(render(small(), "junit"))
    assert root.attrib == {"name": "gradcheck", "time": "1.500", "tests": "4", "failures": "2", "errors": "1"}
    first, second = root
    counts = {"time": "1.250", "tests": "3", "failures": "2", "errors": "0", "skipped": "0"}
    assert first.attrib == {"name": SPEC, "file": SPEC} | counts
    assert [c.attrib for c in first.iter("testcase")] == [
        {"classname": "specs.a b", "name": "g[wide]", "time": "0.000"},
        {"classname": "specs.a b", "name": "f", "time": "0.250"},
        {"classname": "specs.a b", "name": "h", "time": "1.000"},
    ]
    undecided, wrong = first.iter("failure")
    assert undecided.attrib == {
        "type": "inconclusive",
        "message": "GC301 below the noise of float64: 50% of it is too small",
    }
    assert wrong.attrib == {"type": "GC201", "message": "GC201 Jacobian mismatch: the gradient of 'x' is wrong"}
    assert wrong.text.startswith("FAIL  specs/a b.yaml:2  f  1 of 1 entries wrong\n")
    assert "x out 2 4 1.0e-12 5.0e-01" in [" ".join(line.split()) for line in wrong.text.splitlines()]
    assert "repeat: gradcheck run 'specs/a b.yaml' -k 'f[default]' --seed 0" in wrong.text
    (broken,) = second.iter("error")
    assert broken.attrib == {"type": "invalid-spec", "message": "unknown function sinn"}
    assert broken.text == (
        "bad.yaml:4:14: unknown function sinn\n        forward: sinn(x)\n                 ^\n    hint: did you mean 'sin'?"
    )


def test_sarif():
    (run,) = json.loads(render(small(), "sarif"))["runs"]
    rows = [(r["level"], r["ruleId"], r["message"]["text"]) for r in run["results"]]
    assert rows == [
        ("error", "invalid-spec", "unknown function sinn (did you mean 'sin'?)"),
        ("error", "GC201", f"f: {CAUSE}"),
        ("warning", "GC301", "g[wide]: 50% of it is too small"),
        ("note", "GC605", "h: x is square"),
    ]
    wrong = run["results"][1]
    file = {"uri": "specs/a%20b.yaml", "uriBaseId": "%SRCROOT%"}
    assert wrong["locations"] == [
        {
            "physicalLocation": {
                "artifactLocation": file,
                "region": {"startLine": 6, "startColumn": 10, "endLine": 6, "endColumn": 18},
            },
            "logicalLocations": [{"fullyQualifiedName": "f", "kind": "function"}],
        }
    ]
    assert wrong["fixes"] == [
        {
            "description": {"text": "Change `grad * x` to `2 * grad * x`, which mends the rule"},
            "artifactChanges": [
                {
                    "artifactLocation": file,
                    "replacements": [
                        {
                            "deletedRegion": {"startLine": 6, "startColumn": 10, "endLine": 6, "endColumn": 18},
                            "insertedContent": {"text": "2 * grad * x"},
                        }
                    ],
                }
            ],
        }
    ]
    (invocation,) = run["invocations"]
    assert (invocation["exitCode"], invocation["executionSuccessful"]) == (2, False)
    (said,) = invocation["toolExecutionNotifications"]
    assert said["message"]["text"] == "bad.yaml cannot be used; the results of rule invalid-spec say why"


MARKDOWN = """\
## gradcheck: 1 passed, 1 failed, 1 inconclusive, 1 error in 1.50 s

| passed | failed | inconclusive | errors |
|---|---|---|---|
| 1 | 1 | 1 | 1 |

### ERROR <code>bad.yaml</code> cannot be used

```text
bad.yaml:4:14: unknown function sinn
        forward: sinn(x)
                 ^
    hint: did you mean 'sin'?
```

### FAIL <code>f</code> at <code>specs/a b.yaml&#58;2</code>: 1 of 1 entries wrong

| input | entries | max abs error | max rel error | at | error bound | verdict |
|---|---|---|---|---|---|---|
| <code>x</code> | 1 | 2.0e+00 | 5.0e-01 | <code>out, x</code> | 1.0e-12 | FAIL, 1 wrong |

1 of 1 entries of <code>x</code> wrong, the worst first:

| input | output | claimed | numeric | ± bound | rel error |
|---|---|---|---|---|---|
| <code>x</code> | <code>out</code> | 2 | 4 | 1.0e-12 | 5.0e-01 |

**GC201 Jacobian mismatch** at <code>specs/a b.yaml&#58;6&#58;10</code>

```text
the gradient of 'x' is wrong
likely cause: changing `grad * x` mends the rule
```

```diff
@@ specs/a b.yaml:6:10 @@
-      x: grad * x
+      x: 2 * grad * x
```

```sh
gradcheck run 'specs/a b.yaml' -k 'f[default]' --seed 0
```

### OPEN <code>g&#91;wide&#93;</code> at <code>specs/a b.yaml&#58;7</code>: 1 of 1 entries undecided

| input | entries | max abs error | max rel error | at | error bound | verdict |
|---|---|---|---|---|---|---|
| <code>x</code> | 1 | 2.0e+00 | 5.0e-01 | <code>out, x</code> | 1.0e-12 | OPEN, 1 open |

1 of 1 entries of <code>x</code> left open:

| input | output | claimed | numeric | ± bound | resolution |
|---|---|---|---|---|---|
| <code>x</code> | <code>out</code> | 2 | 4 | 1.0e-12 | 2.5e-13 |

**GC301 below the noise of float64** at <code>specs/a b.yaml&#58;10&#58;19</code>

```text
50% of it
is too small
```

```sh
gradcheck run 'specs/a b.yaml' -k 'g[wide]' --seed 0
```

<details><summary>1 passed</summary>

| check | place | found |
|---|---|---|
| <code>h</code> | <code>specs/a b.yaml&#58;11</code> | 0 entries, largest relative error 0.0e+00 |

</details>
"""


def test_markdown():
    assert render(small(), "markdown") == MARKDOWN
    assert "<details>" not in render(small(), "markdown", Options(verbose=-1))


# Paths.


@pytest.mark.parametrize(
    ("path", "seen", "reference"),
    [
        ("specs/a.yaml", "specs/a.yaml", "specs/a.yaml"),
        ("./specs/../b c.yaml", "b c.yaml", "b%20c.yaml"),
        ("/srv/repo/sub/é#?%.yaml", "é#?%.yaml", "%C3%A9%23%3F%25.yaml"),
        ("/elsewhere/a.yaml", "/elsewhere/a.yaml", "file:///elsewhere/a.yaml"),
        ("../a.yaml", "/srv/repo/a.yaml", "file:///srv/repo/a.yaml"),
        ("..a.yaml", "..a.yaml", "..a.yaml"),
        ("C:\\specs\\a.yaml", "C:\\specs\\a.yaml", "C%3A%5Cspecs%5Ca.yaml"),
        ("a:b.yaml", "a:b.yaml", "a%3Ab.yaml"),
        ("\ud800.yaml", "\ud800.yaml", "%5Cud800.yaml"),
        ("<stdin>", "<stdin>", "%3Cstdin%3E"),
        ("", "", ""),
    ],
)
def test_paths(path, seen, reference, monkeypatch):
    monkeypatch.setattr("os.getcwd", lambda: "/srv/repo/sub")
    assert relative(path) == seen
    assert uri(path) == reference


def test_paths_from_the_root_of_a_repository(monkeypatch):
    monkeypatch.setattr("os.getcwd", lambda: "/srv/repo/sub")
    assert relative("a.yaml", "/srv/repo") == "sub/a.yaml"
    assert uri("/srv/repo/a.yaml", "/srv/repo") == "a.yaml"
