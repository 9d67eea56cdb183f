from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from fsspec import filesystem

from app.connectors.conformance import probe_connector
from app.connectors.object import ObjectConnector
from app.errors import ConfigurationError, ConnectorError
from app.settings import ConnectorSettings


@pytest.fixture
async def found() -> AsyncIterator[ObjectConnector]:
    """Objects in memory, and one outside of them."""
    system = filesystem("memory")
    system.pipe({"/shop/a.json": b'{"a": 1}', "/shop/b.bin": b"\xff\x81", "/secret.txt": b"secret"})
    made = ObjectConnector.from_settings(
        "o", ConnectorSettings(kind="object", url="memory://shop", options={"max_bytes": 100})
    )
    yield made
    system.rm("/shop", recursive=True)
    system.rm("/secret.txt")


async def test_that_it_keeps_every_promise(found: ObjectConnector) -> None:
    checks = [check async for check in probe_connector(found, {"name": "a.json"})]
    assert [(check.name, check.detail) for check in checks if check.status == "fail"] == []


async def ask(found: ObjectConnector, **arguments: Any) -> Any:
    return await found.run(arguments, timeout=5)


async def test_that_an_object_is_read_as_text_json_or_bytes(found: ObjectConnector) -> None:
    assert json.loads(await ask(found, name="a.json")) == await ask(found, **{"name": "a.json", "as": "json"})
    assert await ask(found, **{"name": "b.bin", "as": "base64"}) == "/4E="
    with pytest.raises(ConnectorError, match="not json"):
        await ask(found, **{"name": "b.bin", "as": "json"})


@pytest.mark.parametrize("name", ["../secret.txt", "/secret.txt", "x/../../secret.txt", "gone.txt", "a\n"])
async def test_that_nothing_outside_is_read(found: ObjectConnector, name: str) -> None:
    with pytest.raises(ConnectorError, match=r"arguments\.name"):
        await ask(found, name=name)


async def test_that_a_large_object_is_refused(found: ObjectConnector) -> None:
    filesystem("memory").pipe("/shop/large.txt", b"x" * 101)
    with pytest.raises(ConnectorError, match=r"raise options\.max_bytes"):
        await ask(found, name="large.txt")


def test_that_a_url_is_needed() -> None:
    with pytest.raises(ConfigurationError, match=r"connectors\.o\.url"):
        ObjectConnector.from_settings("o", ConnectorSettings(kind="object"))
