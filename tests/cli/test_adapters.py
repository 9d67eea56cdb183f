from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner, Result

from app.cli.main import build
from app.errors import Unauthorized
from app.models.base import Completion, Prompt
from app.models.registry import COMPONENTS
from app.models.scripted.adapter import Scripted
from app.settings import Settings

CONFIG = """\
models:
  good: {provider: scripted}
  cut: {provider: scripted, options: {cut_after: 1}}
  plain: {provider: scripted, options: {lacks: [streaming, tools]}}
  leaky: {provider: leaky, api_keys: [sk-planted-1, sk-planted-2]}
ask: {models: [good]}
"""


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("META_AI_CONFIG", "META_AI_DEBUG", "KAFKA_BOOTSTRAP_SERVERS"):
        monkeypatch.delenv(name, raising=False)
    info = tmp_path / "leaky_models-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: leaky-models\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[meta_ai_orchestrator.models]\nleaky = tests.cli.test_adapters:Leaky\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    Path("meta-ai.yaml").write_text(CONFIG, encoding="utf-8")


class Leaky(Scripted):
    """Puts what it should keep for itself into its errors."""

    async def complete(self, prompt: Prompt, *, timeout: float) -> Completion:  # noqa: ARG002  # the port's signature
        raise Unauthorized("the key sk-planted-1 is wrong", provider="leaky")


def _run(*arguments: str) -> Result:
    return CliRunner().invoke(build(), ["adapters", *arguments])


def _objects(*arguments: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in _run(*arguments, "--json").stdout.splitlines()]


def test_all_are_listed() -> None:
    shown = _run("list").stdout

    assert all(name in shown for name in COMPONENTS)
    assert {one["name"] for one in _objects("list") if one["source"] == "built in"} == set(COMPONENTS)


def test_one_is_described_with_options_and_an_example_that_is_a_configuration() -> None:
    shown = _run("describe", "scripted").stdout
    example = yaml.safe_load(shown[shown.index("models:") :])

    assert "piece_delay" in shown
    assert Settings.model_validate(example | {"ask": {"models": ["mine"]}}).models["mine"].provider == "scripted"
    (one,) = _objects("describe", "anthropic")
    assert "tools" in one["features"]
    assert one["example"]["api_key"] == "${ANTHROPIC_API_KEY}"


def test_an_unknown_one_is_an_error() -> None:
    result = _run("describe", "opnai")

    assert result.exit_code == 1
    assert result.stderr == "meta-ai: there is no provider 'opnai'; did you mean `openai`?\n"


def test_a_model_that_keeps_its_promises_passes() -> None:
    result = _run("test", "good")

    assert result.exit_code == 0
    assert "15 pass, 0 fail, 2 skipped" in result.stdout


def test_a_model_that_breaks_one_fails_with_the_error_named() -> None:
    result = _run("test", "cut", "--json")
    checks = {one["name"]: one for one in map(json.loads, result.stdout.splitlines())}

    assert result.exit_code == 1
    assert {name for name, one in checks.items() if one["status"] == "fail"} == {"streaming"}
    assert checks["streaming"]["error"] == "unavailable"
    assert checks["complete"]["seconds"] >= 0


def test_what_a_model_does_not_claim_is_skipped() -> None:
    checks = {one["name"]: one["status"] for one in _objects("test", "plain")}

    assert checks["tools"] == checks["streaming"] == "skipped"


def test_no_key_is_shown_even_if_the_adapter_says_it() -> None:
    result = _run("test", "leaky")

    assert result.exit_code == 1
    assert "the key [redacted] is wrong" in result.stdout
    assert "sk-planted" not in result.output


def test_no_header_of_the_environment_is_shown_either(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", "x-why: is wrong")

    assert "[redacted]" in (said := _run("test", "leaky").stdout)
    assert "is wrong" not in said


def test_an_unknown_model_is_answered_with_the_known_ones() -> None:
    result = _run("test", "gpt")

    assert result.exit_code == 1
    assert "unknown model gpt; configured models: cut, good, leaky, plain" in result.stderr
