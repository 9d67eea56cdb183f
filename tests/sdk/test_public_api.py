from __future__ import annotations

import importlib
import json
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import meta_ai_orchestrator
from app import errors
from tests.e2e.commands import ROOT

SDK = ROOT / "sdk" / "python"
#: One name a line. A name that has been published stays: whoever takes one away breaks packages of others.
RECORDED = Path(__file__).with_name("public_names.txt")
#: What only workers need, and is slow to load.
HEAVY = {"agents", "aiohttp", "anthropic", "app.models", "app.worker", "faust", "numpy", "onnxruntime", "openai"}


def modules() -> list[str]:
    found = (one.name for one in pkgutil.iter_modules(meta_ai_orchestrator.__path__))
    return sorted(name for name in found if not name.startswith("_"))


def run(program: str, *path: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603  # our own interpreter
        [sys.executable, "-c", program],
        cwd=folder,
        env={"PYTHONPATH": ":".join(map(str, (*path, SDK)))},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_that_the_public_names_are_those_on_record() -> None:
    found = [
        f"{module}.{name}"
        for module in modules()
        for name in importlib.import_module(f"meta_ai_orchestrator.{module}").__all__
    ]
    found += meta_ai_orchestrator.__all__
    recorded = RECORDED.read_text(encoding="utf-8").split()
    assert sorted(set(recorded) - set(found)) == [], "published names are missing: keep them as aliases"
    assert sorted(set(found) - set(recorded)) == [], f"new names: add them to {RECORDED.name}"


@pytest.mark.parametrize("module", modules())
def test_that_every_name_is_there_and_is_the_servers_own(module: str) -> None:
    loaded = importlib.import_module(f"meta_ai_orchestrator.{module}")
    assert loaded.__doc__
    assert list(loaded.__all__) == sorted(loaded.__all__)
    for name in loaded.__all__:
        home = getattr(getattr(loaded, name), "__module__", "app")
        assert home.partition(".")[0] in {"app", "topics", "builtins", "typing", "numpy", "meta_ai_orchestrator"}


def test_that_all_errors_are_public() -> None:
    from meta_ai_orchestrator import errors as public  # noqa: PLC0415  # only here

    defined = {name for name, value in vars(errors).items() if getattr(value, "__module__", "") == errors.__name__}
    assert set(public.__all__) == defined


@pytest.mark.parametrize(
    "program",
    [
        "import meta_ai_orchestrator",
        "from meta_ai_orchestrator.errors import ConnectorError",
        "from meta_ai_orchestrator.events import Task; Task(input={'question': 'What?'}).to_json()",
        "from meta_ai_orchestrator._path import server_part\nwith server_part(): import app.cli.tasks.commands",
    ],
)
def test_that_whoever_only_sends_tasks_loads_neither_worker_nor_models(program: str, tmp_path: Path) -> None:
    done = run(f"{program}\nimport json, sys; print(json.dumps(sorted(sys.modules)))", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    loaded = json.loads(done.stdout)
    assert "meta_ai_orchestrator" in loaded
    assert HEAVY.intersection(loaded) == set()


@pytest.mark.parametrize("program", ["Client", "Client, types; Client()"])
def test_that_a_client_loads_nothing_of_the_server(program: str, tmp_path: Path) -> None:
    done = run(f"from meta_ai_orchestrator import {program}\nimport sys; print(*sys.modules)", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    loaded = set(done.stdout.split())
    assert {"meta_ai_orchestrator._client.clients"} <= loaded
    assert {*HEAVY, "aiokafka", "app", "pydantic", "topics", "yaml"}.intersection(loaded) == set()
    assert ("httpx2" in loaded) is ("Client()" in program)  # whoever only imports it waits for nothing


def test_that_every_name_of_the_package_is_there() -> None:
    assert meta_ai_orchestrator.__all__ == sorted(meta_ai_orchestrator.__all__)
    for name in meta_ai_orchestrator.__all__:
        assert getattr(meta_ai_orchestrator, name).__module__.startswith("meta_ai_orchestrator.")
        assert getattr(meta_ai_orchestrator, name).__doc__
        assert name in dir(meta_ai_orchestrator)
    with pytest.raises(AttributeError, match="has no attribute Klient"):
        getattr(meta_ai_orchestrator, "Klient")  # noqa: B009  # it is not there


def test_that_heavy_modules_would_be_noticed(tmp_path: Path) -> None:
    done = run("import meta_ai_orchestrator.testing, sys; print('numpy' in sys.modules)", folder=tmp_path)
    assert (done.stderr, done.stdout) == ("", "True\n")


def test_that_a_package_of_the_same_name_is_named(tmp_path: Path) -> None:
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "__init__.py").touch()
    done = run("import meta_ai_orchestrator.errors", tmp_path, folder=tmp_path)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == (
        f"ImportError: the package app comes from {tmp_path / 'app'}, not from {ROOT}; use an environment without it"
    )


def test_that_other_packages_called_agents_do_no_harm(tmp_path: Path) -> None:
    (tmp_path / "agents").mkdir()
    (tmp_path / "agents" / "__init__.py").write_text("raise SystemExit('the stranger was imported')\n")
    done = run("import meta_ai_orchestrator.testing", tmp_path, folder=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")


def test_that_a_missing_extra_is_the_command_that_installs_it(tmp_path: Path) -> None:
    done = run("import sys; sys.modules['numpy'] = None; import meta_ai_orchestrator.testing", folder=tmp_path)
    assert done.stderr.splitlines()[-1] == ('ImportError: numpy is missing: pip install "meta-ai-orchestrator[server]"')
