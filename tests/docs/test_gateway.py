from __future__ import annotations

import ast
import re

from app.gateway import guard
from app.gateway.batches import batch_lines, batch_rounds
from app.gateway.rest import pages, task_batch_routes, task_routes
from app.gateway.views import answer_stream
from app.settings import Settings
from tests.docs.pages import ROOT, first_codes, table, text

PAGE = "docs/gateway.md"


def refusals() -> dict[str, set[str]]:
    """Return every code with the statuses that stand beside it in the source."""
    found: dict[str, set[str]] = {}
    for path in (ROOT / "app/gateway").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            match node:
                case ast.Call(func=ast.Name(id="Refusal"), args=[_, ast.Constant(value=code), *_]):
                    found.setdefault(str(code), set())
                case ast.Call(func=ast.Attribute(attr="unavailable"), args=[ast.Constant(value=code), *_]):
                    found.setdefault(str(code), set()).add("503")
    return found


def test_every_code_is_described_and_no_other() -> None:
    shown = first_codes(PAGE, "code", "status", "what it means")
    # Those of the framework, of an event that its topic refuses, and of overload come from a table or from the error.
    other = {"not_found", "method_not_allowed", "overloaded", "too_large"}
    assert list(shown) == sorted(refusals().keys() | other)
    statuses = {row[0].strip("`"): row[1] for row in table(PAGE, "code", "status", "what it means")}
    assert all(status in statuses[code] for code, found in refusals().items() for status in found)


def test_the_numbers_are_those_that_hold() -> None:
    page = text(PAGE)
    assert f"(at most {task_routes.MAX_WAIT:g})" in page
    assert f"nested more than {guard.MAX_DEPTH} deep" in page
    assert f"(at most {pages.MOST})" in page.replace("\n", " ")
    assert f"looks at {pages.LOOKED_AT} tasks at most" in page
    assert f"nothing else for {answer_stream.KEEP_ALIVE_SECONDS:g} seconds" in page.replace("\n", " ")
    assert f"within {guard._BODY_SECONDS:g} seconds" in page
    assert f"up to {task_batch_routes.MOST_LINES} lines" in page
    assert f"{task_batch_routes._MOST_PENDING} tasks at a time" in page
    assert f"up to {batch_rounds.MOST_LINES} in a file" in page
    assert f"up to {batch_rounds._MOST_ERRORS}." in page
    assert f"at most {batch_rounds.MOST_OPEN} tasks under way" in page
    assert f"the priority {batch_lines.PRIORITY} unless" in page
    assert f"({Settings().gateway.max_file_bytes >> 20} MiB)" in page
    assert f"http://127.0.0.1:{Settings().gateway.port}/v1" in page


def test_every_route_is_described() -> None:
    source = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "app/gateway").rglob("*.py"))
    routes = {re.sub(r"\{\w+(:path)?\}", "{}", route) for route in re.findall(r'"(/v1/[^"]*)"', source)}
    assert "/v1/tasks/{}" in routes
    described_on = text(PAGE) + text("docs/access.md") + text("docs/operator-api.md")
    described = set(re.findall(r"/v1/[\w./{}-]*", re.sub(r"\{\w+\}", "{}", described_on)))
    assert not routes - described
