"""An existing Kafka cluster."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiokafka.helpers import create_ssl_context

from app.brokers.base import Connection
from app.brokers.reachability import check_reachable
from app.errors import ConfigurationError
from app.settings import BrokerSecurity, BrokerSettings


@asynccontextmanager
async def run(settings: BrokerSettings) -> AsyncIterator[Connection]:
    """Yield the connection once a server has answered and accepted the login."""
    found = connection(settings)
    await check_reachable(found)
    yield found


def connection(settings: BrokerSettings) -> Connection:
    """Return how to connect, without using the network.

    Raises:
        ConfigurationError: a certificate or key cannot be read.
    """
    return Connection(settings.bootstrap_servers or "", client_options(settings.security))


def client_options(security: BrokerSecurity) -> dict[str, Any]:
    """Return the keyword arguments with which an aiokafka client logs in.

    Raises:
        ConfigurationError: a certificate or key cannot be read.
    """
    options: dict[str, Any] = {"security_protocol": security.protocol}
    if security.protocol.endswith("SSL"):
        options["ssl_context"] = _ssl_context(security)
    if security.protocol.startswith("SASL"):
        options["sasl_mechanism"] = security.mechanism
        options["sasl_plain_username"] = security.username
        options["sasl_plain_password"] = security.password.get_secret_value() if security.password else None
    return options


def _ssl_context(security: BrokerSecurity) -> Any:
    try:
        return create_ssl_context(cafile=security.ca_file, certfile=security.cert_file, keyfile=security.key_file)
    except OSError as error:
        files = ", ".join(str(file) for file in (security.ca_file, security.cert_file, security.key_file) if file)
        reason = error.strerror or getattr(error, "reason", None) or type(error).__name__
        raise ConfigurationError(f"broker.security: cannot use {files}: {reason}") from None
