from __future__ import annotations

import ssl
from pathlib import Path

import pytest
from pydantic import SecretStr

from app.brokers import cluster
from app.brokers.ports import LOOPBACK, free_port
from app.errors import BrokerError, ConfigurationError
from app.settings import BrokerSecurity, BrokerSettings


def test_plain_text_needs_nothing() -> None:
    assert cluster.client_options(BrokerSecurity()) == {"security_protocol": "PLAINTEXT"}


def test_sasl_over_tls_carries_the_login_and_verifies_the_server() -> None:
    security = BrokerSecurity(
        protocol="SASL_SSL", mechanism="SCRAM-SHA-512", username="me", password=SecretStr("planted")
    )
    options = cluster.client_options(security)
    context = options.pop("ssl_context")
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    assert options == {
        "security_protocol": "SASL_SSL",
        "sasl_mechanism": "SCRAM-SHA-512",
        "sasl_plain_username": "me",
        "sasl_plain_password": "planted",
    }


def test_a_certificate_that_is_not_there_is_named(tmp_path: Path) -> None:
    missing = tmp_path / "ca.pem"
    with pytest.raises(ConfigurationError, match=r"broker\.security: cannot use .*ca\.pem: No such file"):
        cluster.client_options(BrokerSecurity(protocol="SSL", ca_file=missing))


def test_a_file_that_is_not_a_certificate_is_named(tmp_path: Path) -> None:
    wrong = tmp_path / "ca.pem"
    wrong.write_text("not a certificate")
    with pytest.raises(ConfigurationError, match=r"cannot use .*ca\.pem"):
        cluster.client_options(BrokerSecurity(protocol="SSL", ca_file=wrong))


async def test_a_cluster_that_is_away_is_an_error_at_once() -> None:
    settings = BrokerSettings(kind="cluster", bootstrap_servers=f"{LOOPBACK}:{free_port()}")
    with pytest.raises(BrokerError, match="no broker answers"):
        async with cluster.run(settings):
            pass
