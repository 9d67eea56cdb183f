from __future__ import annotations

import json
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest

from tests.gateway.compatibility import RELEASED, breaks, current

DOCUMENT = current()
Change = Callable[[dict[str, Any]], object]


def changed(change: Change) -> list[str]:
    """Return what breaks when the document is changed so."""
    new = deepcopy(DOCUMENT)
    change(new)
    return breaks(DOCUMENT, new)


def schema(document: dict[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any] = document["components"]["schemas"][name]
    return found


def limit(document: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of a parameter."""
    parameters = document["paths"]["/v1/tasks"]["get"]["parameters"]
    found: dict[str, Any] = next(one for one in parameters if one["name"] == "limit")
    return found


def test_that_clients_of_the_released_version_can_go_on() -> None:
    assert breaks(json.loads(RELEASED.read_text(encoding="utf-8")), DOCUMENT) == []


@pytest.mark.parametrize(
    ("change", "where"),
    [
        (lambda new: new["paths"].pop("/v1/tasks"), "GET /v1/tasks: removed"),
        (lambda new: new["paths"]["/v1/tasks"].pop("post"), "POST /v1/tasks: removed"),
        (lambda new: schema(new, "TaskState")["properties"].pop("status"), "/v1/tasks 202.status: removed"),
        (lambda new: schema(new, "TaskState")["required"].remove("id"), "202.id: no longer always there"),
        (lambda new: schema(new, "TaskRequest")["properties"].pop("workflow"), "body.workflow: removed"),
        (lambda new: schema(new, "TaskRequest")["required"].append("workflow"), "body.workflow: required"),
        (lambda new: schema(new, "TaskRequest")["properties"]["tenant"].update(maxLength=9), "maxLength is narrower"),
        (lambda new: schema(new, "TaskRequest")["properties"]["tenant"].update(type="integer"), "the type is integer"),
        (lambda new: schema(new, "TaskRequest")["properties"]["tenant"].update(enum=["a"]), "only some values"),
        (lambda new: schema(new, "FeedbackRequest")["properties"]["thumb"]["anyOf"].pop(), "body.thumb"),
        (lambda new: schema(new, "TaskRow")["properties"]["tenant"].update(type="integer"), "the type is integer"),
        (lambda new: new["paths"]["/v1/tasks"]["get"]["parameters"].remove(limit(new)), "limit is removed"),
        (lambda new: limit(new).update(required=True), "limit is required"),
        (lambda new: limit(new)["schema"].update(maximum=10), "maximum is narrower"),
        (lambda new: new["paths"]["/v1/tasks"]["post"]["responses"].pop("409"), "the status 409 is removed"),
        (
            lambda new: new["paths"]["/v1/workflows"]["post"]["requestBody"]["content"].pop("application/yaml"),
            "application/yaml is removed",
        ),
        (lambda new: schema(new, "Problem")["properties"].pop("code"), ".code: removed"),
    ],
)
def test_that_what_breaks_clients_is_found(change: Change, where: str) -> None:
    found = changed(change)
    assert any(where in one for one in found), found


@pytest.mark.parametrize(
    "change",
    [
        lambda new: new["paths"].update({"/v1/more": new["paths"]["/v1/tasks"]}),
        lambda new: schema(new, "TaskState")["properties"].update(more={"type": "string"}),
        lambda new: schema(new, "TaskRequest")["properties"].update(more={"type": "string"}),
        lambda new: schema(new, "TaskRequest")["properties"]["tenant"].update(maxLength=1000),
        lambda new: limit(new)["schema"].update(maximum=1000),
        lambda new: new["paths"]["/v1/tasks"]["get"]["parameters"].append(
            {"in": "query", "name": "more", "required": False, "schema": {"type": "string"}}
        ),
        lambda new: new["paths"]["/v1/tasks"]["get"]["responses"].update({"418": {"description": "A teapot"}}),
        lambda new: schema(new, "FeedbackRequest")["properties"]["thumb"]["anyOf"].append({"type": "integer"}),
    ],
)
def test_that_what_is_only_added_breaks_nothing(change: Change) -> None:
    assert changed(change) == []
