"""The mapping, driven through both real SDKs over real sockets."""

from __future__ import annotations

import re
import socket
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import openai
import pytest
import pytest_asyncio
from hypothesis import given
from hypothesis import strategies as st

from app import errors
from app.models.base import Completion, Model, Prompt
from app.models.http.errors import ErrorTranslator, retry_after
from app.models.registry import build
from app.settings import ModelSettings
from tests.models.upstream import Upstream
from topics.model_requests import Message
from topics.model_responses import Usage

KEY = "sk-planted-secret"
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def build_model(provider: str, url: str) -> Model:
    given = {"provider": provider, "model": "m", "base_url": url, "api_key": KEY}
    return build("m", ModelSettings.model_validate(given))


@pytest_asyncio.fixture(params=["openai", "anthropic"])
async def model(request: pytest.FixtureRequest, upstream: Upstream) -> AsyncIterator[Model]:
    subject = build_model(request.param, upstream.url)
    yield subject
    await subject.close()


async def failure(model: Model, timeout: float = 10) -> errors.ModelError:
    with pytest.raises(errors.ModelError) as raised:
        await model.complete(Prompt((Message(role="user", content="Hello?"),)), timeout=timeout)
    assert raised.value.provider == model.provider
    return raised.value


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (307, errors.InvalidRequest),
        (400, errors.InvalidRequest),
        (401, errors.Unauthorized),
        (402, errors.Unauthorized),
        (403, errors.Unauthorized),
        (404, errors.InvalidRequest),
        (408, errors.ModelTimeout),
        (409, errors.Unavailable),
        (413, errors.InvalidRequest),
        (422, errors.InvalidRequest),
        (429, errors.RateLimited),
        (500, errors.Unavailable),
        (502, errors.Unavailable),
        (503, errors.Overloaded),
        (504, errors.Unavailable),
        (529, errors.Overloaded),
    ],
)
async def test_a_status_has_its_error(
    status: int, kind: type[errors.ModelError], model: Model, upstream: Upstream
) -> None:
    upstream.json({"type": "error", "error": {"type": "some_error", "message": "the reason"}}, status=status)

    error = await failure(model)

    assert (type(error), error.status, str(error)) == (kind, status, "the reason")


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (400, "content_filter", errors.ContentFiltered),
        (400, "content_policy_violation", errors.ContentFiltered),
        (429, "insufficient_quota", errors.Unauthorized),
    ],
)
async def test_a_code_says_more_than_the_status(
    status: int, code: str, kind: type[errors.ModelError], model: Model, upstream: Upstream
) -> None:
    upstream.json({"error": {"code": code, "type": "invalid_request_error", "message": "no"}}, status=status)

    assert type(await failure(model)) is kind


@pytest.mark.parametrize(
    "body",
    [
        {"error": "the reason"},
        {"detail": "the reason"},
        {"detail": [{"msg": "the reason", "type": "missing"}]},
        {"message": "the reason", "code": "400"},
        [{"error": {"code": 400, "message": "the reason", "status": "INVALID_ARGUMENT"}}],
    ],
)
async def test_the_reason_is_found_in_whichever_form(body: object, model: Model, upstream: Upstream) -> None:
    upstream.json(body, status=400)

    error = await failure(model)

    assert (type(error), str(error)) == (errors.InvalidRequest, "the reason")


async def test_a_page_of_a_proxy_is_quoted(model: Model, upstream: Upstream) -> None:
    upstream.raw(b"<html>Bad gateway</html>", status=502, kind="text/html")

    error = await failure(model)

    assert isinstance(error, errors.Unavailable)
    assert "Bad gateway" in str(error)


async def test_retry_after_in_seconds_and_as_a_date(model: Model, upstream: Upstream) -> None:
    upstream.json({}, status=429, headers={"retry-after": "7"})
    upstream.json({}, status=529, headers={"retry-after": format_datetime(datetime.now(UTC) + timedelta(hours=1))})
    upstream.json({}, status=503)

    assert (await failure(model)).retry_after == 7
    assert 3000 < ((await failure(model)).retry_after or 0) <= 3600
    assert (await failure(model)).retry_after is None


