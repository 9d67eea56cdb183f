from __future__ import annotations

import time
from base64 import b64encode

import pytest
from pydantic import SecretStr, ValidationError
from standardwebhooks import Webhook, WebhookVerificationError

from app.settings import WebhookSettings
from app.webhooks.signing import signed_headers


def key(letter: bytes) -> SecretStr:
    return SecretStr("whsec_" + b64encode(letter * 32).decode())


def test_that_the_official_library_verifies_them_by_each_key() -> None:
    body = '{"data": "Ä"}'.encode()
    headers = dict(signed_headers("msg_1", int(time.time()), body, [key(b"a"), key(b"b")]))
    for one in (key(b"a"), key(b"b")):
        assert Webhook(one.get_secret_value()).verify(body, headers) == {"data": "Ä"}
    for changed, by in ((b"{}", key(b"a")), (body, key(b"c"))):
        with pytest.raises(WebhookVerificationError):
            Webhook(by.get_secret_value()).verify(changed, headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(key(b"a").get_secret_value()).verify(body, {**headers, "webhook-id": "msg_2"})


def test_the_example_of_the_specification() -> None:
    """The one in the official library's own tests."""
    secret = SecretStr("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    headers = signed_headers("msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}', [secret])
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@pytest.mark.parametrize("wrong", ["", "whsec_", "whsec_AAAA", "secret", "whsec_" + "A" * 200, "whsec_ä" + "A" * 40])
def test_that_a_key_has_their_form(wrong: str) -> None:
    with pytest.raises(ValidationError, match="openssl rand") as raised:
        WebhookSettings(signing_keys=(SecretStr(wrong),))
    assert len(wrong) < 20 or wrong not in str(raised.value)
