from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from app.connectors.function import FunctionConnector
from app.connectors.http import HttpConnector
from app.connectors.registry import BUILT_IN, KINDS, build, build_all
from app.errors import ConfigurationError, MissingDependency
from app.settings import ConnectorSettings
from tests.connectors.embedders import Compass

URL = "http://127.0.0.1:9"


def plugin(folder: Path, monkeypatch: pytest.MonkeyPatch, entries: str) -> None:
    """Put a distribution with these entry points on the path."""
    info = folder / "third_party-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: third-party\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[meta_ai_orchestrator.connectors]\n{entries}\n")
    monkeypatch.syspath_prepend(str(folder))


#: What kinds need that is not a URL of HTTP.
NEEDS: dict[str, dict[str, Any]] = {
    "sql": {"url": "sqlite://", "options": {"queries": {"one": "SELECT 1"}}},
    "queue": {"url": "kafka://127.0.0.1:9/orders"},
    "mcp": {"options": {"tools": ["add"]}},
    "object": {"url": "memory://docs"},
}


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_kind_of_the_table_exists(kind: str) -> None:
    assert build("c", ConnectorSettings.model_validate({"kind": kind, "url": URL, **NEEDS.get(kind, {})}))


async def test_the_configured_and_the_built_in_connectors_are_there() -> None:
    all_of_them = build_all({"tickets": ConnectorSettings(url=URL, max_concurrency=2)}, Compass(), {})
    assert all_of_them.keys() == {"tickets", *BUILT_IN}
    tickets = all_of_them["tickets"]
    assert isinstance(tickets.connector, HttpConnector)
    assert tickets.settings.url == URL
    async with tickets.slots, tickets.slots:
        assert tickets.slots.locked()
    for one in all_of_them.values():
        await one.connector.close()


async def test_the_built_in_ones_use_the_workers_embedder() -> None:
    compass = Compass()
    built = build_all({}, compass, {})
    await built["embed"].connector.run({"text": "north"}, timeout=1.0)
    await built["similarity"].connector.run({"text": "east", "examples": {"a": ["south"]}}, timeout=1.0)
    assert compass.asked == [["north"], ["east"], ["south"]]


@pytest.mark.parametrize("name", sorted(BUILT_IN))
def test_a_built_in_name_cannot_be_taken(name: str) -> None:
    with pytest.raises(ConfigurationError, match=rf"connectors\.{name}: the name is taken by a built-in connector"):
        build_all({name: ConnectorSettings(url=URL)}, Compass(), {})


def test_an_unknown_kind_is_answered_with_the_known_ones() -> None:
    with pytest.raises(ConfigurationError, match=r"connectors\.c\.kind: unknown kind 'htp' .*; did you mean `http`\?$"):
        build("c", ConnectorSettings(kind="htp"))


async def test_a_package_adds_a_function_or_a_class(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = "tests.connectors.functions"
    plugin(
        tmp_path,
        monkeypatch,
        f"shout = {module}:shout\ngreet = {module}:greet\nweb = app.connectors.http:HttpConnector",
    )
    shout = build("c", ConnectorSettings(kind="shout"))
    assert isinstance(shout, FunctionConnector)
    assert await shout.run({"text": "loud"}, timeout=1.0) == "LOUD"
    greet = build("c", ConnectorSettings(kind="greet", options={"greeting": "Ahoy"}))
    assert await greet.run({"name": "Ada"}, timeout=1.0) == "Ahoy, Ada"
    assert isinstance(build("c", ConnectorSettings(kind="web", url=URL)), HttpConnector)


def test_a_package_cannot_take_a_built_in_kind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plugin(tmp_path, monkeypatch, "http = no_such_module:Thief")
    assert isinstance(build("c", ConnectorSettings(kind="http", url=URL)), HttpConnector)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("no_such_module:x", "cannot be loaded: No module named"),
        ("tests.connectors.functions:missing", "cannot be loaded: "),
        ("tests.connectors.functions:number", "is neither a function nor a class"),
    ],
)
def test_a_broken_entry_point_is_named(value: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plugin(tmp_path, monkeypatch, f"broken = {value}")
    with pytest.raises(ConfigurationError, match=rf"connectors\.c\.kind: broken \({value}\) {said}"):
        build("c", ConnectorSettings(kind="broken"))


@pytest.mark.parametrize("missing", ["aiohttp", "yarl"])
def test_a_missing_package_is_named_with_its_fix(missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(sys.modules):
        if name.startswith("app.connectors.http"):
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(MissingDependency, match=r'pip install "meta-ai-orchestrator\[server\]"'):
        build("c", ConnectorSettings(url=URL))


def test_what_is_not_used_is_not_imported() -> None:
    code = "import sys, app.connectors.registry; print({'aiohttp', 'app.connectors.http'} & sys.modules.keys())"
    root = Path(__file__).parents[2]
    ran = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)  # noqa: S603  # our own words
    assert ran.stdout == "set()\n"