async def test_a_redirect_does_not_carry_the_key_away(model: Model, upstream: Upstream) -> None:
    async with Upstream.start() as elsewhere:
        elsewhere.json({})
        upstream.redirect(elsewhere.url)

        assert isinstance(await failure(model), errors.InvalidRequest)
        assert elsewhere.headers == []


async def test_a_cut_body_is_unavailable(model: Model, upstream: Upstream) -> None:
    upstream.cut(b'{"choices": [')

    assert isinstance(await failure(model), errors.Unavailable)


async def test_a_dropped_connection_is_unavailable(model: Model, upstream: Upstream) -> None:
    upstream.drop()

    assert isinstance(await failure(model), errors.Unavailable)


@pytest.mark.parametrize("body", [b'{"choices": [', b"", b"\xff\xfe", b"<html>hello</html>"])
async def test_a_body_that_is_not_json_is_unavailable(body: bytes, model: Model, upstream: Upstream) -> None:
    upstream.raw(body)

    assert isinstance(await failure(model), errors.Unavailable)


@pytest.fixture
def closed_port() -> Iterator[int]:
    # Bound but not listening: nobody else can take it, and nobody answers.
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


@pytest.mark.parametrize("provider", ["openai", "anthropic"])
async def test_a_refused_connection_is_unavailable(provider: str, closed_port: int) -> None:
    model = build_model(provider, f"http://127.0.0.1:{closed_port}")

    error = await failure(model)

    await model.close()
    assert type(error) is errors.Unavailable
    assert "Connect call failed" in str(error)


async def test_a_body_that_trickles_in_is_a_timeout(model: Model, upstream: Upstream) -> None:
    upstream.trickle(0.02)

    assert isinstance(await failure(model, timeout=0.3), errors.ModelTimeout)


async def test_the_key_is_redacted_wherever_the_upstream_repeats_it(model: Model, upstream: Upstream) -> None:
    upstream.json({"error": {"type": "x", "message": f"wrong key {KEY}, " + "so there " * 100}}, status=401)
    upstream.raw(f"your key is {KEY}".encode(), status=500, kind="text/plain")
    upstream.raw(f"your key is {KEY}".encode())

    for _ in range(3):
        error = await failure(model)
        assert "[redacted]" in str(error)
        assert KEY not in str(error)
        assert len(str(error)) <= 500
        assert error.__cause__ is None
        assert error.__suppress_context__


@pytest.mark.parametrize(
    ("body", "kind", "message"),
    [
        (b'{"error": {"code": 429, "message": "slow down"}}', errors.RateLimited, "slow down"),
        (b'{"error": {"type": "authentication_error", "message": "who?"}}', errors.Unauthorized, "who?"),
        (b'{"error": {"code": 400, "message": null}}', errors.InvalidRequest, "without a message"),
        (b'{"error": {"code": 502, "message": "down"}}', errors.Unavailable, "^down$"),
        (b'{"error": "down"}', errors.Unavailable, "^down$"),
        (b'{"error": {"code": "401", "message": "who?"}}', errors.Unauthorized, "^who\\?$"),
        (b'{"error": {"code": 429.0, "message": "slow down"}}', errors.RateLimited, "^slow down$"),
        (b'{"error": "slow down", "status": 429}', errors.RateLimited, "^slow down$"),
        (b'[{"error": {"code": 8, "message": "slow", "status": "RESOURCE_EXHAUSTED"}}]', errors.RateLimited, "^slow$"),
        (b'{"errors": [{"code": 401, "message": "who?"}]}', errors.Unauthorized, "^who\\?$"),
        (b'{"choices": [{"error": {"code": 429, "message": "slow down"}}]}', errors.RateLimited, "^slow down$"),
        (b'{"object": "error", "message": "no", "type": "BadRequestError"}', errors.InvalidRequest, "^no$"),
        (b'{"message": "who?", "code": "invalid_api_key"}', errors.Unauthorized, "^who\\?$"),
        (b'{"detail": [{"loc": ["body"], "msg": "field required"}]}', errors.Unavailable, "^field required$"),
        (b'{"error": true, "message": "no", "code": 400}', errors.InvalidRequest, "^no$"),
        (b'{"error": {"message": {"text": 1}, "error": {"message": "in", "code": 403}}}', errors.Unauthorized, "^in$"),
        (
            b'{"error": {"code": 502, "message": "Provider returned error", "metadata": {"raw": "cold"}}}',
            errors.Unavailable,
            "^Provider returned error: cold$",
        ),
        (b'{"error": {"message": "half \\ud83d"}}', errors.Unavailable, "^half \ufffd$"),
        (b"[[[", errors.Unavailable, "unexpected response format"),
    ],
)
def test_an_error_may_hide_in_an_answer(body: bytes, kind: type[errors.ModelError], message: str) -> None:
    error = ErrorTranslator("openai", None, ()).malformed(body)

    assert type(error) is kind
    assert re.search(message, str(error))


