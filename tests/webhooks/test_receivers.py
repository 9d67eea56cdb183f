from __future__ import annotations

import pytest

from app.errors import WebhookError
from app.settings import WebhookSettings
from app.webhooks.receivers import receiver

KEY = "whsec_" + "A" * 44
OTHER = "whsec_" + "B" * 44
SETTINGS = WebhookSettings.model_validate(
    {
        "signing_keys": [KEY],
        "endpoints": {
            "crm": {"url": "http://10.0.0.1/hook", "signing_keys": [OTHER]},
            "acme": {"url": "https://acme.example/hook", "signing_keys": [OTHER], "tenant": "acme"},
        },
    }
)


def test_that_a_url_is_called_as_it_is_named() -> None:
    found = receiver(SETTINGS, "https://example.com:8443/a%20b?c=d#e", "")
    assert (str(found.url), found.trusted) == ("https://example.com:8443/a%20b?c=d", False)
    assert [key.get_secret_value() for key in found.keys] == [KEY]


def test_that_an_endpoint_has_keys_of_its_own_and_may_be_anywhere() -> None:
    found = receiver(SETTINGS, "crm", "")
    assert (str(found.url), found.trusted) == ("http://10.0.0.1/hook", True)
    assert [key.get_secret_value() for key in found.keys] == [OTHER]


def test_that_an_endpoint_of_a_tenant_is_for_that_one() -> None:
    assert receiver(SETTINGS, "acme", "acme").trusted
    with pytest.raises(WebhookError, match="no webhook endpoint is called acme"):
        receiver(SETTINGS, "acme", "bolt")


@pytest.mark.parametrize(
    ("webhook", "said"),
    [
        ("crn", "crm"),
        ("http://example.com", "must begin with https://"),
        ("ftp://example.com", "must begin with https://"),
        ("file:///etc/passwd", "must begin with https://"),
        ("https://", "must begin with https://"),
        ("https://user:pass@example.com", "no user and password"),
        ("https://example.com:99999", "not a valid URL"),
        ("https://[::1", "not a valid URL"),
        ("https://127.0.0.1/", "allow_networks"),
        ("https://[::ffff:127.0.0.1]/", "allow_networks"),
        ("https://2130706433/", "usual form"),
        ("https://\uff11\uff12\uff17.0.0.1/", "allow_networks"),
        ("https://127\u30020\u30020\u30021/", "allow_networks"),
    ],
)
def test_that_others_are_refused(webhook: str, said: str) -> None:
    with pytest.raises(WebhookError, match=said) as raised:
        receiver(SETTINGS, webhook, "")
    assert not raised.value.retryable


def test_that_urls_need_a_key() -> None:
    with pytest.raises(WebhookError, match=r"webhooks\.signing_keys is not set"):
        receiver(WebhookSettings(), "https://example.com", "")


def test_that_http_can_be_allowed() -> None:
    allowed = SETTINGS.model_copy(update={"allow_http": True})
    assert receiver(allowed, "http://example.com", "").url.scheme == "http"
