from __future__ import annotations

import json
from typing import Any

import aiohttp
import pytest

from app.admin import deployments
from app.client.client import Client
from app.settings import ModelSettings, Settings
from tests.gateway.requests import call, submit

YAML = """\
id: triage
steps:
  answer:
    kind: ask
    models: [one]
    prompt: "{{ input.question }}"
"""


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"models": {"one": ModelSettings(provider="scripted")}})


def spec(**fields: Any) -> dict[str, Any]:
    """Return the workflow as JSON."""
    ask = {"kind": "ask", "models": ["one"], "prompt": "{{ input.question }}", **fields}
    return {"id": "triage", "steps": {"answer": ask}}


async def send(http: aiohttp.ClientSession, path: str, text: str) -> tuple[int, dict[str, Any]]:
    """Post a workflow as YAML."""
    async with http.post(path, data=text.encode(), headers={"Content-Type": "application/yaml"}) as answer:
        return answer.status, json.loads(await answer.text())


async def test_that_each_problem_has_its_place_and_its_fix(http: aiohttp.ClientSession) -> None:
    assert await send(http, "/v1/workflows/validate", YAML) == (200, {"valid": True, "problems": [], "warnings": []})
    _, said = await send(http, "/v1/workflows/validate", YAML.replace("[one]", "[oen]").replace("prompt:", "promt:"))
    assert not said["valid"]
    found = {(one["at"], one["line"]): one["message"] for one in said["problems"]}
    assert "did you mean `prompt`" in found["steps.answer.promt", 6]
    _, said = await send(http, "/v1/workflows/validate", YAML.replace("[one]", "[oen]"))
    (one,) = said["problems"]
    assert (one["at"], one["line"], "one" in one["message"]) == ("steps.answer.models.0", 5, True)
    status, said = await send(http, "/v1/workflows/validate", "id: [")
    assert (status, said["valid"], len(said["problems"])) == (200, False, 1)


async def test_that_new_content_is_a_new_version_for_new_runs(http: aiohttp.ClientSession, client: Client) -> None:
    status, first = await send(http, "/v1/workflows", YAML)
    assert (status, first["change"], first["version"], first["before"]) == (200, "new", 1, None)
    await submit(http, workflow="triage")
    assert (await call(http, "POST", "/v1/workflows", spec()))[1]["change"] == "unchanged"
    _, planned = await call(http, "POST", "/v1/workflows/diff", spec(prompt="{{ input.other }}"))
    assert (planned["version"], planned["dry_run"], "+" in planned["diff"]) == (2, True, True)
    assert (await call(http, "GET", "/v1/workflows/triage"))[1]["version"] == 1
    _, second = await call(http, "POST", "/v1/workflows", spec(prompt="{{ input.other }}"))
    assert (second["change"], second["before"], second["version"]) == ("version", 1, 2)
    assert (await call(http, "GET", "/v1/workflows/triage"))[1]["version"] == 2
    deployed = await deployments.read(client)
    assert (deployed.numbers, list(deployed.of("triage"))) == ({"triage": 2}, [1, 2])
    (audited, *_) = await deployments.read_audit(client, "triage")
    assert (audited.actor, audited.action) == ("gateway", deployments.DEPLOYED)


async def test_that_versions_are_listed_page_by_page_and_rolled_back(http: aiohttp.ClientSession) -> None:
    for number in range(3):
        await call(http, "POST", "/v1/workflows", spec(prompt=f"{number} {{{{ input.question }}}}"))
    _, page = await call(http, "GET", "/v1/workflows/triage/versions?limit=2")
    _, rest = await call(http, "GET", f"/v1/workflows/triage/versions?limit=2&cursor={page['next']}")
    rows = page["data"] + rest["data"]
    assert [(row["version"], row["active"]) for row in rows] == [(1, False), (2, False), (3, True)]
    assert (rest["next"], rows[0]["actor"], len(rows[0]["digest"])) == (None, "gateway", 64)
    _, changed = await call(http, "POST", "/v1/workflows/triage/rollback", {})
    assert (changed["before"], changed["version"]) == (3, 2)
    _, changed = await call(http, "POST", "/v1/workflows/triage/rollback?dry_run=true", {"to": 1})
    assert (changed["version"], changed["dry_run"]) == (1, True)
    assert (await call(http, "GET", "/v1/workflows/triage"))[1]["version"] == 2
    _, old = await call(http, "GET", "/v1/workflows/triage/versions/1")
    assert old["steps"]["answer"]["prompt"].startswith("0")


async def test_that_a_built_in_workflow_is_a_version_too(http: aiohttp.ClientSession) -> None:
    _, said = await call(http, "GET", "/v1/workflows/ask/versions")
    assert [(row["version"], row["active"], row["deployed_at"]) for row in said["data"]] == [(1, True, None)]
    assert (await call(http, "GET", "/v1/workflows/ask/versions/1"))[1]["id"] == "ask"


async def test_that_what_cannot_be_deployed_is_refused_and_changes_nothing(
    http: aiohttp.ClientSession, client: Client
) -> None:
    status, said = await call(http, "POST", "/v1/workflows", spec(models=["two"]))
    assert (status, said["code"], said["errors"][0]["at"]) == (422, "invalid_workflow", "steps.answer.models.0")
    await call(http, "POST", "/v1/workflows", spec())
    status, said = await call(http, "POST", "/v1/workflows", {**spec(prompt="other"), "version": 1})
    assert (status, said["code"], "versions never change" in said["detail"]) == (409, "version_conflict", True)
    for path, body, code in (
        ("/v1/workflows/triag/rollback", {}, (404, "unknown_workflow")),
        ("/v1/workflows/triage/rollback", {}, (409, "version_conflict")),
        ("/v1/workflows/triage/rollback", {"to": 9}, (409, "version_conflict")),
    ):
        status, said = await call(http, "POST", path, body)
        assert (status, said["code"]) == code
    assert (await call(http, "GET", "/v1/workflows/triage/versions/9"))[1]["code"] == "unknown_version"
    assert (await deployments.read(client)).numbers == {"triage": 1}


@pytest.mark.parametrize("name", ["/etc/passwd", "pyproject.toml", "../../etc/passwd"])
async def test_that_no_file_of_the_gateway_is_read(http: aiohttp.ClientSession, name: str) -> None:
    fields = [
        {"prompt": {"file": name}},
        {"routing": {"policy": "learned", "weak": "one", "strong": "one", "file": name}},
    ]
    for one in fields:
        status, said = await call(http, "POST", "/v1/workflows", spec(**one))
        assert (status, said["code"]) == (422, "invalid_workflow")
        assert any("has no files beside it" in found["message"] for found in said["errors"])


async def test_that_yaml_is_taken_where_a_workflow_is_sent_and_nowhere_else(http: aiohttp.ClientSession) -> None:
    status, said = await send(http, "/v1/tasks", "input: {}")
    assert (status, said["code"]) == (415, "unsupported_media_type")