def test_what_a_provider_reports_is_cleaned() -> None:
    subject = ErrorTranslator("openai", None, (KEY,))

    for error in (subject.reported({"message": f"key {KEY}"}), subject.reported(KEY), subject.broken(KEY)):
        assert KEY not in str(error)
        assert error.provider == "openai"


def test_a_secret_at_the_cut_is_not_left_in_part() -> None:
    cleaner = ErrorTranslator("openai", None, (KEY,))

    for padding in range(480, 501):
        assert "sk-pl" not in cleaner.clean("x" * padding + KEY)


def test_short_values_are_no_secrets() -> None:
    assert ErrorTranslator("openai", None, ("1", "")).clean("1 of 1") == "1 of 1"


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "1.5"}, 1.5),
        ({"retry-after": "0"}, 0.0),
        ({"retry-after-ms": "250", "retry-after": "9"}, 0.25),
        ({"retry-after-ms": "soon", "retry-after": "9"}, 9.0),
        ({"retry-after": "-1"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "tomorrow"}, None),
        ({"retry-after": "Sun, 01 Mar 2026 12:00:30 GMT"}, 30.0),
        ({"retry-after": "Sun, 01 Mar 2026 12:00:30 -0000"}, 30.0),
        ({"retry-after": "Sun, 01 Mar 2026 11:00:00 GMT"}, 0.0),
    ],
)
def test_retry_after_is_read_in_all_its_forms(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(headers, now=NOW) == seconds


@given(st.text(max_size=40))
def test_no_header_can_break_the_reading(value: str) -> None:
    seconds = retry_after({"retry-after": value}, now=NOW)

    assert seconds is None or 0 <= seconds < float("inf")


class ConnectTimeout(OSError):
    """What the transport raises when it cannot connect in time."""


@pytest.mark.parametrize(("cause", "sent"), [(ConnectTimeout("late"), False), (TimeoutError("late"), True)])
def test_a_time_out_before_there_was_a_connection_is_told_apart(cause: Exception, *, sent: bool) -> None:
    problem = TimeoutError("timed out")
    problem.__cause__ = cause
    found = ErrorTranslator("openai", openai, ()).translate(problem)
    assert (type(found), found.sent) == (errors.ModelTimeout, sent)


async def test_a_body_that_broke_off_was_answered_and_is_paid_for(model: Model, upstream: Upstream) -> None:
    upstream.cut(b'{"choices": [{"message": ')
    assert (await failure(model)).answer == Completion("")


async def test_a_refusal_that_has_a_usage_is_paid_for(model: Model, upstream: Upstream) -> None:
    told = {"error": {"message": "no", "usage": {"input_tokens": 7}}, "usage": {"input_tokens": 7}}
    upstream.json(told, status=400)
    assert (await failure(model)).answer == Completion("", usage=Usage(input_tokens=7))
    upstream.forget()
    upstream.json({"error": {"message": "no"}}, status=400)
    assert (await failure(model)).answer is None
