from __future__ import annotations

from collections.abc import Mapping

import pytest

from app.settings import AskSettings
from app.workflows.definition.builtin import ask
from tests.workflows.kinds.run_helpers import begun, outcome, transform
from topics.metadata_filters import MetadataFilter
from topics.retrieval_requests import RetrievalRequest
from topics.retrieval_results import Chunk, RetrievalResult

CHUNK = Chunk(id="c", document_id="d", source="d.md", heading="Why", lines=(1, 2), text="Because.")
SEARCH = {"kind": "retrieve", "query": "{{ input.question }}"}


def _found(*chunks: Chunk, value: str) -> object:
    life = begun({"search": SEARCH, "seen": transform(value)}, answer="seen")
    request = life.open.pop(0)
    life.give(RetrievalResult(id=request.id, task_id="t", step="search", chunks=chunks))
    result = outcome(life)
    assert result.error is None, result.error
    return result.answer


@pytest.mark.parametrize(
    ("value", "without", "with_one"),
    [
        ("size(steps.search.output)", 0, 1),
        ("steps.search.output == []", True, False),
        ("steps.search.output.map(c, c.source)", [], ["d.md"]),
        ("steps.search.output.exists(c, c.text == 'Because.') ? 'some' : 'none'", "none", "some"),
    ],
)
def test_that_no_hits_are_an_empty_list(value: str, without: object, with_one: object) -> None:
    assert _found(value=value) == without
    assert _found(CHUNK, value=value) == with_one


def test_that_no_hits_are_the_answer_of_a_run_and_the_items_of_a_map() -> None:
    life = begun({"search": SEARCH})
    life.give(RetrievalResult(id=life.open.pop(0).id, task_id="t", step="search", chunks=()))
    assert outcome(life).answer == []
    each = {"kind": "map", "over": "['a', 'b']", "step": {"kind": "retrieve", "query": "{{ item }}"}}
    life = begun({"each": each, "seen": transform("steps.each.output.map(found, size(found))")}, answer="seen")
    for request in life.open[:]:
        life.open.remove(request)
        assert isinstance(request, RetrievalRequest)
        life.give(RetrievalResult(id=request.id, task_id="t", step=request.step, chunks=()))
    assert outcome(life).answer == [0, 0]


def test_that_what_was_not_retrieved_is_null_and_an_error_says_so() -> None:
    steps = {"search": {**SEARCH, "when": "false"}, "seen": transform("size(steps.search.output) > 0", after=["go"])}
    life = begun({"go": transform("1"), **steps}, answer="seen")
    error = outcome(life).error
    assert error is not None
    assert error.message.endswith("`size` takes a text, a list or a map, not null")


SOUGHT = {**SEARCH, "filter": {"all": [{"field": "kind", "eq": "${{ input.kind }}"}, {"field": "year", "gte": 2020}]}}


def _asked(step: Mapping[str, object], given: Mapping[str, object]) -> RetrievalRequest:
    (request,) = begun({"search": step}, task={"input": {"question": "why?", **given}}).open
    assert isinstance(request, RetrievalRequest)
    return request


def test_that_a_filter_of_workflow_and_task_is_in_the_request() -> None:
    wanted = {"all": [{"field": "kind", "eq": "policy"}, {"field": "year", "gte": 2020}]}
    assert _asked(SOUGHT, {"kind": "policy"}).filter == MetadataFilter.model_validate(wanted)
    assert _asked({**SEARCH, "filter": "${{ input.filter }}"}, {"filter": wanted}).filter is not None
    assert _asked({**SEARCH, "filter": "${{ input.filter }}"}, {"filter": None}).filter is None
    assert _asked(SEARCH, {}).filter is None


@pytest.mark.parametrize("given", [{"kind": None}, {"kind": {"a": 1}}, {}])
def test_that_what_is_no_filter_fails_the_step_and_searches_nothing(given: dict[str, object]) -> None:
    life = begun({"search": SOUGHT}, task={"input": {"question": "why?", **given}})
    error = outcome(life).error
    assert error is not None
    assert (error.code, life.open) == ("expression", [])


def test_that_a_search_is_for_the_tenant_and_the_roles_of_its_task() -> None:
    (request,) = begun({"search": SEARCH}, task={"tenant": "acme", "roles": ["hr"]}).open
    assert isinstance(request, RetrievalRequest)
    assert (request.tenant, request.roles) == ("acme", ("hr",))


@pytest.mark.parametrize(("given", "wanted"), [({}, None), ({"filter": {"field": "a", "eq": 1}}, 1)])
def test_that_the_built_in_workflow_takes_a_filter_from_its_task(given: dict[str, object], wanted: object) -> None:
    request = _asked(ask(AskSettings()).steps["retrieve"].model_dump(exclude_unset=True), given)
    assert (request.filter and request.filter.eq) == wanted
