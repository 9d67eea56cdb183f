from __future__ import annotations

from typing import Any
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from app.connectors.base import parse_arguments
from app.connectors.http_request import HttpRequestArguments, header_problem, url_below
from app.errors import ConnectorError

BASE = URL("https://tickets.example.com:8443/api")
ROOT = URL("https://tickets.example.com:8443")


def _url(base: URL = BASE, **arguments: Any) -> str:
    return str(parse_arguments(arguments, HttpRequestArguments).url(base))


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("", "/api"),
        ("/", "/api"),
        ("tickets/3", "/api/tickets/3"),
        ("/tickets/3", "/api/tickets/3"),
        ("tickets/", "/api/tickets/"),
        ("a b", "/api/a%20b"),
        ("3?admin=1#x", "/api/3%3Fadmin%3D1%23x"),
        ("%2e%2e/x", "/api/%252e%252e/x"),
        ("Ä", "/api/%C3%84"),
        ("..a/...", "/api/..a/..."),
        ("user@host:80", "/api/user%40host%3A80"),
        ([], "/api"),
        (["tickets", 3], "/api/tickets/3"),
        (["projects", "group/project"], "/api/projects/group%2Fproject"),
        (["/x"], "/api/%2Fx"),
    ],
)
def test_that_a_path_is_text_below_the_address(path: Any, expected: str) -> None:
    assert url_below(BASE, path).raw_path == expected
    assert url_below(BASE, path).origin() == ROOT.origin()


def test_that_a_base_may_be_the_root_or_end_with_a_slash() -> None:
    for base in (ROOT, ROOT / "", URL(f"{ROOT}/api/")):
        assert str(url_below(base, "x")) == f"{str(base).rstrip('/')}/x"


@pytest.mark.parametrize(
    "path",
    [
        "..",
        ".",
        "a/../../b",
        "a/..",
        "//evil.example.com/x",
        "a//b",
        "https://evil.example.com/x",
        "\\\\evil",
        "a\\..\\b",
        "a\nb",
        "a\x00",
        ["..", "x"],
        ["a", ""],
        [""] * 2,
        ["../x"],
        ["a/../b"],
        "\ud800",
    ],
)
def test_that_no_path_leads_elsewhere(path: Any) -> None:
    with pytest.raises(ConnectorError, match=r"arguments\.path"):
        url_below(BASE, path)


@given(st.one_of(st.text(st.characters(exclude_categories=())), st.lists(st.text()), st.text(alphabet="./\\%2eE:@?#a")))
def test_that_any_path_is_refused_or_stays_below_the_address(path: Any) -> None:
    try:
        url = url_below(BASE, path)
    except ConnectorError:
        return
    assert url.origin() == ROOT.origin()
    assert (url.raw_query_string, url.raw_fragment) == ("", "")
    assert (url.raw_path + "/").startswith("/api/")
    assert not {".", ".."} & set(unquote(url.raw_path).split("/"))


def test_that_a_query_is_encoded_and_has_no_nulls() -> None:
    query = {"q": "a&b=c d", "n": 3, "on": True, "many": [1, "x"], "none": None, "half": 0.5}
    url = URL(_url(query=query))
    expected = [("q", "a&b=c d"), ("n", "3"), ("on", "true"), ("many", "1"), ("many", "x"), ("half", "0.5")]
    assert [*url.query.items()] == expected
    assert _url(path="x") == f"{BASE}/x"


@pytest.mark.parametrize(
    ("arguments", "verb"),
    [
        ({}, "GET"),
        ({"json": None}, "POST"),
        ({"json": {"a": 1}}, "POST"),
        ({"json": [], "method": "PUT"}, "PUT"),
        ({"method": "DELETE"}, "DELETE"),
    ],
)
def test_that_a_body_makes_it_a_post_unless_said_otherwise(arguments: dict[str, Any], verb: str) -> None:
    request = parse_arguments(arguments, HttpRequestArguments)
    assert (request.verb, request.has_body) == (verb, "json" in arguments)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"method": "CONNECT"}, r"arguments\.method"),
        ({"url": "http://evil"}, r"arguments\.url: .*known keys: headers, json, method, path, query"),
        ({"body": 1}, r"arguments\.body"),
        ({"query": {"a": {"b": 1}}}, r"arguments\.query\.a"),
        ({"headers": {"a": 1}}, r"arguments\.headers\.a"),
    ],
)
def test_that_wrong_arguments_are_named(arguments: dict[str, Any], said: str) -> None:
    with pytest.raises(ConnectorError, match=said):
        parse_arguments(arguments, HttpRequestArguments)


def test_that_no_value_is_quoted_in_an_error() -> None:
    with pytest.raises(ConnectorError) as raised:
        parse_arguments({"headers": "Bearer hunter2"}, HttpRequestArguments)
    assert "hunter2" not in str(raised.value)


@pytest.mark.parametrize(
    ("header", "value", "said"),
    [
        ("Accept", "application/json", None),
        ("X-Name", "Ä, all of it", None),
        ("Host", "evil.example.com", "it is set by the client"),
        ("content-length", "0", "it is set by the client"),
        ("Transfer-Encoding", "chunked", "it is set by the client"),
        ("a b", "x", "is not a valid header name"),
        ("a\r\nHost", "x", "is not a valid header name"),
        ("", "x", "is not a valid header name"),
        ("X-A", "x\r\nHost: evil", "its value has a control character"),
    ],
)
def test_that_no_header_changes_where_a_message_goes_or_ends(header: str, value: str, said: str | None) -> None:
    assert header_problem(header, value) == said
