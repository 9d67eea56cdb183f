"""What authors of workflows can rely on: a task goes in, and its result comes out, through the real process."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.commands import Cli

pytestmark = pytest.mark.slow

_CONFIG = """\
app_id: e2e-authoring
topics: {partitions: 2}
models: {echo: {provider: scripted}}
ask: {models: [echo], retrieve: false, strategy: first}
workflows: [flows]
retrieval: {embedder: hashing}
server: {port: 0}
"""
#: Prompts, which the model gives back, and expressions, whose value is the answer.
_PROMPTS = {
    "names": "{{ input.values }}/{{ input['items'] }}/{{ input.rows | map(attribute='keys') | join('+') }}",
    "calls": "{% for k, v in input.items() %}{{ k }};{% endfor %}{{ input.get('copy') }}",
    "method": "{{ input.text.upper }}",
    "lazy": "{% set rows = input.rows | default([]) %}{{ rows | reverse }}",
}
_VALUES = {
    "size": "size(input.text)",
    "number": "input",
    "sum": "input.n + 1",
    "null": "has(input.none.x)",
    "negative": "-input.n",
}


@pytest.fixture(scope="module")
def cli(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cli]:
    folder = tmp_path_factory.mktemp("authoring")
    (folder / "flows").mkdir()
    (folder / "meta-ai.yaml").write_text(_CONFIG, encoding="utf-8")
    steps: dict[str, Any] = {
        **{name: {"a": {"kind": "ask", "models": ["echo"], "prompt": prompt}} for name, prompt in _PROMPTS.items()},
        **{name: {"a": {"kind": "transform", "value": value}} for name, value in _VALUES.items()},
        "search": {
            "find": {"kind": "retrieve", "query": "{{ input.text }}"},
            "count": {"kind": "transform", "value": "[size(steps.find.output)]"},
        },
    }
    for name, flow in steps.items():
        (folder / "flows" / f"{name}.json").write_text(json.dumps({"id": name, "steps": flow}), encoding="utf-8")
    found = Cli(folder)
    with found.hosted():
        yield found


def _results(cli: Cli, tasks: list[dict[str, Any]], *, exit_code: int = 0) -> dict[str, Any]:
    """Return the answer, or the code and message of the error, of each task by the workflow's name."""
    lines = "\n".join(json.dumps({"id": f"t-{task['workflow']}", **task}) for task in tasks)
    said = cli("tasks", "send", "-", "--wait", "--json", text=lines, exit_code=exit_code)
    results = [json.loads(line) for line in said.splitlines() if line.startswith("{") and '"status"' in line]
    return {
        one["workflow"]: one["answer"]
        if one["status"] == "succeeded"
        else (one["error"]["code"], one["error"]["message"])
        for one in results
    }


_DATA = {"values": [1, 2], "items": "X", "copy": "C", "rows": [{"keys": "a"}, {"keys": "b"}]}
_RIGHT = {
    "names": (_DATA, "[1, 2]/X/a+b"),
    "calls": (_DATA, "values;items;copy;rows;C"),
    "size": ({"text": "a😀é"}, 3),
    "number": ({"n": 123456789012345678901234567890, "f": -0.0}, {"n": 123456789012345678901234567890, "f": -0.0}),
    "sum": ({"n": 2**53}, 2**53 + 1),
    "search": ({"text": "nothing is indexed"}, [0]),
}


def test_that_each_task_has_the_right_answer(cli: Cli) -> None:
    found = _results(cli, [{"workflow": name, "input": data} for name, (data, _) in _RIGHT.items()])
    assert found == {name: answer for name, (_, answer) in _RIGHT.items()}
    assert str(found["number"]["f"]) == "-0.0"


def test_that_what_cannot_be_said_or_computed_is_an_error_that_says_what_to_write(cli: Cli) -> None:
    tasks: dict[str, dict[str, Any]] = {
        "method": {"text": "a"},
        "lazy": {"rows": [1]},
        "null": {"none": None},
        "negative": {"n": -(2**63)},
        "sum": {"n": 2**64},
        "size": {"text": 5},
        "number": {"n": 1},
    }
    found = _results(
        cli, [{"workflow": name, "input": data, "id": f"u-{name}"} for name, data in tasks.items()], exit_code=1
    )
    assert found.pop("number") == {"n": 1}
    assert {name: error[0] for name, error in found.items()} == {
        "method": "prompt", "lazy": "prompt", "null": "expression", "negative": "expression", "sum": "expression",
        "size": "expression",
    }  # fmt: skip
    for name, said in {
        "method": "there is no `upper`; for the method of this name, write `upper()`",
        "lazy": "inserts items one by one, not their text: end it with `| list` or `| join(', ')`",
        "null": "`input.none` is null and has no `x`; test it first, as in `input.none != null && …`",
        "negative": "the result has more than 64 bits; convert with double(x) first",
        "sum": "a number in the data has more than 64 bits; name it alone, as in `input.number`, or send it as a text",
        "size": "`size` takes a text, a list or a map, not a number",
    }.items():
        assert found[name][1].endswith(said)


def test_that_a_version_that_is_not_there_is_shown_as_it_was_asked_for(cli: Cli) -> None:
    task = {"id": "v-9", "workflow": "size", "version": 9, "input": {"text": ""}}
    cli("tasks", "send", "-", "--wait", "--json", text=json.dumps(task), exit_code=1)
    assert "size v9  failed" in cli("runs", "show", "v-9")
    (row,) = [row for row in cli.objects("runs", "list") if row["id"] == "v-9"]
    assert row["version"] == 9
