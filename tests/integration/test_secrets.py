"""No secret of the settings is in anything that is written, whatever goes wrong."""

from __future__ import annotations

import asyncio
import json
import shutil
import traceback
from base64 import b64encode
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from app.models.base import Model, Prompt
from app.models.http.endpoint import ambient_secrets
from app.models.registry import build
from app.settings import ModelSettings, Settings
from app.worker.components import components
from testkit.provider.faulty import ALL, FaultyProvider, FaultyProviderUrls
from testkit.provider.upstream import ADAPTERS
from tests.integration.canaries import CANARIES, Search, read_all
from tests.integration.canary_scene import ambient, configuration, drive, guarded, orchestrator, pages, scene
from tests.integration.collector import Collector
from topics.model_requests import Message

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl, to make certificates"),
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def search(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Search]:
    """All that was written while every failure was driven through an orchestrator, to be searched."""
    search, folder = Search(), tmp_path_factory.mktemp("canaries")
    async with FaultyProvider().serving() as places, Collector.start() as collector:
        here = scene(folder, places, collector)
        async with orchestrator(here):
            await drive(here)
            for command in commands():
                search.add(f"meta-ai {' '.join(command)}", await here.command(*command))
            for page, text in (await pages(here)).items():
                search.add(f"/{page}", text)
            for topic, written in (await read_all(here.state()["bootstrap_servers"])).items():
                search.add(f"topic {topic}", written)
            search.add("the state file", json.dumps(here.state()))
        search.add("spans", bytes(collector.received))
    for kind in ("out", "err"):
        search.add(f"std{kind}", (folder / f"orchestrator.{kind}").read_bytes())
    yield search


def commands() -> list[tuple[str, ...]]:
    """Return commands that tell of what happened, or of the configuration."""
    runs = ("m-401-chat-whole", "m-malformed-messages-stream", "shop")
    return [
        *(("runs", "show", run, "--json") for run in runs),
        ("runs", "list", "--json"),
        ("dead-letters", "list", "--json"),
        ("orchestrator", "status", "--json"),
        ("orchestrator", "config", "check"),
        *(("adapters", "test", name) for name in ("m-401-chat", "m-malformed-messages")),
        *(("spend", "--json"), ("budgets", "--json")),
    ]


@pytest.mark.asyncio(loop_scope="module")
async def test_no_secret_is_in_anything_that_an_orchestrator_writes(search: Search) -> None:
    assert not search.found()


@pytest.mark.asyncio(loop_scope="module")
async def test_everything_was_written_that_could_have_had_a_secret_in_it(search: Search) -> None:
    empty = {place for place, text in search.places.items() if not text}
    assert not empty & {"topic tasks", "topic results", "topic dead-letters", "spans", "stderr", "/metrics"}
    assert any(place.endswith("-runs") and text for place, text in search.places.items())
    # The upstream gave the credentials back in its errors, and somebody took them out.
    for place in ("topic model-responses", "topic results"):
        assert b"received headers" in search.places[place]
        assert b"[redacted]" in search.places[place]
    assert b"chat m-401-chat" in search.places["spans"]
    assert b" DEBUG " in search.places["stderr"]


@pytest.mark.parametrize("name", CANARIES)
def test_the_search_finds_a_secret_that_is_there(name: str) -> None:
    secret = CANARIES[name]
    written: dict[str, str | bytes] = {
        "as it is": secret,
        "in JSON": json.dumps({"error": f"Bearer {secret}, and more"}),
        "as a login": b64encode(f"user:{secret}".encode()),
        "one byte further": b64encode(f"user1:{secret}".encode()),
        "two bytes further": b64encode(f"user12:{secret}".encode()),
    }
    for place, text in written.items():
        search = Search()
        search.add("another place", "nothing to see")
        search.add(place, text)
        assert [line.partition(":")[0] for line in search.found()].count(f"{name} in {place}") >= 1


def test_the_search_finds_nothing_where_nothing_is() -> None:
    search = Search()
    search.add("a place", json.dumps(sorted(CANARIES)) + "[redacted]" * 10)
    assert not search.found()


async def test_no_secret_is_shown_by_settings_or_parts() -> None:
    async with FaultyProvider().serving() as places:
        raw = configuration(places, 0, ["401"])
    settings, search = Settings.model_validate(raw), Search()
    search.add("settings", repr(settings) + str(settings))
    assert set(CANARIES.values()) <= {*settings.secrets(), *ambient_secrets(ambient())}
    parts = components(settings)
    try:
        search.add("parts", repr(parts))
        for name, one in parts.models.items():
            search.add(f"model {name}", f"{one!r} {_inside(one)}")
        for name, connector in parts.connectors.items():
            search.add(f"connector {name}", f"{connector!r} {_inside(connector.connector)}")
    finally:
        await parts.close()
    assert not search.found()


def _inside(one: object) -> str:
    return repr(getattr(one, "__dict__", ""))


@pytest.mark.parametrize("adapter", ADAPTERS)
async def test_no_secret_is_in_the_error_of_any_fault(adapter: str) -> None:
    search, prompt = Search(), Prompt((Message(role="user", content="Why?"),))
    async with FaultyProvider().serving() as places:
        faults = [fault for fault in ALL if fault not in {"healthy", "valid-certificate"}]
        said: list[str] = await asyncio.gather(*[_error(fault, adapter, places, prompt) for fault in faults])
    search.add("errors", "\n".join(said))
    assert not search.found()


async def _error(fault: str, adapter: str, places: FaultyProviderUrls, prompt: Prompt) -> str:
    """Return the error of one call with all that it is made of."""
    component: Model = build("m", ModelSettings.model_validate(guarded(adapter, places.root(fault))))
    try:
        await component.complete(prompt, timeout=1.0)
    except Exception as error:  # noqa: BLE001  # whatever it is, it must not tell
        return "".join(traceback.format_exception(error)) + repr(vars(error))
    finally:
        await component.close()
    pytest.fail(f"{fault} was answered")
