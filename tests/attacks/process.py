"""What the folder, the environment and the command line may bring."""

from __future__ import annotations

from attacks.attack import SPEC, Attack, function

OPTIONS = [
    *(("--seed", text) for text in ("-1", "1e3", "9" * 30)),
    *(("--rtol", text) for text in ("0", "2", "nan", "1" + "0" * 5000)),
    *(("--atol", text) for text in ("-1", "inf")),
    *(("--eps", text) for text in ("0", "-1", "nan")),
    *(("-j", text) for text in ("0", "-1", "99999999999", "two")),
    *(("--shard", text) for text in ("0/1", "2/1", "1", "1/0", "9" * 30 + "/1")),
    *(("--timeout", text) for text in ("0", "-1", "nan")),
    *(("-k", text) for text in ("(", "and", "not", "(" * 5000, "not " * 5000 + "x", "a b")),
    ("--output-format", "xml"),
    *(("--report", text) for text in ("json", "json=-")),
    ("--nothing",),
    ("-z",),
]

ATTACKS = [
    *(Attack(f"option: {' '.join(words)[:40]}", function(), argv=("run", SPEC, *words)) for words in OPTIONS),
    Attack("command: none", argv=(), codes=frozenset({0, 2})),
    Attack("command: unknown", argv=("destroy",)),
    Attack("command: escape codes", argv=("\x1b[31m",), silent=("Traceback", "\x1b")),
    Attack("explain: escape codes", argv=("explain", "\x1b[31m"), silent=("Traceback", "\x1b")),
    Attack("ops: escape codes", argv=("ops", "\x1b[31m"), silent=("Traceback", "\x1b")),
    Attack("output: into nowhere", function(), frozenset({4}), argv=("run", SPEC, "-o", "none/report.txt"), touches="/none/"),
    Attack("output: into the folder itself", function(), frozenset({4}), argv=("run", SPEC, "-o", "."), touches="open "),
]
