"""The template of an adapter, as the tutorial has it: installed, held to its own tests, tested and used."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.e2e import commands
from tests.e2e.commands import PATIENCE, ROOT, Cli

TEMPLATE = ROOT / "examples" / "adapter-template"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(find_spec("hatchling") is None, reason="needs hatchling to build the package"),
]


def python(*arguments: str, path: str = "") -> str:
    done = subprocess.run(  # noqa: S603  # our own interpreter
        [sys.executable, *arguments],
        cwd=TEMPLATE,
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Install the template into a folder of its own, and have all commands find it there."""
    folder = tmp_path_factory.mktemp("installed")
    python(
        "-m", "pip", "install", "-q", "--no-deps", "--no-build-isolation", "--no-index", "--target", str(folder), "."
    )
    found = os.pathsep.join((str(ROOT / "sdk" / "python"), str(folder)))
    usual = commands.environment
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(commands, "environment", lambda: usual() | {"PYTHONPATH": found})
        yield found


@pytest.fixture
def cli(path: str, tmp_path: Path) -> Cli:
    assert path
    (tmp_path / "meta-ai.yaml").write_text(
        "app_id: adapter\ntopics: {partitions: 2}\nserver: {port: 0}\n" + (TEMPLATE / "meta-ai.yaml").read_text()
    )
    return Cli(tmp_path)


def test_its_own_tests_pass(path: str) -> None:
    shown = python("-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", ".", "tests", path=path)

    assert "5 passed" in shown


def test_it_is_listed_with_its_package_and_described(cli: Cli) -> None:
    listed = {one["name"]: one["source"] for one in cli.objects("adapters", "list")}
    (described,) = cli.objects("adapters", "describe", "command")

    assert listed["command"] == "meta-ai-command 0.1.0"
    assert listed["openai"] == "built in"
    assert described["features"] == ["streaming"]
    assert [option["name"] for option in described["options"]] == ["command"]


def test_a_model_of_it_passes_the_test(cli: Cli) -> None:
    checks = {one["name"]: one["status"] for one in cli.objects("adapters", "test", "shouting")}

    assert {name for name, status in checks.items() if status == "pass"} >= {"complete", "streaming", "close"}
    assert "fail" not in checks.values()


def test_a_task_is_answered_by_it(cli: Cli) -> None:
    with cli.hosted():
        (result,) = cli.objects("ask", "What is a lease?")

    assert "WHAT IS A LEASE?" in result["answer"]
    assert result["candidates"][0]["model"] == "shouting"
