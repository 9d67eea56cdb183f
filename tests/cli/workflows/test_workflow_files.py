from __future__ import annotations

import sys
from pathlib import Path

import pytest

from app.cli.workflows import workflow_files
from app.errors import ConfigurationError, MissingDependency
from app.settings import ModelSettings, Settings

GOOD = "id: w\nsteps:\n  say: {kind: ask, models: [local], prompt: hello}\n"


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("META_AI_CONFIG", raising=False)


def test_that_paths_are_relative_to_the_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings(workflows=(Path("flows"), Path("/etc/flows")))
    assert workflow_files.configured_paths(settings, Path("conf/my.yaml")) == [Path("conf/flows"), Path("/etc/flows")]
    assert workflow_files.configured_paths(settings, None) == [Path("flows"), Path("/etc/flows")]
    monkeypatch.setenv("META_AI_CONFIG", "other/my.yaml")
    assert workflow_files.configured_paths(settings, None) == [Path("other/flows"), Path("/etc/flows")]


def test_that_files_and_folders_are_read() -> None:
    Path("flows").mkdir()
    Path("flows/v.yaml").write_text(GOOD.replace("id: w", "id: v"), encoding="utf-8")
    Path("w.yaml").write_text(GOOD, encoding="utf-8")
    loaded = workflow_files.load(Settings(), [Path("flows"), Path("w.yaml")], ())
    assert [one.spec.id for one in loaded] == ["v", "w"]
    assert "version" not in loaded[0].spec.model_fields_set


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("prompt: hello", "promt: hello", "w.yaml:3: steps.say"),
        ("[local]", "[absent]", "w.yaml:3: steps.say.models.*absent"),
        ("hello", '"{{ steps.say"', "w.yaml:3: steps.say.prompt"),
        (
            "ask, models: [local], prompt: hello",
            "connector, connector: absent",
            "w.yaml:3: steps.say.connector.*absent",
        ),
    ],
)
def test_that_a_fault_is_named_with_its_place(old: str, new: str, said: str) -> None:
    Path("w.yaml").write_text(GOOD.replace(old, new), encoding="utf-8")
    with pytest.raises(ConfigurationError, match=said):
        workflow_files.load(Settings(), [Path("w.yaml")], ())


def test_that_the_settings_models_are_known() -> None:
    Path("w.yaml").write_text(GOOD.replace("local", "mine"), encoding="utf-8")
    settings = Settings(models={"local": ModelSettings(provider="local"), "mine": ModelSettings(provider="scripted")})
    assert workflow_files.load(settings, [Path("w.yaml")], ())[0].spec.id == "w"


def test_that_a_child_is_one_of_the_files_or_deployed_or_the_built_in_one() -> None:
    step = "steps:\n  call: {kind: workflow, workflow: CHILD}\n"
    for name, child in (("a", "b"), ("b", "there"), ("c", "ask"), ("d", "passthrough"), ("e", "embed")):
        Path(f"{name}.yaml").write_text(f"id: {name}\n{step.replace('CHILD', child)}", encoding="utf-8")
    assert len(workflow_files.load(Settings(), [Path()], {"there"})) == 5
    with pytest.raises(ConfigurationError, match=r"b.yaml:3: steps.call.workflow.*there"):
        workflow_files.load(Settings(), [Path()], ())


def test_that_a_child_that_may_be_deployed_is_only_a_warning() -> None:
    Path("a.yaml").write_text("id: a\nsteps:\n  call: {kind: workflow, workflow: far}\n", encoding="utf-8")
    (loaded,) = workflow_files.load(Settings(), [Path("a.yaml")])
    assert [str(one) for one in loaded.warnings] == [
        "a.yaml:3: steps.call.workflow: no workflow here is called far; deploy it before"
    ]


def test_that_a_client_without_the_compilers_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr("app.workflows.definition.loading")
    monkeypatch.setitem(sys.modules, "app.workflows.definition.loading", None)
    with pytest.raises(MissingDependency, match=r'pip install "meta-ai-orchestrator\[server\]"'):
        workflow_files.load(Settings(), [Path("w.yaml")], ())
