from __future__ import annotations

from typing import get_args

from app.models.openai.providers import OPENAI_PROVIDERS, HostedProvider
from tests.docs.pages import codes, table
from topics.model_requests import Feature


def shown() -> dict[str, list[str]]:
    rows = table("docs/models.md", "provider", "address", "key", "has no")
    return {codes(row[0])[0]: row[1:] for row in rows}


def test_every_host_is_described() -> None:
    assert shown().keys() == OPENAI_PROVIDERS.keys()


def test_every_host_is_where_the_page_says() -> None:
    for name, host in OPENAI_PROVIDERS.items():
        address, key, _ = shown()[name]
        own = host.provider_defaults.address or host.provider_defaults.example or "https://api.openai.com/v1"
        assert codes(address) == [own]
        assert codes(key) == _key(host)


def test_what_a_host_has_not_is_said() -> None:
    for name, host in OPENAI_PROVIDERS.items():
        assert set(codes(shown()[name][2])) == set(get_args(Feature)) - host.features


def _key(host: HostedProvider) -> list[str]:
    if host.provider_defaults.key:
        return [host.provider_defaults.key]
    return [] if host.provider_defaults.open else ["api_key"]
