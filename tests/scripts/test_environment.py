from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def bash(script: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603  # the scripts are below
        ["/bin/bash", "-c", f"set -euo pipefail; source scripts/environment; {script}"],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env={**os.environ, **environment},
    )


@pytest.fixture
def shims(tmp_path: Path) -> Path:
    """Commands such as a version manager leaves for Pythons that are not there."""
    for name in ("python3.13", "python3.12", "python3.11", "python3", "python"):
        (tmp_path / name).write_text("#!/bin/sh\necho not installed >&2\nexit 127\n")
        (tmp_path / name).chmod(0o755)
    return tmp_path


def test_a_shim_without_a_python_is_skipped(shims: Path) -> None:
    (shims / "python3").unlink()
    (shims / "python3").symlink_to(sys.executable)
    found = bash("find_python", PATH=f"{shims}:/usr/bin:/bin", PYTHON="")
    assert found.stdout.strip() == str(shims / "python3")


def test_the_named_python_comes_first(shims: Path) -> None:
    found = bash("find_python", PATH=f"{shims}:/usr/bin:/bin", PYTHON=sys.executable)
    assert found.stdout.strip() == sys.executable


def test_no_python_is_one_clear_line(shims: Path) -> None:
    found = bash("find_python", PATH=f"{shims}:/usr/bin:/bin", PYTHON="")
    assert found.returncode == 1
    assert found.stderr == "Python 3.11 or later is needed, with venv; set PYTHON to its path.\n"


def test_the_fingerprint_is_that_of_the_profile() -> None:
    marks = [bash(f"fingerprint {profile}").stdout for profile in ("demo", "demo", "test")]
    assert marks[0] == marks[1] != marks[2]
