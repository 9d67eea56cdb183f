from __future__ import annotations

import ast
import json
import tomllib
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator

from app.configuration import load, schema
from app.errors import MissingDependency
from app.settings import DeliverySettings
from app.source.syntax import parse
from app.worker.components import components
from app.workflows.definition import loading
from app.workflows.definition.definitions import Definition
from app.workflows.definition.spec import Workflow
from tests.docs.pages import PAGES, Block, blocks, tokens
from topics import ALL, DEAD_LETTERS

TOPICS = {topic.name: topic for topic in ALL}
KEYS = dict.fromkeys(
    (
        "ANTHROPIC_API_KEY",
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AZURE_OPENAI_API_KEY",
        "COPILOT_GITHUB_TOKEN",
        "DB_PASSWORD",
        "OPENAI_API_KEY",
        "STORE_KEY",
        "REDIS_URL",
        "TICKETS_TOKEN",
        "XAI_API_KEY",
    ),
    "sk-planted",
)
KEYS |= dict.fromkeys(("CRM_SIGNING_KEY", "WEBHOOK_SIGNING_KEY"), "whsec_" + "A" * 44)
#: The only languages in which something is fenced; "" is a pattern or a query that nothing here can check.
KNOWN = {"", "console", "json", "mermaid", "python", "sh", "toml", "ts", "yaml"}  # tests/sdk runs those in TypeScript


def named(*languages: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("block", blocks(*languages), ids=str)


def configurations() -> list[Block]:
    return [block for block in blocks("yaml") if block not in workflows() and block.mark not in {"prices", "template"}]


def workflows() -> list[Block]:
    return [block for block in blocks("yaml") if block.mark.partition(":")[0] == "workflow"]


@pytest.mark.parametrize("block", configurations(), ids=str)
def test_a_configuration_loads_and_fits_its_schema(block: Block, tmp_path: Path) -> None:
    path = tmp_path / "meta-ai.yaml"
    path.write_text(block.text, encoding="utf-8")
    load(path, KEYS)
    Draft202012Validator(schema()).validate(yaml.safe_load(block.text))


@pytest.mark.parametrize("block", [block for block in configurations() if "models:" in block.text], ids=str)
def test_the_models_of_a_configuration_can_be_built(
    block: Block, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    path = tmp_path / "meta-ai.yaml"
    path.write_text(block.text, encoding="utf-8")
    settings = load(path, KEYS)
    try:
        built = components(settings)
    except MissingDependency as missing:
        pytest.skip(str(missing))
    assert built.models.keys() == settings.models.keys()


@pytest.mark.parametrize("block", workflows(), ids=str)
def test_a_workflow_can_be_run(block: Block) -> None:
    assert Definition(Workflow.model_validate(parse(block.text, str(block)).value)).order


@pytest.mark.parametrize("block", workflows(), ids=str)
def test_a_workflow_passes_every_check(block: Block, tmp_path: Path) -> None:
    path = tmp_path / "workflow.yaml"
    path.write_text(block.text, encoding="utf-8")
    (loaded,) = loading.load(path)
    assert loaded.warnings == ()


@named("json")
def test_an_event_is_one_of_its_topic_and_shows_known_fields_only(block: Block) -> None:
    kind, _, name = block.mark.partition(": ")
    shown = json.loads(block.text)
    assert kind in {"event", "output"}, "say with a comment above it what it is"
    if kind == "event":
        event = TOPICS[name].parse(block.text.encode(), max_bytes=DeliverySettings().max_event_bytes)
        assert shown.keys() <= type(event).model_fields.keys()
        assert json.loads(event.to_json()).keys() >= shown.keys()


def test_every_topic_has_an_example() -> None:
    # A dead letter's value is any bytes: its example is the table of its headers.
    shown = {block.mark.removeprefix("event: ") for block in blocks("json", pages=("docs/events.md",))}
    assert shown >= TOPICS.keys() - {DEAD_LETTERS.name}


@named("python")
def test_python_is_python(block: Block) -> None:
    ast.parse(block.text)


@named("toml")
def test_toml_announces_entry_points_of_ours(block: Block) -> None:
    groups = tomllib.loads(block.text)["project"]["entry-points"]
    assert all(group.startswith("meta_ai_orchestrator.") for group in groups)


def test_no_other_language_is_fenced() -> None:
    assert {token.info for page in PAGES for token in tokens(page) if token.type == "fence"} <= KNOWN
