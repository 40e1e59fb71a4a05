"""What strangers send: each attack ends soon, with a clear error or an honest verdict, and touches nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from attacks.attack import SPEC, Attack

FOLDER = Path(__file__).parent / "attacks"
KINDS = ["expressions", "yaml_text", "sizes", "files", "policy", "output", "process"]
ATTACKS = [attack for kind in KINDS for attack in import_module(f"attacks.{kind}").ATTACKS]
CPU_SECONDS = 3.0
"""Two on a quiet machine; where other work uses the same cores they are slower."""
MEMORY = 300e6

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the server of attacks forks"),
]


@pytest.fixture(scope="module")
def server() -> Any:
    """Runs attacks, each in a process of its own that is quickly made."""
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": str(FOLDER.parent.parent)}
    command = [sys.executable, str(FOLDER / "server.py")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment) as process:
        yield process
        process.stdin.close()


def carry_out(server: Any, attack: Attack, folder: Path) -> dict[str, Any]:
    if attack.spec is not None:
        (folder / SPEC).write_bytes(attack.spec.encode() if isinstance(attack.spec, str) else attack.spec)
    if attack.prepare is not None:
        attack.prepare(folder)
    before = listing(folder)
    server.stdin.write(json.dumps({"folder": str(folder), "argv": attack.argv, "stdin": attack.stdin}) + "\n")
    server.stdin.flush()
    found: dict[str, Any] = json.loads(server.stdout.readline())
    assert listing(folder) == before, "files were made or changed"
    return found


def listing(folder: Path) -> dict[str, tuple[int, int]]:
    return {str(p): (p.lstat().st_size, p.lstat().st_mtime_ns) for p in folder.rglob("*")}


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
def test_attack(attack: Attack, server: Any, tmp_path: Path) -> None:
    found = carry_out(server, attack, tmp_path)
    printed = found["out"] + found["err"]
    assert found["code"] in attack.codes, printed[-2000:]
    assert attack.says in printed
    assert not [word for word in attack.silent if word in printed], printed[-2000:]
    assert [event for event in found["touched"] if not (attack.touches and attack.touches in event)] == []
    assert found["cpu"] < CPU_SECONDS, printed[-300:]
    assert found["rss"] < MEMORY
    assert len(printed) < 200_000


def test_there_are_enough() -> None:
    names = [attack.name for attack in ATTACKS]
    assert len(names) >= 300
    assert len(set(names)) == len(names)
