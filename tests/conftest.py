"""What the processes of the tests, and those that they start, have in common."""

from __future__ import annotations

import os
import sys
import tempfile

import draws  # noqa: F401  # which asks for the day, once for all processes
import pytest

for name in ("GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY", "GITHUB_WORKSPACE", "CI_PROJECT_DIR"):
    # The tests are no job of their own: what they run must not write into the summary of the job that runs them.
    os.environ.pop(name, None)

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # there is a process for each core, and matrices are small
os.environ.setdefault("HYPOTHESIS_NO_PLUGINS", "1")  # whatever else is installed, importing it takes half a second


def pytest_configure(config: pytest.Config) -> None:
    """Where no bytecode may be written beside the sources, processes that tests start share some elsewhere."""
    if os.environ.pop("PYTHONDONTWRITEBYTECODE", None) and not sys.pycache_prefix:
        folder = tempfile.TemporaryDirectory(prefix="bytecode-")
        config.add_cleanup(folder.cleanup)
        os.environ["PYTHONPYCACHEPREFIX"] = sys.pycache_prefix = folder.name
        sys.dont_write_bytecode = False
