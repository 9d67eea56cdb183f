from __future__ import annotations

from pathlib import Path

import pytest

from app.source.syntax import parse
from app.workflows.definition.inlining import inline


def _inlined(folder: Path, step: str) -> tuple[dict[str, object], list[str]]:
    document = parse(f"steps:\n  a: {{{step}}}\n", "w.yaml")
    inline(document, folder)
    return document.value["steps"]["a"], [str(problem) for problem in document.problems]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "flows" / "prompts").mkdir(parents=True)
    (tmp_path / "flows" / "prompts" / "x.j2").write_text("Hello {{ input.name }}\n", encoding="utf-8")
    (tmp_path / "secret").write_text("secret", encoding="utf-8")
    return tmp_path / "flows"


@pytest.mark.parametrize("name", ["prompt", "system", "query"])
def test_that_a_file_takes_the_place_of_its_name(folder: Path, name: str) -> None:
    step, problems = _inlined(folder, f"{name}: {{file: prompts/x.j2}}")
    assert step == {name: "Hello {{ input.name }}\n"}
    assert problems == []


def test_that_the_step_inside_a_map_can_name_files_too(folder: Path) -> None:
    step, _ = _inlined(folder, "kind: map, step: {kind: ask, prompt: {file: prompts/x.j2}}")
    assert step["step"] == {"kind": "ask", "prompt": "Hello {{ input.name }}\n"}


@pytest.mark.parametrize("name", ["../secret", "/etc/hostname", "prompts/../../secret", "link"])
def test_that_nothing_outside_of_the_folder_is_read(folder: Path, name: str) -> None:
    (folder / "link").symlink_to(folder.parent / "secret")
    step, problems = _inlined(folder, f"prompt: {{file: {name}}}")
    assert "secret" not in str(step["prompt"])
    assert problems == [
        f"w.yaml:2: steps.a.prompt.file: {name} is not in the folder of the workflow; only files there can be read"
    ]


@pytest.mark.parametrize(
    ("step", "message"),
    [
        ("prompt: {file: nothing.j2}", "w.yaml:2: steps.a.prompt.file: "),
        ("prompt: {fil: x}", "w.yaml:2: steps.a.prompt: must be a text, or name a file as in {file: "),
        ("prompt: {file: 3}", "w.yaml:2: steps.a.prompt: must be a text, or name a file as in {file: "),
        ("routing: {policy: nope, x: 1}", "w.yaml:2: steps.a.routing: no routing policy is called nope"),
        ("routing: [{policy: learned, file: absent.json}]", "w.yaml:2: steps.a.routing.0: "),
    ],
)
def test_that_what_cannot_be_read_is_noted(folder: Path, step: str, message: str) -> None:
    _, problems = _inlined(folder, step)
    assert len(problems) == 1
    assert problems[0].startswith(message)


def test_that_everything_else_stays_as_it_is(folder: Path) -> None:
    step, problems = _inlined(folder, "prompt: text, routing: {policy: fixed, choose: 1}, step: x")
    assert step == {"prompt": "text", "routing": {"policy": "fixed", "choose": 1}, "step": "x"}
    assert problems == []


@pytest.mark.parametrize("text", ["a: 1", "steps: 3", "steps: {a: 3}", "steps: [1]", "steps: {a: {routing: [1]}}"])
def test_that_a_file_of_another_form_is_left_to_the_validation(folder: Path, text: str) -> None:
    document = parse(text, "w.yaml")
    inline(document, folder)
    assert document.problems == []
