"""Processes that tests start."""

import os
import subprocess
import sys
from pathlib import Path

SOURCES = str(Path(__file__).resolve().parents[1] / "src")
TESTS = str(Path(__file__).resolve().parent)


def printed_by(code: str, **variables: str) -> str:
    """What a process of its own prints that runs this code: without a warning, to its end."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        env={**os.environ, "PYTHONPATH": SOURCES, **variables},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout
