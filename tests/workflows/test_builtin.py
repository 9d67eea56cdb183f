from __future__ import annotations

from app.settings import AskSettings
from app.workflows.builtin import ask
from app.workflows.definitions import Definition
from app.workflows.spec import AskStep, RetrieveStep
from topics.retrieval_results import Chunk


def _answer(settings: AskSettings) -> AskStep:
    step = ask(settings).steps["answer"]
    assert isinstance(step, AskStep)
    return step


def test_that_the_settings_decide() -> None:
    settings = AskSettings(models=("a", "b"), strategy="vote", quorum=2, chunks=7, deadline=33.0)
    workflow, answer = ask(settings), _answer(settings)
    assert (workflow.id, workflow.output, workflow.requires, workflow.deadline) == ("ask", "answer", ("question",), 33)
    assert (answer.models, answer.fusion.strategy, answer.fusion.quorum) == (("a", "b"), "vote", 2)
    assert (answer.timeout, answer.after) == (33.0, ("retrieve",))
    retrieve = workflow.steps["retrieve"]
    assert isinstance(retrieve, RetrieveStep)
    assert (retrieve.limit, retrieve.optional) == (7, True)


def test_that_the_documents_can_be_left_out() -> None:
    settings = AskSettings(retrieve=False)
    assert set(ask(settings).steps) == {"answer"}
    assert _answer(settings).after == ()


def test_that_a_model_named_twice_is_asked_once() -> None:
    assert _answer(AskSettings(models=("b", "a", "b"))).models == ("b", "a")


def test_that_the_prompt_numbers_the_sources_and_does_without() -> None:
    prompt = Definition(ask(AskSettings())).prompts["answer", "prompt"]
    chunk = Chunk(id="c", document_id="d", source="d.md", heading="Why", lines=(1, 2), text="Because.")
    found = {"input": {"question": "why?"}, "steps": {"retrieve": {"chunks": (chunk, chunk), "answer": None}}}
    text = prompt.render(found)
    assert text.startswith("Sources:\n[1] Why\nBecause.\n")
    assert "[2] Why" in text
    assert text.endswith("Question: why?")
    assert prompt.render({"input": {"question": "why?"}, "steps": {}}) == "Question: why?"
