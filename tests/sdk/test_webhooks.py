from __future__ import annotations

import time
from base64 import b64encode
from collections.abc import Callable, Mapping

import pytest
from pydantic import SecretStr

from app.webhooks.signing import signed_headers
from meta_ai_orchestrator import UsageError, Webhook, WebhookVerificationError

KEY, OTHER = ("whsec_" + b64encode(letter * 32).decode() for letter in (b"a", b"b"))
BODY = '{"type":"task.succeeded","data":{"answer":"Ä"}}'.encode()


def signed(*keys: str, at: float | None = None) -> Mapping[str, str]:
    return signed_headers("msg_1", int(at or time.time()), BODY, map(SecretStr, keys))


def test_that_what_the_orchestrator_signs_is_right() -> None:
    assert Webhook(KEY).verify(BODY, signed(KEY))["data"] == {"answer": "Ä"}
    assert Webhook(KEY).verify(BODY.decode(), {name.title(): value for name, value in signed(KEY).items()})
    assert Webhook(OTHER, KEY).verify(BODY, signed(KEY))  # while the key is replaced
    assert Webhook(KEY).verify(BODY, signed(OTHER, KEY))


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        (lambda: signed(OTHER), "no signature is right"),
        (lambda: {**signed(KEY), "webhook-id": "msg_2"}, "no signature is right"),
        (lambda: {**signed(KEY), "webhook-signature": "v1, v1,ä"}, "no signature is right"),
        (lambda: {**signed(KEY), "webhook-signature": ""}, "no signature is right"),
        (dict, "webhook-id is missing"),
        (lambda: {**signed(KEY), "webhook-timestamp": "now"}, "too old"),
        (lambda: signed(KEY, at=time.time() - 301), "too old"),
        (lambda: signed(KEY, at=time.time() + 400), "clock"),
    ],
)
def test_that_what_is_not_right_is_refused(headers: Callable[[], Mapping[str, str]], reason: str) -> None:
    with pytest.raises(WebhookVerificationError, match=reason):
        Webhook(KEY).verify(BODY, headers())


def test_that_a_changed_body_is_refused() -> None:
    with pytest.raises(WebhookVerificationError):
        Webhook(KEY).verify(BODY + b" ", signed(KEY))


@pytest.mark.parametrize("wrong", ["", "whsec_", "whsec_ä", "secret one"])
def test_that_a_key_has_their_form(wrong: str) -> None:
    with pytest.raises(UsageError, match="whsec_"):
        Webhook(wrong)
    with pytest.raises(UsageError, match="give the signing key"):
        Webhook()
