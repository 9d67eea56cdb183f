from __future__ import annotations

from typing import get_args

from app.models.hosts import HOSTS, Host
from tests.docs.pages import codes, table
from topics.model_requests import Feature


def shown() -> dict[str, list[str]]:
    rows = table("docs/models.md", "provider", "address", "key", "has no")
    return {codes(row[0])[0]: row[1:] for row in rows}


def test_every_host_is_described() -> None:
    assert shown().keys() == HOSTS.keys()


def test_every_host_is_where_the_page_says() -> None:
    for name, host in HOSTS.items():
        address, key, _ = shown()[name]
        own = host.home.address or host.home.example or "https://api.openai.com/v1"
        assert codes(address) == [own]
        assert codes(key) == _key(host)


def test_what_a_host_has_not_is_said() -> None:
    for name, host in HOSTS.items():
        assert set(codes(shown()[name][2])) == set(get_args(Feature)) - host.features


def _key(host: Host) -> list[str]:
    if host.home.key:
        return [host.home.key]
    return [] if host.home.open else ["api_key"]
