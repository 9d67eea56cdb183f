from __future__ import annotations

from pathlib import Path
from typing import get_args

from app.brokers import open as opening
from app.brokers.open import open_broker
from app.settings import BrokerSettings


def test_every_kind_of_the_settings_has_a_broker() -> None:
    kinds = get_args(BrokerSettings.model_fields["kind"].annotation)
    assert set(opening._KINDS) == set(kinds)


async def test_the_embedded_broker_says_that_it_forgets() -> None:
    async with open_broker(BrokerSettings(kind="embedded")) as connection:
        assert not connection.durable
        assert connection.fetch_wait_ms == 5
        assert connection.bootstrap_servers.startswith("127.0.0.1:")


async def test_a_cluster_is_what_the_settings_name() -> None:
    async with open_broker(BrokerSettings(kind="embedded")) as there:
        settings = BrokerSettings(kind="cluster", bootstrap_servers=there.bootstrap_servers, data_dir=Path("unused"))
        async with open_broker(settings) as connection:
            assert connection.bootstrap_servers == there.bootstrap_servers
            assert connection.durable
