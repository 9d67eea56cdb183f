from __future__ import annotations

import asyncio

import pytest

from app.errors import ConfigurationError
from app.rotation import Rotating


class Settings:
    """Live settings, whose value is what was read last of `source`."""

    def __init__(self, value: str) -> None:
        self.value = self.source = value
        self.read = 0

    async def renew(self) -> None:
        self.read += 1
        self.value = self.source


class Component:
    def __init__(self, secret: str) -> None:
        if secret == "invalid":
            raise ConfigurationError("it has a line end")
        self.secret = secret
        self.closed = False

    async def close(self) -> None:
        self.closed = True


async def test_that_new_calls_get_the_new_component_and_old_ones_end_theirs() -> None:
    settings = Settings("old")
    rotating = Rotating("it", settings, Component)
    async with rotating.use() as before:
        settings.value = "new"
        async with rotating.use() as after:
            assert (before.secret, after.secret) == ("old", "new")
        await asyncio.sleep(0)
        seen = [before.closed]
    await asyncio.sleep(0)
    seen += [before.closed, after.closed]
    await rotating.close()
    assert [*seen, after.closed] == [False, True, False, True]


async def test_that_a_component_that_nobody_uses_is_closed_at_once() -> None:
    settings = Settings("old")
    rotating = Rotating("it", settings, Component)
    before = rotating.component
    settings.value = "new"
    assert rotating.component is not before
    await rotating.close()
    assert before.closed


async def test_that_who_is_refused_learns_whether_there_is_something_new() -> None:
    settings = Settings("old")
    rotating = Rotating("it", settings, Component)
    async with rotating.use() as refused:
        assert not await rotating.renewed(refused)
        settings.source = "new"
        assert await rotating.renewed(refused)
    assert settings.read == 2
    await rotating.close()


async def test_that_a_secret_that_cannot_be_used_leaves_the_old_one(caplog: pytest.LogCaptureFixture) -> None:
    settings = Settings("old")
    rotating = Rotating("the model m", settings, Component)
    settings.value = "invalid"
    assert rotating.component.secret == rotating.component.secret == "old"
    assert caplog.messages == ["the new secret of the model m cannot be used: it has a line end"]
    await rotating.close()
