"""What breaks while checks run costs no result; `breakage.py` does each many times."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from pathlib import Path

import pytest
from breakage import KINDS

MOUNTS = {"full disk", "read-only disk"}


def can_mount(folder: Path) -> bool:
    if not sys.platform.startswith("linux") or os.geteuid():
        return False
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4k", "tmpfs", folder], check=False, capture_output=True)
    return done.returncode == 0 and subprocess.run(["umount", folder], check=False).returncode == 0


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks for stray processes in /proc")
@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_lost(kind, tmp_path):
    if kind in MOUNTS and not can_mount(tmp_path):
        pytest.skip("a disk is mounted by the superuser only")
    KINDS[kind](tmp_path, random.Random())
