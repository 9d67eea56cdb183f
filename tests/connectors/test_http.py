from __future__ import annotations

import gzip
import logging
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import web

from app.connectors.http import HttpConnector
from app.errors import ConfigurationError, ConnectorError, ConnectorTimeout, ConnectorUnavailable
from app.settings import ConnectorSettings
from tests.connectors.service import Service

SECRET = "sesame-open-9f3a"
HEADERS = {"Authorization": f"Bearer {SECRET}"}

LONG = 123456789012345678901234567890

Make = Callable[..., HttpConnector]


@pytest_asyncio.fixture
async def make(service: Service) -> AsyncIterator[Make]:
    made: list[HttpConnector] = []

    def _make(path: str = "/api", **options: Any) -> HttpConnector:
        described = {"url": service.url + path, "headers": HEADERS, "options": options}
        made.append(HttpConnector.from_settings("tickets", ConnectorSettings.model_validate(described)))
        return made[-1]

    yield _make
    for http in made:
        await http.close()


async def _run(http: HttpConnector, **arguments: Any) -> Any:
    return await http.run(arguments, timeout=5.0)


async def test_that_the_request_goes_below_the_address_with_the_settings_headers(service: Service, make: Make) -> None:
    await _run(make(), path=["tickets", "a/b"], query={"open": True}, headers={"X-Run": "t"}, json={"n": 1})
    (asked,) = service.asked
    assert (asked.method, asked.path, asked.query) == ("POST", "/api/tickets/a%2Fb", [("open", "true")])
    assert (asked.headers["authorization"], asked.headers["x-run"]) == (f"Bearer {SECRET}", "t")
    assert (asked.headers["content-type"], asked.body) == ("application/json", b'{"n":1}')


async def test_that_what_was_encoded_arrives_as_one_segment(service: Service, make: Make) -> None:
    await _run(make(""), path="3?admin=1%2f..")
    assert (service.asked[0].path, service.asked[0].query) == ("/3%3Fadmin%3D1%252f..", [])


async def test_that_a_body_may_have_a_kind_of_its_own(service: Service, make: Make) -> None:
    kind = "application/merge-patch+json"
    await _run(make(), method="PATCH", json={"n": None}, headers={"Content-Type": kind})
    assert (service.asked[0].headers["content-type"], service.asked[0].body) == (kind, b'{"n":null}')


async def test_that_a_null_body_is_a_body_and_none_is_none(service: Service, make: Make) -> None:
    await _run(make(), json=None)
    await _run(make(), method="POST")
    assert [asked.body for asked in service.asked] == [b"null", b""]


