from __future__ import annotations

import importlib
import re

import pytest

import app.errors
from app.caching.registry import GROUP as CACHES
from app.connectors.registry import GROUP as CONNECTORS
from app.fusion.registry import GROUP as STRATEGIES
from app.models.registry import GROUP as MODELS
from app.retrieval.registry import EMBEDDER_GROUP, STORE_GROUP
from app.routing.registry import GROUP as POLICIES
from app.sources.registry import GROUP as SOURCES
from meta_ai_orchestrator import testing
from tests.docs.pages import PAGES, ROOT, blocks, codes, first_codes, table, text
from tests.sdk.test_public_api import modules

PAGE = "docs/extending.md"
#: Pages for those who change the project itself.
INSIDE = {"CHANGELOG.md", "CONTRIBUTING.md", "docs/architecture.md", "docs/delivery.md", "docs/dependencies.md"}
GROUPS = ("component", "entry point group", "made by", "import from", "checked by", "described in")


def test_that_every_group_and_its_checks_are_there() -> None:
    rows = table(PAGE, *GROUPS)
    groups = {MODELS, CONNECTORS, SOURCES, STORE_GROUP, EMBEDDER_GROUP, STRATEGIES, POLICIES, CACHES}
    assert {codes(row[1])[0] for row in rows} == groups
    for row in rows:
        assert importlib.import_module(codes(row[3])[0])
        assert hasattr(testing, codes(row[4])[0])


def test_that_every_public_module_is_listed() -> None:
    assert first_codes(PAGE, "module", "what is in it") == [
        "meta_ai_orchestrator",
        *(f"meta_ai_orchestrator.{name}" for name in modules()),
    ]


def test_that_what_tests_need_is_described() -> None:
    described = {*first_codes(PAGE, "function", "takes"), *first_codes(PAGE, "fake", "what it is")}
    assert described == set(testing.__all__) - {"Check", "ScriptedOptions", "failures"}


def test_that_errors_are_retried_as_the_page_says() -> None:
    rows = table(PAGE, "error", "raise it when", "retried")
    for names, _, retried in rows:
        for name in codes(names):
            assert getattr(app.errors, name).transient == (retried == "yes")


def test_that_what_the_page_shows_is_the_example() -> None:
    files = [
        path.read_text(encoding="utf-8") for path in (ROOT / "examples" / "extension").rglob("*.*") if path.is_file()
    ]
    shown = [block for block in blocks("python", "toml", pages=(PAGE,)) if block.mark == "extension"]
    assert len(shown) == 3
    for block in shown:
        for part in block.text.split("\n\n\n"):
            assert any(part.strip() in file for file in files), f"{block} is not in the example"


@pytest.mark.parametrize("page", [page for page in PAGES if page not in INSIDE])
def test_that_no_page_for_users_leads_into_the_server(page: str) -> None:
    inside = re.findall(
        r"\b(?:app|agents|topics)/\w+(?:/\w+)*\.py|\b(?:from|import) (?:app|agents|topics)\b|\bapp\.[a-z_]+\.\w+",
        text(page),
    )
    assert inside == []
