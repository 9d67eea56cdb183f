from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner, Result

from app.cli.main import build

CONFIG = "# mine\nmodels:\n  a: {provider: openai, model: gpt-5, api_key: planted-key}\n"


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("META_AI_CONFIG", "META_AI_DEBUG", "KAFKA_BOOTSTRAP_SERVERS", "MODELS_A_API_KEY"):
        monkeypatch.delenv(name, raising=False)


def _run(*arguments: str, text: str = "") -> Result:
    return CliRunner().invoke(build(), ["config", *arguments], input=text)


def test_it_is_shown_as_it_applies_without_secrets() -> None:
    Path("meta-ai.yaml").write_text(CONFIG, encoding="utf-8")
    shown = _run("show").stdout
    assert "planted" not in shown
    assert yaml.safe_load(shown)["models"]["a"]["model"] == "gpt-5"
    assert yaml.safe_load(_run("show", "models.a.attempts").stdout) == {"models.a.attempts": 3}
    assert json.loads(_run("show", "broker", "--json").stdout)["kind"] == "embedded"
    assert "nothing is set at modles; did you mean `models`?" in _run("show", "modles").stderr


def test_what_is_exported_can_be_imported_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("meta-ai.yaml").write_text(CONFIG, encoding="utf-8")
    exported = _run("export")
    assert exported.stdout == CONFIG.replace("planted-key", '"${MODELS_A_API_KEY}"')
    assert exported.stderr == "models.a.api_key was a secret: import it where MODELS_A_API_KEY is set\n"
    Path("there").mkdir()
    monkeypatch.chdir("there")
    imported = _run("import", "-", text=exported.stdout)
    assert imported.exit_code == 0
    assert "MODELS_A_API_KEY is not set" in imported.stderr
    assert Path("meta-ai.yaml").read_text(encoding="utf-8") == exported.stdout
    assert [path.name for path in Path().iterdir()] == ["meta-ai.yaml"]
    monkeypatch.setenv("MODELS_A_API_KEY", "x")
    assert "the configuration is valid" in _run("check").stdout


def test_another_configuration_is_replaced_only_by_force_and_shown_without_secrets() -> None:
    Path("meta-ai.yaml").write_text(CONFIG, encoding="utf-8")
    other = CONFIG.replace("gpt-5", "gpt-6").replace("planted-key", "planted-other")
    Path("other.yaml").write_text(other, encoding="utf-8")
    refused = _run("import", "other.yaml")
    assert (refused.exit_code, "--force" in refused.stderr) == (1, True)
    shown = _run("import", "other.yaml", "--dry-run").stdout
    assert "+  a: {provider: openai, model: gpt-6" in shown
    assert "planted" not in shown
    assert Path("meta-ai.yaml").read_text(encoding="utf-8") == CONFIG
    assert _run("import", "other.yaml", "--force").exit_code == 0
    assert Path("meta-ai.yaml").read_text(encoding="utf-8") == other


def test_a_wrong_one_is_not_imported() -> None:
    Path("wrong.yaml").write_text("appid: x\nmodels: {a: {provider: openai, api_key: '${NONE}'}}\n", encoding="utf-8")
    found = _run("import", "wrong.yaml")
    assert (found.exit_code, Path("meta-ai.yaml").exists()) == (1, False)
    assert found.stderr.startswith("meta-ai: wrong.yaml:1: appid: unknown key; did you mean `app_id`?")


def test_a_check_is_told_to_programs_too() -> None:
    assert json.loads(_run("check", "--json").stdout) == {
        "valid": True,
        "broker": "embedded",
        "models": ["local"],
        "workflows": [],
    }
