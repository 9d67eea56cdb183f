from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from app.cli.main import build


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("META_AI_CONFIG", "META_AI_DEBUG", "KAFKA_BOOTSTRAP_SERVERS"):
        monkeypatch.delenv(name, raising=False)
    Path("meta-ai.yaml").write_text("models: {m: {provider: scripted}}\nserver: {port: 1}\n", encoding="utf-8")


def _run(*arguments: str) -> Result:
    return CliRunner().invoke(build(), ["doctor", *arguments])


def test_what_is_broken_is_told_with_its_fix() -> None:
    found = _run("--check", "broker", "--check", "models")
    assert (found.exit_code, found.stdout.splitlines()) == (
        1,
        [
            "error    broker: broker: no orchestrator is running here",
            "         fix: start one with: meta-ai orchestrator run, or name a broker with --bootstrap-servers",
            "ok       models: m: answers after 0.0 s",
            "1 ok, 0 warnings, 1 errors",
        ],
    )


def test_what_is_well_is_0_and_programs_get_objects() -> None:
    found = _run("--check", "disk", "--check", "models", "--offline", "--json")
    lines = [json.loads(line) for line in found.stdout.splitlines()]
    assert (found.exit_code, [line["check"] for line in lines]) == (0, ["disk", "models"])
    assert lines[1] == {
        "check": "models",
        "severity": "ok",
        "subject": "models",
        "message": "not checked (offline)",
        "fix": "",
    }


def test_a_wrong_configuration_is_a_finding() -> None:
    Path("meta-ai.yaml").write_text("appid: x\nmodles: {}\n", encoding="utf-8")
    found = _run("--json")
    lines = [json.loads(line) for line in found.stdout.splitlines()]
    assert (found.exit_code, [line["severity"] for line in lines]) == (1, ["error", "error"])
    assert "did you mean `app_id`?" in lines[0]["message"]
