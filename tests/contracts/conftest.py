from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from tests.contracts.aimock import AimockDouble, missing, serving
from tests.contracts.model_subjects import HOSTED, LLMockDouble, Subject, hosted, local, scripted
from tests.models.upstream import Upstream

if TYPE_CHECKING:
    from llmock.pytest_plugin import LLMock

_OWN: Mapping[str, Callable[[], Subject]] = {"local": local, "scripted": scripted}


#: The rows of `HOSTED` that speak each in a way of their own.
_DIALECTS = ("anthropic", "openai", "openai-responses")
_SUBJECTS = [
    "scripted",
    *HOSTED,
    *(f"{name} by aimock" for name in _DIALECTS),
    pytest.param("local", marks=pytest.mark.slow),
]


@pytest.fixture(scope="session")
def aimock(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AimockDouble]:
    """Run one aimock for the whole session."""
    if reason := missing():
        pytest.skip(reason)
    with serving(tmp_path_factory.mktemp("aimock")) as double:
        yield double


def _with_llmock(name: str, mock: LLMock) -> Subject:
    return hosted(name, mock.base_url("anthropic" if name == "anthropic" else "openai"), LLMockDouble(mock))


async def _with_aimock(name: str, double: AimockDouble) -> Subject:
    await double.reset()
    return hosted(name, double.base_url(name), double)


@pytest_asyncio.fixture(params=_SUBJECTS)
async def subject(request: pytest.FixtureRequest) -> AsyncIterator[Subject]:
    """Give every model component, with a double of its provider behind it where it needs one."""
    if request.param == "local":
        pytest.importorskip("xllamacpp")
    name, _, aimock = request.param.partition(" by ")
    if aimock:
        made = await _with_aimock(name, request.getfixturevalue(aimock))
    elif name in HOSTED:
        made = _with_llmock(name, request.getfixturevalue("llmock"))
    else:
        made = _OWN[name]()
    yield made
    await made.model.close()


@pytest_asyncio.fixture
async def upstream() -> AsyncIterator[Upstream]:
    """Start a provider's server that misbehaves as told."""
    async with Upstream.start() as server:
        yield server
