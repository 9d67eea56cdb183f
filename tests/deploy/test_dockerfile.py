from __future__ import annotations

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
LINES = (ROOT / "deploy" / "Dockerfile").read_text().replace("\\\n", " ").splitlines()


def arguments(instruction: str) -> list[str]:
    return [line.removeprefix(instruction).strip() for line in LINES if line.startswith(f"{instruction} ")]


def test_what_is_copied_passes_the_ignore_file() -> None:
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied = [part for copy in arguments("COPY") if "--from" not in copy for part in copy.split()[:-1]]
    assert {part.split("/")[0] for part in copied} == allowed


def test_the_image_runs_without_privileges() -> None:
    assert arguments("USER") == ["10001"]
    assert LINES.index("USER 10001") > max(i for i, line in enumerate(LINES) if line.startswith("RUN"))


def test_every_locked_package_is_verified() -> None:
    installs = re.findall(r"pip install ([^&]+)", " ".join(arguments("RUN")))
    locked = [command for command in installs if "--requirement" in command]
    assert len(locked) == 2
    assert all("--require-hashes" in command for command in locked)


def test_all_that_the_wheel_is_made_of_is_copied() -> None:
    wheel = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    copied = {part for copy in arguments("COPY") if "--from" not in copy for part in copy.split()[:-1]}
    assert {*wheel["force-include"], "sdk/python"} <= copied