@pytest.mark.parametrize(
    ("response", "output"),
    [
        ({"text": '{"a": [1, null]}', "content_type": "application/json"}, {"a": [1, None]}),
        ({"text": '{"a": 1}', "content_type": "application/hal+json"}, {"a": 1}),
        ({"text": '{"a": 1}', "content_type": "text/plain"}, '{"a": 1}'),
        ({"body": "Ä".encode("latin-1"), "content_type": "text/plain", "charset": "latin-1"}, "Ä"),
        ({"body": b"\xff!", "content_type": "text/plain"}, "\ufffd!"),
        ({"body": b"x", "content_type": "text/plain", "charset": "klingon"}, "x"),
        ({"body": '{"a": "é"}'.encode("utf-8-sig"), "content_type": "application/json"}, {"a": "é"}),
        ({"body": '{"a": "é"}'.encode("utf-16"), "content_type": "application/json"}, {"a": "é"}),
        (
            {"body": '{"a": "é"}'.encode("latin-1"), "content_type": "application/json", "charset": "iso-8859-1"},
            {"a": "é"},
        ),
        ({"body": '{"a": "é"}'.encode(), "content_type": "application/json", "charset": "iso-8859-1"}, {"a": "é"}),
        ({"body": b'{"n": 123456789012345678901234567890}', "content_type": "application/json"}, {"n": LONG}),
        ({"body": rb'["\ud83d\ude00", "\ud83d"]', "content_type": "application/json"}, ["😀", "\ufffd"]),
        ({"body": b"\xef\xbb\xbf\r\n", "content_type": "application/json"}, None),
        ({"body": "\ufeffhello".encode(), "content_type": "text/plain"}, "hello"),
        ({"status": 204}, None),
        ({"status": 201}, None),
    ],
)
async def test_that_the_body_is_the_output(
    service: Service, make: Make, response: dict[str, Any], output: object
) -> None:
    service.gives(**response)
    assert await _run(make()) == output


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
async def test_that_a_service_in_trouble_may_recover(service: Service, make: Make, status: int) -> None:
    service.gives(status=status, text="  later,\n please ")
    with pytest.raises(ConnectorUnavailable, match=f"^HTTP {status}: later, please$") as raised:
        await _run(make())
    assert raised.value.status == status


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 422])
async def test_that_a_refusal_is_final(service: Service, make: Make, status: int) -> None:
    service.gives(status=status)
    with pytest.raises(ConnectorError, match=f"^HTTP {status}$") as raised:
        await _run(make())
    assert (raised.value.status, raised.value.transient) == (status, False)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_that_redirects_are_not_followed(service: Service, make: Make, status: int) -> None:
    async with Service.start() as elsewhere:
        service.gives(status=status, headers={"location": elsewhere.url})
        with pytest.raises(ConnectorError, match=f"HTTP {status}: redirects are not followed"):
            await _run(make())
        assert elsewhere.asked == []
    assert len(service.asked) == 1


@pytest.mark.parametrize(
    "arguments",
    [
        {"path": "../admin"},
        {"path": "http://127.0.0.1:1/x"},
        {"headers": {"authorization": "mine"}},
        {"headers": {"Host": "other"}},
        {"headers": {"X": "a\r\nHost: b"}},
        {"method": "TRACE"},
    ],
)
async def test_that_what_is_not_allowed_is_not_sent(service: Service, make: Make, arguments: dict[str, Any]) -> None:
    with pytest.raises(ConnectorError, match=r"^arguments\."):
        await _run(make(), **arguments)
    assert service.asked == []


async def test_that_a_long_answer_is_refused(service: Service, make: Make) -> None:
    service.gives(body=b"x" * 1000)
    assert await _run(make(max_bytes=1000)) == "x" * 1000
    service.gives(body=b"x" * 1001)
    with pytest.raises(ConnectorError, match=r"longer than options\.max_bytes \(1000\)"):
        await _run(make(max_bytes=1000))


async def test_that_an_answer_is_measured_after_it_is_unpacked(service: Service, make: Make) -> None:
    packed = gzip.compress(b"x" * 10_000_000)
    service.gives(body=packed, headers={"content-encoding": "gzip"})
    with pytest.raises(ConnectorError, match=r"options\.max_bytes"):
        await _run(make(max_bytes=len(packed)))


async def test_that_an_answer_without_an_end_is_refused_by_its_length_or_its_time(service: Service, make: Make) -> None:
    service.never_ends()
    with pytest.raises(ConnectorError, match=r"options\.max_bytes"):
        await _run(make(max_bytes=3))
    with pytest.raises(ConnectorTimeout, match=r"no answer within 0\.05 s"):
        await make().run({}, timeout=0.05)


async def test_that_a_cut_answer_and_false_json_may_pass(service: Service, make: Make) -> None:
    service.cuts()
    with pytest.raises(ConnectorUnavailable):
        await _run(make())
    service.gives(text='{"a": NaN}', content_type="application/json")
    with pytest.raises(ConnectorUnavailable, match="claims to be JSON"):
        await _run(make())


async def test_that_a_service_that_is_away_may_come_back() -> None:
    async with Service.start() as gone:
        url = gone.url
    http = HttpConnector.from_settings("tickets", ConnectorSettings.model_validate({"url": url, "headers": HEADERS}))
    with pytest.raises(ConnectorUnavailable, match="ClientConnectorError"):
        await _run(http)
    await http.close()


