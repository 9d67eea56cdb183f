"""Packages of users, beside the orchestrator as a wheel installs it: what the pages tell them to do, done."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.e2e.commands import PATIENCE, ROOT, Cli

EXTENSION, TEMPLATE = ROOT / "examples" / "extension", ROOT / "examples" / "adapter-template"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(find_spec("hatchling") is None, reason="needs hatchling to build packages"),
]

_WORKFLOW = """\
id: acme
steps:
  found: {kind: retrieve, query: "{{ input.text }}", limit: 1}
  price:
    kind: connector
    connector: summer
    arguments: {price: "${{ input.price }}"}
    optional: true
  booked:
    kind: connector
    connector: books
    arguments: {account: busy, amount: 7}
    retry: {attempts: 2, backoff: 1ms}
  answer:
    kind: ask
    models: [second, third, first]
    routing: {policy: alphabetical, choose: 2}
    prompt: "{{ input.text }}"
    cache: 1h
    fusion: {strategy: longest}
  all:
    kind: transform
    value: "{'found': steps.found.output, 'price': steps.price.output, 'booked': steps.booked.output,
      'answer': steps.answer.output}"
"""
_CONFIG = """\
app_id: acme
topics: {partitions: 2}
workflows: [workflows]
models:
  first: {provider: acme, options: {says: "a short one"}}
  second: {provider: acme, options: {says: "a much longer answer"}}
  third: {provider: acme, options: {says: "the longest of all, which nobody asks"}}
ask: {models: [first]}
connectors:
  summer: {kind: discount, options: {percent: 20}}
  books: {kind: ledger}
retrieval: {embedder: acme, store: acme}
cache: {store: acme}
server: {port: 0}
gateway: {port: 0}
"""


@dataclass(frozen=True, slots=True)
class Installed:
    """An environment with the wheel in it. Its packages come from there, and what they need from this environment."""

    folder: Path

    @property
    def python(self) -> str:
        return str(self.folder / "bin" / "python")

    def environment(self) -> Mapping[str, str]:
        """Return what a user's shell has, and no way to an index of packages."""
        ours = ("META_AI_", "KAFKA_", "ORCHESTRATOR_", "PYTHON", "PYTEST", "COV_", "VIRTUAL_ENV", "PIP_")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
        path = f"{self.folder / 'bin'}{os.pathsep}{os.environ['PATH']}"
        offline = {"PIP_NO_INDEX": "1", "PIP_NO_BUILD_ISOLATION": "0", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
        return kept | {"PATH": path} | offline

    def shell(self, command: str, folder: Path) -> str:
        """Run a line as a user types it, and return what it prints."""
        done = subprocess.run(  # noqa: S602  # our own line
            command,
            shell=True,
            cwd=folder,
            env=self.environment(),
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def cli(self, folder: Path) -> Cli:
        return Cli(folder, command=(str(self.folder / "bin" / "meta-ai"),), environ=self.environment)


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    folder = tmp_path_factory.mktemp("installed")
    wheels = folder / "wheels"
    build = (
        "-m",
        "pip",
        "wheel",
        "-q",
        "--no-deps",
        "--no-index",
        "--no-build-isolation",
        "-w",
        str(wheels),
        str(ROOT),
    )
    subprocess.run([sys.executable, *build], check=True, timeout=PATIENCE)  # noqa: S603  # our own wheel
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder / "venv")], check=True, timeout=PATIENCE)  # noqa: S603  # likewise
    made = Installed(folder / "venv")
    (packages,) = made.folder.glob("lib/python*/site-packages")
    # A folder in such a file is searched, but not the files of this kind in it, one of which leads to the checkout.
    (packages / "needed.pth").write_text(sysconfig.get_paths()["purelib"] + "\n", encoding="utf-8")
    (wheel,) = wheels.iterdir()
    made.shell(f"python -m pip install -q --no-deps --force-reinstall --ignore-installed {wheel}", folder)
    return made


