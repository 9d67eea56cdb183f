from __future__ import annotations

import aiohttp

from tests.gateway.requests import call


async def test_that_the_document_describes_every_route(http: aiohttp.ClientSession) -> None:
    status, said = await call(http, "GET", "/v1/openapi.json")
    assert (status, said["openapi"].startswith("3.1")) == (200, True)
    described = {f"{method} {path}" for path, methods in said["paths"].items() for method in methods}
    assert described >= {
        "get /v1/health",
        "get /v1/models/{model}",
        "get /v1/runs/{task_id}",
        "get /v1/tasks",
        "get /v1/tasks/{task_id}/events",
        "post /v1/chat/completions",
        "post /v1/embeddings",
        "post /v1/messages",
        "post /v1/responses",
        "post /v1/tasks",
        "post /v1/tasks/{task_id}/cancel",
        "post /v1/tasks/{task_id}/signals/{name}",
    }
    for path, methods in said["paths"].items():
        for operation in methods.values():
            assert path == "/v1/health" or {"403", "421", "503"} <= operation["responses"].keys(), path
