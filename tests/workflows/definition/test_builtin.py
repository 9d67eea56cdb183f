from __future__ import annotations

import pytest
from pydantic import ValidationError

from app.schemas import Schema
from app.settings import AskSettings, ModelSettings, Settings
from app.workflows.checks import check
from app.workflows.definition.builtin import NAMES, ask, conversation, workflows
from app.workflows.definition.steps import AskStep, RetrieveStep
from app.workflows.templates.prompts import Prompt
from topics.retrieval_results import Chunk


def _answer(settings: AskSettings) -> AskStep:
    step = ask(settings).steps["answer"]
    assert isinstance(step, AskStep)
    return step


def test_that_the_settings_decide() -> None:
    settings = AskSettings(models=("a", "b"), strategy="vote", quorum=2, chunks=7, deadline=33.0)
    workflow, answer = ask(settings), _answer(settings)
    assert (workflow.id, workflow.answer, workflow.deadline) == ("ask", "answer", 33)
    assert (answer.models, answer.fusion.strategy, answer.fusion.quorum) == (("a", "b"), "vote", 2)
    assert answer.timeout == 33.0
    retrieve = workflow.steps["retrieve"]
    assert isinstance(retrieve, RetrieveStep)
    assert (retrieve.limit, retrieve.optional) == (7, True)


def test_that_an_answer_can_be_shown_while_it_is_made() -> None:
    assert not _answer(AskSettings()).stream
    one = _answer(AskSettings(models=("a",), stream=True))
    assert (one.stream, one.fusion.strategy) == (True, "first")  # of a single answer, every fusion makes that answer
    assert check(ask(AskSettings(models=("a", "b"), strategy="first", stream=True))) == []
    for wrong in ({"models": ("a", "b")}, {"models": ("a", "b"), "strategy": "first", "quorum": 2}):
        with pytest.raises(ValidationError, match="only one answer can be streamed"):
            AskSettings.model_validate({**wrong, "stream": True})


def test_that_a_question_is_required() -> None:
    schema = Schema(ask(AskSettings()).input, where="input")
    assert schema.complaint({"question": "why?", "more": 1}) is None
    assert schema.complaint({}) == '"question" is a required property'


@pytest.mark.parametrize("retrieve", [True, False])
def test_that_nothing_is_wrong_with_it(retrieve: bool) -> None:  # noqa: FBT001  # a parameter of the test
    assert check(ask(AskSettings(models=("a", "b"), retrieve=retrieve))) == []


def test_that_the_documents_can_be_left_out() -> None:
    settings = AskSettings(retrieve=False)
    assert set(ask(settings).steps) == {"answer"}
    prompt = Prompt(_answer(settings).prompt, where="w")
    assert prompt.render({"input": {"question": "why?"}}) == "Question: why?"


def test_that_a_model_named_twice_is_asked_once() -> None:
    assert _answer(AskSettings(models=("b", "a", "b"))).models == ("b", "a")


def test_that_the_prompt_numbers_the_sources_and_does_without() -> None:
    prompt = Prompt(_answer(AskSettings()).prompt, where="w")
    chunk = Chunk(id="c", document_id="d", source="d.md", heading="Why", lines=(1, 2), text="Because.")
    found = {"input": {"question": "why?"}, "steps": {"retrieve": {"chunks": (chunk, chunk)}}}
    assert "[1] Why\nBecause.\n\n[2] Why" in prompt.render(found)
    row = chunk.model_copy(update={"header": "| no | part |", "text": "| 1 | bolt |"})
    rows = {"input": {"question": "why?"}, "steps": {"retrieve": {"chunks": (row,)}}}
    assert "[1] Why\n| no | part |\n| 1 | bolt |\n" in prompt.render(rows)
    nothing = {"input": {"question": "why?"}, "steps": {"retrieve": {"chunks": ()}}}
    assert prompt.render(nothing) == "Question: why?"


def test_that_the_prompt_can_be_ones_own() -> None:
    answer = _answer(AskSettings(system="Be short.", prompt="Q: {{ input.question }}"))
    assert (answer.system, answer.prompt) == ("Be short.", "Q: {{ input.question }}")
    assert _answer(AskSettings(system="Be short.")).prompt == _answer(AskSettings()).prompt
    assert _answer(AskSettings(retrieve=False, prompt="Q: {{ input.question }}")).prompt == "Q: {{ input.question }}"


def test_that_a_conversation_is_passed_on_to_any_configured_model() -> None:
    models = {name: ModelSettings(provider="scripted") for name in ("a", "b")}
    settings = Settings(models=models, ask=AskSettings(models=("a",), deadline=7.0))
    for name in ("passthrough", "panel"):
        workflow = conversation(settings, name)
        answer = workflow.steps["answer"]
        assert isinstance(answer, AskStep)
        assert (answer.models, answer.timeout, workflow.deadline) == (("a", "b"), 7.0, 7.0)
    assert [one.id for one in workflows(settings)] == list(NAMES)
    assert [check(one) for one in workflows(settings)[1:]] == [[], [], [], []]


def test_sources_get_the_smallest_window_less_the_answer_and_the_question() -> None:
    models = {
        "large": {"provider": "local", "context_tokens": 100_000},
        "small": {"provider": "local", "context_tokens": 4_000, "sampling": {"max_tokens": 500}},
        "unknown": {"provider": "local"},
    }
    for asked, wanted in ((("large", "small", "unknown"), 4_000 - 500 - 512), (("unknown",), None)):
        settings = Settings.model_validate({"models": models, "ask": {"models": asked}})
        retrieve = next(one for one in workflows(settings) if one.id == "ask").steps["retrieve"]
        assert retrieve.model_dump().get("max_tokens") == wanted
