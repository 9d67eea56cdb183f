from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import pytest

from app.brokers.base import Connection
from app.client.client import Client
from app.errors import ConfigurationError
from app.gateway.server import serve_gateway
from app.settings import ModelSettings, PanelSettings, Settings
from tests.gateway.openai.test_chat_routes import ASKED, PATH, next_task
from tests.gateway.requests import call, finish
from topics.model_responses import Usage
from topics.results import Candidate

JUDGED: dict[str, Any] = {"strategy": "best-of-n", "judge": "third"}


@pytest.fixture
def settings(settings: Settings) -> Settings:
    models = {name: ModelSettings(provider="scripted") for name in ("big", "small", "third")}
    panels = {"jury": PanelSettings(models=("big", "small"), strategy="vote", options={"exact": True})}
    return settings.model_copy(update={"models": models, "panels": panels})


@pytest.mark.parametrize(
    ("model", "fused", "models", "fusion"),
    [
        ("big|small", None, ["big", "small"], None),
        (" small | big ", JUDGED, ["small", "big"], JUDGED),
        ("jury", None, ["big", "small"], {"exact": True, "strategy": "vote", "quorum": 1}),
        ("jury", {"quorum": 2}, ["big", "small"], {"quorum": 2}),
    ],
)
async def test_that_a_panel_asks_its_models_and_says_what_each_answered(
    http: aiohttp.ClientSession,
    client: Client,
    model: str,
    fused: dict[str, Any] | None,
    models: list[str],
    fusion: dict[str, Any] | None,
) -> None:
    asked = {**ASKED, "model": model, "meta_ai": {"fusion": fused}, "stream": False}
    asking = asyncio.create_task(call(http, "POST", PATH, asked))
    task = await next_task(client)
    assert (task.workflow, task.input["messages"]) == ("panel", ASKED["messages"])
    assert task.input["overrides"] == {"models": models, "stream": False, **({"fusion": fusion} if fusion else {})}
    candidates = [
        Candidate(branch="big", model="big", text="yes", chosen=True, usage=Usage(cost=0.5)),
        Candidate(branch="small", model="small", text="no"),
    ]
    usage = Usage(input_tokens=4, output_tokens=2, cost=0.75)
    await finish(client, str(task.id), answer="yes", candidates=candidates, usage=usage, fusion="vote", agreement=0.5)
    status, said = await asking
    assert (status, said["model"], said["usage"]["total_tokens"]) == (200, model, 6)
    assert said["choices"][0]["message"]["content"] == "yes"
    extension = said["meta_ai"]
    assert (extension["cost"], extension["fusion"], extension["agreement"]) == (0.75, "vote", 0.5)
    told = [(one["model"], one["text"], one["chosen"], one["cost"]) for one in extension["candidates"]]
    assert told == [("big", "yes", True, 0.5), ("small", "no", False, 0.0)]


@pytest.mark.parametrize(
    ("given", "status", "said"),
    [
        ({"model": "big|huge"}, 404, "none is called huge; there are big, small, third"),
        ({"model": "big|smal"}, 404, "did you mean `small`?"),
        ({"model": "big|"}, 404, "an empty name"),
        ({"model": "big|ask"}, 404, "a panel asks configured models"),
        ({"model": "big|big"}, 400, "names a model twice"),
        ({"model": "big", "meta_ai": {"fusion": {}}}, 400, "only the answers of a panel are fused"),
        ({"model": "jury", "meta_ai": {"fusion": {"strategy": "votes"}}}, 400, "did you mean `vote`?"),
        ({"model": "jury", "meta_ai": {"fusion": {"quorum": 3}}}, 400, "quorum is 3, but there are only 2 models"),
        ({"model": "jury", "meta_ai": {"fusion": {"quorum": 0}}}, 400, "quorum: "),
        ({"model": "jury", "meta_ai": {"fusion": {**JUDGED, "judge": "x"}}}, 400, "no model is called x"),
    ],
)
async def test_that_what_cannot_be_asked_is_told_with_what_can(
    http: aiohttp.ClientSession, given: dict[str, Any], status: int, said: str
) -> None:
    found, answer = await call(http, "POST", PATH, {**ASKED, **given})
    assert (found, said in answer["error"]["message"]) == (status, True), answer


async def test_that_a_panel_is_listed(http: aiohttp.ClientSession) -> None:
    assert (await call(http, "GET", "/v1/models/jury"))[1]["owned_by"] == "panel"


async def test_that_a_panel_that_cannot_be_fused_is_told_at_the_start(embedded: Connection, settings: Settings) -> None:
    panels = {"jury": PanelSettings(models=("big", "small"), strategy="vote", options={"exakt": True})}
    with pytest.raises(ConfigurationError, match=r"panels\.jury: fusion strategy vote: there is no option exakt"):
        async with serve_gateway(settings.model_copy(update={"panels": panels}), embedded):
            pass
