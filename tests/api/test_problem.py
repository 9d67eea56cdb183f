from __future__ import annotations

import json
from http import HTTPStatus

from app.api.problem import encode, problem_response


def test_a_problem_has_the_members_of_rfc_9457() -> None:
    page = problem_response(HTTPStatus.NOT_FOUND, "there is no such page", (("Allow", "GET"),), more=[1])
    assert (page.status, page.content_type, page.headers) == (404, "application/problem+json", (("Allow", "GET"),))
    assert json.loads(page.body) == {
        "type": "about:blank",
        "title": "Not Found",
        "status": 404,
        "detail": "there is no such page",
        "more": [1],
    }


def test_text_that_is_not_unicode_does_not_break_the_answer() -> None:
    assert encode({"a": "é\udcff"}) == '{"a":"é?"}'.encode()