@pytest.fixture(scope="module")
def extension(installed: Installed, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install the extension, and return the folder of a copy."""
    copy = tmp_path_factory.mktemp("extension") / "acme"
    shutil.copytree(EXTENSION, copy, ignore=shutil.ignore_patterns("__pycache__", ".*"))
    installed.shell('python -m pip install -q -e ".[test]"', copy)
    return copy


@pytest.fixture(scope="module")
def acme(installed: Installed, extension: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cli]:
    """A worker whose components are all those of the extension."""
    assert extension
    folder = tmp_path_factory.mktemp("acme")
    (folder / "workflows").mkdir()
    (folder / "workflows" / "acme.yaml").write_text(_WORKFLOW, encoding="utf-8")
    (folder / "meta-ai.yaml").write_text(_CONFIG, encoding="utf-8")
    cli = installed.cli(folder)
    with cli.hosted():
        yield cli


def test_that_the_wheel_brings_everything_and_is_used(installed: Installed, tmp_path: Path) -> None:
    program = "import meta_ai_orchestrator.testing as t, app; print(t.__file__, app.__file__, sep='\\n')"
    for file in installed.shell(f'python -c "{program}"', tmp_path).splitlines():
        assert Path(file).is_relative_to(installed.folder)


def test_that_the_extension_imports_only_what_is_public() -> None:
    for file in EXTENSION.rglob("*.py"):
        imported = re.findall(r"^(?:from|import) ([a-z_.]+)", file.read_text(encoding="utf-8"), re.MULTILINE)
        assert not [name for name in imported if name.partition(".")[0] in {"agents", "app", "topics", "tests"}]


def test_that_its_components_keep_their_promises(installed: Installed, extension: Path) -> None:
    assert "8 passed" in installed.shell("python -m pytest", extension)


def test_that_its_types_are_checked_against_ours(installed: Installed, extension: Path) -> None:
    check = f"{sys.executable} -m mypy --strict --python-executable {installed.python} --cache-dir .cache"
    assert "no issues found" in installed.shell(f"{check} acme.py tests", extension)
    wrong = extension / "wrong.py"
    wrong.write_text(
        "from meta_ai_orchestrator.errors import ConnectorError\n"
        "from meta_ai_orchestrator.fusion import Candidate, Fused\n"
        "reveal_type(ConnectorError('no').status)\n"
        "Fused(1, 'a', 1.0, 'why')\n"
        "Candidate('a', 'text', modl='m')\n",
        encoding="utf-8",
    )
    said = installed.shell(f"{check} wrong.py || true", extension)
    wrong.unlink()
    assert 'Revealed type is "int | None"' in said
    assert 'Argument 1 to "Fused" has incompatible type "int"; expected "str"' in said
    assert 'Unexpected keyword argument "modl"' in said


def test_that_a_worker_uses_each_of_them(acme: Cli) -> None:
    (acme.folder / "leases.md").write_text("# Leases\n\nA lease is a time.\n", encoding="utf-8")
    acme.objects("documents", "add", "leases.md", "--wait")
    lines = [
        {"id": f"a-{price}", "workflow": "acme", "input": {"text": "A lease", "price": price}} for price in (50, -1)
    ]
    (acme.folder / "tasks.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    results = {
        one["task_id"]: one for one in acme.objects("tasks", "send", "tasks.jsonl", "--wait") if "task_id" in one
    }
    good, bad = results["a-50"]["answer"], results["a--1"]

    assert good["answer"] == "a much longer answer"
    assert good["found"][0]["text"].endswith("A lease is a time.")
    assert good["price"] == 40
    assert {good["booked"]["total"], bad["answer"]["booked"]["total"]} == {7, 14}
    assert (bad["degraded"], bad["answer"]["price"]) == (True, None)
    assert "price: must not be negative, but is -1" in json.dumps(bad)


def test_that_the_template_works_as_printed(installed: Installed, tmp_path: Path) -> None:
    printed = installed.shell("meta-ai adapters new my-adapter", tmp_path)
    steps = [line.strip() for line in printed.splitlines() if line.startswith("  ")]
    assert steps == ["cd my-adapter", 'python -m pip install -e ".[test]"', "python -m pytest"]
    assert "5 passed" in installed.shell(" && ".join(steps), tmp_path)

    cli = installed.cli(tmp_path / "my-adapter")
    assert {one["name"]: one["source"] for one in cli.objects("adapters", "list")}["command"] == "meta-ai-command 0.1.0"
    (described,) = cli.objects("adapters", "describe", "command")
    assert described["features"] == ["streaming"]
    assert [option["name"] for option in described["options"]] == ["command"]
    checks = {one["name"]: one["status"] for one in cli.objects("adapters", "test", "shouting")}
    assert {name for name, status in checks.items() if status == "pass"} >= {"complete", "streaming", "close"}
    assert "fail" not in checks.values()


def test_that_the_template_answers_a_task(installed: Installed, tmp_path: Path) -> None:
    installed.shell("meta-ai adapters new . && python -m pip install -q -e '.[test]'", tmp_path)
    with (tmp_path / "meta-ai.yaml").open("a", encoding="utf-8") as file:
        file.write("app_id: adapter\ntopics: {partitions: 2}\nserver: {port: 0}\ngateway: {port: 0}\n")
    cli = installed.cli(tmp_path)
    with cli.hosted():
        (result,) = cli.objects("ask", "What is a lease?")
    assert "WHAT IS A LEASE?" in result["answer"]
    assert result["candidates"][0]["model"] == "shouting"


def test_that_the_template_is_tested_within_a_checkout_too(installed: Installed, tmp_path: Path) -> None:
    shutil.copy(ROOT / "pyproject.toml", tmp_path / "pyproject.toml")  # its section of pytest needs plugins
    (tmp_path / "conftest.py").write_text("raise SystemExit('the conftest.py of the folder above was loaded')\n")
    installed.shell('meta-ai adapters new mine && cd mine && python -m pip install -q -e ".[test]"', tmp_path)
    shown = installed.shell("python -m pytest", tmp_path / "mine")
    assert "5 passed" in shown
    assert f"rootdir: {tmp_path / 'mine'}" in shown


def test_that_a_folder_in_use_is_not_written_to(installed: Installed, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "precious.txt").touch()
    said = installed.cli(tmp_path)("adapters", "new", "mine", exit_code=1)
    assert said == "meta-ai: mine already exists; name another folder\n"
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["precious.txt"]
