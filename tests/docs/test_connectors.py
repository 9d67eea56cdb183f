from __future__ import annotations

import pytest
from pydantic import BaseModel

from app.connectors.base import parse_arguments
from app.connectors.http import HttpConnectorOptions
from app.connectors.http_request import HttpRequestArguments
from app.connectors.mcp import McpArguments, McpConnectorOptions
from app.connectors.object import ObjectArguments, ObjectConnectorOptions
from app.connectors.queue import QueueArguments, QueueConnectorOptions
from app.connectors.registry import BUILT_IN, GROUP, KINDS
from app.connectors.sql import SqlArguments, SqlConnectorOptions
from app.errors import ConnectorError
from app.settings import ConnectorSettings
from tests.docs.pages import ROOT, blocks, codes, first_codes, table, text

PAGE = "docs/connectors.md"
OPTIONS: dict[str, type[BaseModel]] = {
    "http": HttpConnectorOptions,
    "mcp": McpConnectorOptions,
    "object": ObjectConnectorOptions,
    "queue": QueueConnectorOptions,
    "sql": SqlConnectorOptions,
}
#: In the order of the page.
ARGUMENTS: tuple[type[BaseModel], ...] = (
    HttpRequestArguments,
    SqlArguments,
    ObjectArguments,
    McpArguments,
    QueueArguments,
)


def _codes(kind: type[ConnectorError] = ConnectorError) -> set[str]:
    return {kind.code}.union(*(_codes(one) for one in kind.__subclasses__()))


def test_every_kind_and_every_built_in_connector_is_described() -> None:
    assert set(first_codes(PAGE, "kind", "what it is", "settings")) == set(KINDS)
    assert set(first_codes(PAGE, "connector", "arguments", "output")) == set(BUILT_IN)


def test_every_option_and_default_is_described() -> None:
    settings = {codes(row[0])[0]: row[2] for row in table(PAGE, "kind", "what it is", "settings")}
    for kind, options in OPTIONS.items():
        shown = {code.removeprefix("options.") for code in codes(settings[kind])}
        assert options.model_fields.keys() <= shown
    assert f"({HttpConnectorOptions().max_bytes // 1024} KiB)" in settings["http"]
    defaults = ConnectorSettings()
    assert f"`timeout` ({defaults.timeout:.0f} s, for one request)" in text(PAGE)
    assert f"`max_concurrency` ({defaults.max_concurrency} requests" in text(PAGE)


def test_every_argument_is_described() -> None:
    names = [field.alias or name for form in ARGUMENTS for name, field in form.model_fields.items()]
    assert first_codes(PAGE, "argument", "what it is") == names


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"])
def test_every_method_is_described(method: str) -> None:
    assert parse_arguments({"method": method}, HttpRequestArguments).verb == method
    (row, *_) = table(PAGE, "argument", "what it is")
    assert method in codes(row[1])


def test_every_error_is_named() -> None:
    own = {"unknown_connector", "too_large", "internal"}  # of the agent, not of a connector
    section = text(PAGE).split("## Errors")[1].split("\n## ")[0]
    assert set(codes(section)) - {"retry"} == {*_codes(), *own}
    sources = [(ROOT / path).read_text(encoding="utf-8") for path in ("agents/connect.py", "app/delivery/responder.py")]
    assert all(any(f'"{code}"' in source for source in sources) for code in own)


def test_the_entry_point_is_named_and_its_function_works() -> None:
    assert any(f'"{GROUP}"' in block.text for block in blocks("toml", pages=(PAGE,)))
    for function in blocks("python", pages=(PAGE,)):
        space: dict[str, object] = {}
        exec(function.text, space)  # noqa: S102  # the page's own example
        discount = space["discount"]
        assert callable(discount)
        assert discount(price=50.0, percent=20.0) == pytest.approx(40.0)
        if "raise ConnectorError" in function.text:
            with pytest.raises(ConnectorError, match="must not be negative"):
                discount(price=-1.0)
