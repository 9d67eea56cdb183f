from __future__ import annotations

import pytest

from app.connectors.base import parse_arguments
from app.connectors.http import HttpConnectorOptions
from app.connectors.http_request import HttpRequestArguments
from app.connectors.registry import BUILT_IN, GROUP, KINDS
from app.errors import ConnectorError
from app.settings import ConnectorSettings
from tests.docs.pages import ROOT, blocks, codes, first_codes, table, text

PAGE = "docs/connectors.md"


def _codes(kind: type[ConnectorError] = ConnectorError) -> dict[str, bool]:
    found = {kind.code: kind.transient}
    for one in kind.__subclasses__():
        found |= _codes(one)
    return found


def test_every_kind_and_every_built_in_connector_is_described() -> None:
    assert set(first_codes(PAGE, "kind", "what it is", "settings")) == set(KINDS)
    assert set(first_codes(PAGE, "connector", "arguments", "output")) == set(BUILT_IN)


def test_every_option_and_default_is_described() -> None:
    ((_, _, settings),) = table(PAGE, "kind", "what it is", "settings")
    assert {f"options.{name}" for name in HttpConnectorOptions.model_fields} <= set(codes(settings))
    assert f"({HttpConnectorOptions().max_bytes // 1024} KiB)" in settings
    defaults = ConnectorSettings()
    assert f"`timeout` ({defaults.timeout:.0f} s, for one request)" in text(PAGE)
    assert f"`max_concurrency` ({defaults.max_concurrency} requests" in text(PAGE)


def test_every_argument_of_http_is_described() -> None:
    names = [field.alias or name for name, field in HttpRequestArguments.model_fields.items()]
    assert first_codes(PAGE, "argument", "what it is") == names


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"])
def test_every_method_is_described(method: str) -> None:
    assert parse_arguments({"method": method}, HttpRequestArguments).verb == method
    (row, *_) = table(PAGE, "argument", "what it is")
    assert method in codes(row[1])


def test_every_error_is_described_and_whether_it_may_pass() -> None:
    shown = {codes(row[0])[0]: row[2] == "yes" for row in table(PAGE, "code", "what it means", "may pass")}
    agent = {"unknown_connector": False, "too_large": False, "internal": False}
    assert shown == {**_codes(), **agent}


def test_the_codes_of_the_agent_are_its_own() -> None:
    source = (ROOT / "agents/connect.py").read_text(encoding="utf-8")
    assert all(f'"{code}"' in source for code in ("unknown_connector", "too_large", "internal"))


def test_the_entry_point_is_named_and_its_function_works() -> None:
    assert any(f'"{GROUP}"' in block.text for block in blocks("toml", pages=(PAGE,)))
    (function,) = blocks("python", pages=(PAGE,))
    space: dict[str, object] = {}
    exec(function.text, space)  # noqa: S102  # the page's own example
    discount = space["discount"]
    assert callable(discount)
    assert discount(price=50.0, percent=20.0) == pytest.approx(40.0)
