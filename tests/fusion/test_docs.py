from __future__ import annotations

import re

import pytest
import yaml

from app.fusion import registry
from app.workflows.definition.spec import Workflow
from app.workflows.definition.steps import AskStep
from tests.docs.pages import Block, blocks, codes, first_codes, text

PAGE = "docs/fusion.md"
_TABLE_OF_OPTIONS = re.compile(r"^\| option .*\n\|[-|]+\n((?:\|.*\n)+)", re.MULTILINE)


def section(name: str) -> str:
    found = re.search(rf"^## {re.escape(name)}\n(.*?)(?=^## )", text(PAGE), re.MULTILINE | re.DOTALL)
    assert found, f"{name} has no section"
    return found[1]


def test_every_strategy_is_in_the_table() -> None:
    header = ("strategy", "what comes out", "for", "model calls for n answers")
    assert sorted(first_codes(PAGE, *header)) == sorted(registry.STRATEGIES)


@pytest.mark.parametrize("name", registry.STRATEGIES)
def test_every_option_of_a_strategy_is_described_and_no_other(name: str) -> None:
    rows = [row for table in _TABLE_OF_OPTIONS.findall(section(name)) for row in table.splitlines()]
    shown = {option for row in rows for option in codes(row.split("|")[1])}
    assert shown == registry.describe()[name].options.get("properties", {}).keys()


@pytest.mark.parametrize("block", blocks("yaml", pages=(PAGE,)), ids=str)
def test_the_workflows_shown_have_a_strategy_that_takes_their_options(block: Block) -> None:
    assert block.mark == "workflow"
    for step in Workflow.model_validate(yaml.safe_load(block.text)).steps.values():
        assert isinstance(step, AskStep)
        strategy = registry.get(step.fusion.strategy, step.fusion.options)
        assert strategy.name == step.fusion.strategy
        assert {*strategy.models} <= {*step.models}


def test_the_example_prints_what_the_page_says(capsys: pytest.CaptureFixture[str]) -> None:
    (example,) = blocks("python", pages=(PAGE,))
    exec(compile(example.text, PAGE, "exec"), {})  # noqa: S102  # our own page
    printed = capsys.readouterr().out.split()
    assert f"It prints {' and '.join(f'`{line}`' for line in printed)}." in text(PAGE)


def test_the_entry_point_is_named() -> None:
    assert f"`{registry.GROUP}`" in text(PAGE)
