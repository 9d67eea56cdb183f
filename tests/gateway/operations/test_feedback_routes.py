from __future__ import annotations

import aiohttp

from tests.gateway.requests import call, submit


async def test_that_feedback_is_found_by_its_task_and_newest_first(http: aiohttp.ClientSession) -> None:
    task, other = await submit(http), await submit(http)
    for body in ({"thumb": "up"}, {"score": 0.25, "comment": "too long"}, {"correction": {"answer": 42}}):
        status, said = await call(http, "POST", "/v1/feedback", {"task_id": task, **body})
        assert (status, said["task_id"], said["actor"]) == (201, task, "gateway")
        assert said.items() >= body.items()
    await call(http, "POST", "/v1/feedback", {"task_id": other, "thumb": "down"})
    _, page = await call(http, "GET", f"/v1/tasks/{task}/feedback?limit=2")
    _, rest = await call(http, "GET", f"/v1/tasks/{task}/feedback?limit=2&cursor={page['next']}")
    rows = page["data"] + rest["data"]
    assert [(row["thumb"], row["score"], row["correction"]) for row in rows] == [
        ("up", None, None),
        (None, 0.25, None),
        (None, None, {"answer": 42}),
    ]
    assert rest["next"] is None
    _, everything = await call(http, "GET", "/v1/feedback")
    assert [row["task_id"] for row in everything["data"]] == [other, task, task, task]
    _, down = await call(http, "GET", "/v1/feedback?thumb=down")
    assert [row["task_id"] for row in down["data"]] == [other]


async def test_that_feedback_that_is_sent_again_counts_once(http: aiohttp.ClientSession) -> None:
    task = await submit(http)
    for _ in range(2):
        await call(http, "POST", "/v1/feedback", {"task_id": task, "thumb": "up"}, Idempotency_Key="k")
    _, said = await call(http, "GET", f"/v1/tasks/{task}/feedback")
    assert len(said["data"]) == 1


async def test_that_feedback_on_nothing_or_of_nothing_is_refused(http: aiohttp.ClientSession) -> None:
    task = await submit(http)
    for body, code in (
        ({"task_id": "none", "thumb": "up"}, (404, "unknown_task")),
        ({"task_id": task}, (422, "invalid_request")),
        ({"task_id": task, "thumb": "left"}, (422, "invalid_request")),
        ({"task_id": task, "score": 1.5}, (422, "invalid_request")),
        ({"task_id": task, "correction": {"a": float("nan")}}, (422, "invalid_request")),
        ({"task_id": task, "correction": "\ud800"}, (422, "invalid_request")),
    ):
        status, said = await call(http, "POST", "/v1/feedback", body)
        assert (status, said["code"]) == code, body
    assert (await call(http, "GET", "/v1/tasks/none/feedback"))[0] == 404
    assert (await call(http, "GET", f"/v1/tasks/{task}/feedback?cursor=e30"))[0] == 422
