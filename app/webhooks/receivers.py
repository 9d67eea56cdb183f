"""Who receives a webhook: the URL or the configured endpoint that a task names."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import SecretStr
from yarl import URL

from app.addresses import Addresses, ForbiddenAddress
from app.errors import WebhookError
from app.settings import WebhookSettings
from app.suggestions import did_you_mean


@dataclass(frozen=True, slots=True)
class Receiver:
    """Where requests go, and what signs them; a `trusted` one was chosen by the operator, and may be anywhere."""

    url: URL
    keys: tuple[SecretStr, ...]
    trusted: bool


def receiver(settings: WebhookSettings, webhook: str, tenant: str) -> Receiver:
    """Return whom a task of `tenant` names by `webhook`.

    Raises:
        WebhookError: there is no such endpoint, or such a URL may not be called.
    """
    if "://" in webhook:
        return _of_url(settings, webhook)
    known = {name: one for name, one in settings.endpoints.items() if one.tenant in {None, tenant}}
    if webhook not in known:
        raise WebhookError(f"no webhook endpoint is called {webhook[:100]}; {did_you_mean(webhook, known)}")
    return Receiver(URL(known[webhook].url), known[webhook].signing_keys, trusted=True)


def _of_url(settings: WebhookSettings, webhook: str) -> Receiver:
    if not settings.signing_keys:
        raise WebhookError("tasks cannot name URLs as webhooks, since webhooks.signing_keys is not set")
    try:
        url = URL(webhook)
        host, _ = url.raw_host, url.port
    except ValueError:
        raise WebhookError("the webhook is not a valid URL") from None
    schemes = ("https", "http") if settings.allow_http else ("https",)
    if url.scheme not in schemes or not host:
        raise WebhookError(f"the URL of a webhook must begin with {' or '.join(f'{one}://' for one in schemes)}")
    if url.raw_user is not None or url.raw_password is not None:
        raise WebhookError("the URL of a webhook must have no user and password: the signature says who calls")
    try:
        Addresses(settings.allow_networks).check(host)
    except ForbiddenAddress as error:
        raise WebhookError(str(error)) from None
    return Receiver(url.with_fragment(None), settings.signing_keys, trusted=False)
