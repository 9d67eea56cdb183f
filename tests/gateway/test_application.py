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
            assert {"403", "421", "500", "503"} <= operation["responses"].keys(), path


async def test_that_the_document_names_the_members_of_each_form_of_errors(http: aiohttp.ClientSession) -> None:
    _, said = await call(http, "GET", "/v1/openapi.json")
    forms = {"/v1/tasks": "Problem", "/v1/models": "OpenAIError", "/v1/messages": "AnthropicError"}
    for path, form in forms.items():
        for operation in said["paths"][path].values():
            refused = operation["responses"]["503"]["content"]
            assert [one["schema"]["$ref"] for one in refused.values()] == [f"#/components/schemas/{form}"]
    schemas = said["components"]["schemas"]
    problem = {"type", "title", "status", "detail", "code", "request_id", "errors"}
    assert schemas["Problem"]["properties"].keys() == problem
    _, refused = await call(http, "GET", "/v1/tasks?limit=0")
    assert refused.keys() == problem
    assert "422" not in said["paths"]["/v1/models"]["get"]["responses"]