async def test_that_cookies_of_one_task_do_not_go_out_with_another(service: Service, make: Make) -> None:
    service.gives(headers={"set-cookie": "session=someone; Path=/"})
    http = make()
    await _run(http)
    await _run(http)
    assert all("cookie" not in asked.headers for asked in service.asked)


async def test_that_no_secret_is_shown(service: Service, make: Make, caplog: pytest.LogCaptureFixture) -> None:
    async def quotes(request: web.Request) -> web.StreamResponse:
        token = request.headers["authorization"]
        return web.Response(status=403, text=f"not you: {token}, {token.split()[1]}")

    service.answer = quotes
    http = make()
    with caplog.at_level(logging.DEBUG), pytest.raises(ConnectorError) as raised:
        await _run(http)
    assert str(raised.value) == "HTTP 403: not you: [redacted], [redacted]"
    assert SECRET not in "".join([repr(raised.value), repr(http), repr(vars(http)), caplog.text])


async def test_that_a_long_refusal_is_cut(service: Service, make: Make) -> None:
    service.gives(status=400, text="x" * 5000)
    with pytest.raises(ConnectorError) as raised:
        await _run(make())
    assert len(str(raised.value)) == 300


async def test_that_no_more_connections_are_open_than_the_settings_allow(service: Service) -> None:
    settings = ConnectorSettings.model_validate({"url": service.url, "max_concurrency": 3})
    http = HttpConnector.from_settings("tickets", settings)
    await _run(http)
    connector = http._open().connector
    assert connector is not None
    assert connector.limit == 3
    await http.close()


async def test_that_one_that_was_never_used_can_be_closed(make: Make) -> None:
    await make().close()


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({}, r"connectors\.tickets\.url: must be the address"),
        ({"url": "tickets.example.com"}, r"connectors\.tickets\.url: must be the address"),
        ({"url": "ftp://tickets.example.com"}, r"connectors\.tickets\.url: must be the address"),
        ({"url": "http://[::1"}, r"connectors\.tickets\.url: is not a valid URL"),
        ({"url": "http://me:pw@127.0.0.1"}, r"connectors\.tickets\.url: put credentials in `headers`"),
        ({"url": "http://127.0.0.1?key=1"}, r"connectors\.tickets\.url: put credentials"),
        (
            {"url": "http://127.0.0.1", "headers": {"host": "x"}},
            r"connectors\.tickets\.headers\.host: it is set by the client",
        ),
        ({"url": "http://127.0.0.1", "headers": {"x": "a\n"}}, r"connectors\.tickets\.headers\.x: its value has"),
        (
            {"url": "http://127.0.0.1", "options": {"max_byte": 1}},
            r"options\.max_byte: unknown key; did you mean `max_bytes`\?",
        ),
        ({"url": "http://127.0.0.1", "options": {"max_bytes": 0}}, r"options\.max_bytes"),
    ],
)
def test_that_settings_that_do_not_fit_are_named_without_their_values(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigurationError, match=said) as raised:
        HttpConnector.from_settings("tickets", ConnectorSettings.model_validate(settings))
    assert "pw" not in str(raised.value)


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (b'{"a": NaN}', "NaN is not valid JSON; send null, or a string"),
        (b"[1e999]", "the number 1e999 is beyond a 64-bit float"),
        (b'{"a": ', "it ends too early"),
        (b'"\xff"', "not UTF-8: invalid start byte at byte 1"),
        (b"[" * 300 + b"]" * 300, "nested more than 200 deep"),
    ],
)
async def test_that_json_that_cannot_be_kept_is_refused_with_the_reason(
    service: Service, make: Make, body: bytes, problem: str
) -> None:
    service.gives(body=body, content_type="application/json")
    with pytest.raises(ConnectorUnavailable, match="not valid JSON") as raised:
        await _run(make())
    assert problem in str(raised.value)
