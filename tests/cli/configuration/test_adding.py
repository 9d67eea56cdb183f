from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from app.cli.main import build
from app.configuration import load
from app.models.base import Completion, Prompt
from app.models.openai.adapter import OpenAI
from topics.model_responses import Usage


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("META_AI_CONFIG", "META_AI_DEBUG", "KAFKA_BOOTSTRAP_SERVERS"):
        monkeypatch.delenv(name, raising=False)


def _add(*arguments: str) -> Result:
    return CliRunner().invoke(build(), ["adapters", "add", *arguments])


def test_the_key_is_only_a_reference_and_comments_stay() -> None:
    Path("meta-ai.yaml").write_text("# mine\nmodels:\n  a: {provider: scripted} # one\n", encoding="utf-8")
    found = _add("openai", "--model", "gpt-5-mini")
    assert found.exit_code == 0, found.output
    assert found.stdout == (
        "meta-ai.yaml: models.openai added\nnext: set OPENAI_API_KEY, then: meta-ai adapters test openai\n"
    )
    text = Path("meta-ai.yaml").read_text(encoding="utf-8")
    assert text.startswith("# mine\nmodels:\n  a: {provider: scripted} # one\n  openai:\n")
    assert "api_key: ${OPENAI_API_KEY}" in text
    assert load(None, {"OPENAI_API_KEY": "x"}).models["openai"].model == "gpt-5-mini"


def test_a_model_is_asked_once_where_its_key_is(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Prompt] = []

    async def complete(_: OpenAI, prompt: Prompt, *, timeout: float) -> Completion:
        assert timeout == 30
        asked.append(prompt)
        return Completion("ready", "stop", Usage(input_tokens=1, output_tokens=1))

    monkeypatch.setattr(OpenAI, "complete", complete)
    monkeypatch.setenv("MY_KEY", "planted-key")
    (said,) = [json.loads(line) for line in _add(
        "openai", "--model", "gpt-5-mini", "--name", "mini", "--key", "MY_KEY", "--json"
    ).stdout.splitlines()]  # fmt: skip
    assert len(asked) == 1
    assert (said["added"], said["test"]["status"], said["key_missing"]) == ("mini", "pass", "")
    assert said["settings"]["api_key"] == "${MY_KEY}"
    assert "planted" not in Path("meta-ai.yaml").read_text(encoding="utf-8")


def test_a_model_that_does_not_answer_is_reported_without_its_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "planted-key")
    found = _add("openai", "--model", "gpt-5-mini", "--base-url", "http://127.0.0.1:1/v1")
    assert found.exit_code == 1
    assert "it does not answer: unavailable: " in found.stdout
    assert "planted" not in found.output


@pytest.mark.parametrize(
    ("arguments", "exit_code", "said"),
    [
        (["opnai"], 1, "did you mean `openai`?"),
        (["openai"], 2, "openai needs --model"),
        (["azure-openai", "--model", "x"], 2, "azure-openai needs --base-url"),
        (["openai", "--model", "x", "--key", "sk-planted"], 2, "--key takes the name of an environment variable"),
    ],
)
def test_what_is_missing_is_said_and_nothing_is_written(arguments: list[str], exit_code: int, said: str) -> None:
    found = _add(*arguments)
    assert (found.exit_code, said in found.stderr, Path("meta-ai.yaml").exists()) == (exit_code, True, False)
    assert "sk-planted" not in found.output


def test_without_a_key_and_offline_nothing_is_asked() -> None:
    assert "not asked (--offline)" in _add("ollama", "--model", "llama3", "--offline").stdout
