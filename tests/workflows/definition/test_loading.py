from __future__ import annotations

import json
from pathlib import Path

import pytest

from app.errors import ConfigurationError
from app.workflows.checks import Names
from app.workflows.definition.loading import load

GOOD = "id: w\nsteps:\n  say: {kind: ask, models: [local], prompt: hello}\n"


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def _write(name: str, text: str) -> Path:
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def _lines(text: str, names: Names | None = None) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        load(_write("w.yaml", text), names)
    return str(caught.value).split("\n")


def test_that_files_and_folders_are_read() -> None:
    for name, id_ in (("flows/b.yml", "b"), ("flows/deep/a.yaml", "a"), ("flows/.hidden/x.yaml", "x"), ("c.yaml", "c")):
        _write(name, GOOD.replace("id: w", f"id: {id_}"))
    _write("flows/read.me", "no workflow")
    found = load([Path("flows"), Path("c.yaml")])
    assert [(one.spec.id, str(one.file)) for one in found] == [
        ("b", "flows/b.yml"),
        ("a", "flows/deep/a.yaml"),
        ("c", "c.yaml"),
    ]


def test_that_json_is_read_too() -> None:
    step = {"kind": "transform", "value": "1"}
    (found,) = load(_write("w.json", json.dumps({"id": "w", "steps": {"a": step}}, indent="\t")))
    assert found.spec.steps["a"].kind == "transform"


def test_that_each_key_has_its_line() -> None:
    (found,) = load(_write("w.yaml", GOOD))
    assert found.lines["steps", "say", "prompt"] == "w.yaml:3"


def test_that_anchors_can_be_used() -> None:
    text = "id: w\nsteps:\n  a: &a {kind: transform, value: '1'}\n  b: *a\nanswer: b\n"
    (found,) = load(_write("w.yaml", text))
    assert found.spec.steps["a"] == found.spec.steps["b"]


def test_that_every_fault_of_every_file_is_told_at_once() -> None:
    _write("flows/a.yaml", "id: a\nsteps:\n  x: {kind: transform, valu: 1}\n")
    _write("flows/b.yaml", "id: b\nsteps:\n  y:\n    kind: transform\n    value: inptu.x\n    when: '1 +'\n")
    _write("flows/c.yaml", "id: [\n")
    with pytest.raises(ConfigurationError) as caught:
        load(Path("flows"))
    found = str(caught.value).split("\n")
    assert [line.rsplit(": ", 1)[0] for line in found[:2]] == [
        "flows/a.yaml:3: steps.x.value",
        "flows/a.yaml:3: steps.x.valu",
    ]
    assert "flows/a.yaml:3: steps.x.valu: unknown key; did you mean `value`?" in found
    assert "flows/b.yaml:5: steps.y.value: there is nothing called `inptu`; did you mean `input`?" in found
    assert any(
        line.startswith("flows/b.yaml:6: steps.y.when: is not a valid CEL expression: column 4: ") for line in found
    )
    assert any(line.startswith("flows/c.yaml:2: is not valid YAML") for line in found)


def test_that_a_key_which_is_set_twice_is_a_fault() -> None:
    assert _lines(GOOD + "id: v\n") == ["w.yaml:4: id: is set twice, first at w.yaml:1; keep one"]


def test_that_names_of_the_settings_are_checked_when_they_are_given() -> None:
    names = Names(models=frozenset({"mine"}))
    assert _lines(GOOD, names) == ["w.yaml:3: steps.say.models.0: no model is called local; there is mine"]
    assert load(Path("w.yaml"))


def test_that_workflows_which_are_loaded_together_can_call_each_other() -> None:
    _write("flows/w.yaml", GOOD)
    _write("flows/v.yaml", "id: v\nsteps: {call: {kind: workflow, workflow: w}}\n")
    assert len(load(Path("flows"), Names(workflows=frozenset()))) == 2
    with pytest.raises(ConfigurationError, match="no workflow is called w"):
        load(Path("flows/v.yaml"), Names(workflows=frozenset()))


def test_that_one_workflow_is_in_one_file() -> None:
    _write("flows/a.yaml", GOOD)
    _write("flows/b.yaml", GOOD)
    with pytest.raises(ConfigurationError) as caught:
        load(Path("flows"))
    assert str(caught.value) == "flows/b.yaml:1: id: w is in flows/a.yaml too; rename one"
    _write("flows/b.yaml", "version: 2\n" + GOOD)
    assert [one.spec.version for one in load(Path("flows"))] == [1, 2]


def test_that_warnings_do_not_stop_it() -> None:
    text = "id: w\ninput: {properties: {question: {}}}\nsteps:\n  a: {kind: transform, value: input.qestion}\n"
    (found,) = load(_write("w.yaml", text))
    assert [str(one) for one in found.warnings] == [
        "w.yaml:4: steps.a.value: `input.qestion`: the input has no `qestion`; did you mean `question`?"
    ]


def test_that_the_routing_of_one_stage_is_named_as_it_is_written() -> None:
    (line,) = _lines(GOOD.replace("prompt: hello", "prompt: hello, routing: {policy: fixd}"))
    assert line.startswith("w.yaml:3: steps.say.routing: no routing policy is called fixd")


def test_that_a_cache_where_nothing_could_be_kept_is_a_fault_of_its_line() -> None:
    text = "id: w\nsteps:\n  a:\n    kind: transform\n    value: '1'\n    cache: 1h\n"
    message = "a transform has no answer to cache; leave it out"
    assert _lines(text) == [f"w.yaml:6: steps.a.cache: {message}"]


def test_that_an_empty_folder_and_a_missing_file_are_faults() -> None:
    Path("empty").mkdir()
    with pytest.raises(ConfigurationError) as caught:
        load([Path("empty"), Path("absent.yaml")])
    assert str(caught.value).split("\n") == [
        "empty: has no workflow in it, a file that ends with .yaml, .yml or .json",
        "absent.yaml: cannot be read: No such file or directory",
    ]
