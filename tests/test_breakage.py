"""What breaks while checks run costs no result; `breakage.py` does each many times."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from breakage import KINDS

pytestmark = pytest.mark.slow

MOUNTS = {"full disk", "read-only disk"}


def can_mount(folder: Path) -> bool:
    if not sys.platform.startswith("linux") or os.geteuid():
        return False
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4k", "tmpfs", folder], check=False, capture_output=True)
    return done.returncode == 0 and subprocess.run(["umount", folder], check=False).returncode == 0


@pytest.fixture(scope="module")
def trials(request, tmp_path_factory):
    """Those that are asked for: mostly they wait, so three of them run at a time."""
    asked = [item.callspec.params["kind"] for item in request.session.items if item.path == request.path]
    with ThreadPoolExecutor(3) as executor:
        yield {kind: executor.submit(carry_out, kind, tmp_path_factory.mktemp("trial")) for kind in asked}


def carry_out(kind: str, folder: Path) -> str:
    """What came of it; empty where it cannot be tried here."""
    return "" if kind in MOUNTS and not can_mount(folder) else KINDS[kind](folder, random.Random())


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks for stray processes in /proc")
@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_lost(kind, trials):
    if not trials[kind].result():
        pytest.skip("a disk is mounted by the superuser only")
