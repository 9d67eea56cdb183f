"""Every `sh` block of the pages for producers, consumers and watchers, run as it is printed, in the pages' order."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.pages import Block, blocks
from tests.e2e.clients import Place, hosted, need

pytestmark = [pytest.mark.slow, pytest.mark.kafka]

_PAGES = ("docs/producing-tasks.md", "docs/consuming-results.md", "docs/watching-topics.md")
#: The address in the pages.
_SHOWN = "127.0.0.1:9092"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with hosted("kafka", tmp_path_factory.mktemp("pages")) as found:
        yield found


def _tools(block: Block) -> set[str]:
    scripts = (Path(one).read_text(encoding="utf-8") for one in re.findall(r"examples/\S+\.sh", block.text))
    used = set(re.findall(r"\b(kcat|npm|node|java)\b", "\n".join((block.text, *scripts))))
    return used | {"javac"} if "java" in used else used  # a single source file is compiled first


@pytest.mark.parametrize("block", blocks("sh", pages=_PAGES), ids=str)
def test_a_command_runs_as_it_is_printed(place: Place, block: Block) -> None:
    need(*_tools(block))
    place.run("sh", "-eu", "-c", block.text.replace(_SHOWN, place.servers))
