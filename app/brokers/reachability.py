"""Check whether a broker is reachable."""

from __future__ import annotations

import asyncio
import ssl
from typing import Any

from aiokafka.conn import AIOKafkaConnection, create_conn
from aiokafka.errors import KafkaError, SaslAuthenticationFailed

from app.brokers.base import Connection
from app.errors import BrokerError


async def check_reachable(connection: Connection, *, seconds: float = 5.0) -> None:
    """Return once one of the servers has answered and accepted the login; all are tried concurrently.

    Raises:
        BrokerError: none did within `seconds`; the message says why in one line.
    """
    servers = [server.strip() for server in connection.bootstrap_servers.split(",")]
    tries = [asyncio.create_task(_request_metadata(server, connection.client_options, seconds)) for server in servers]
    reasons = []
    try:
        for answer in asyncio.as_completed(tries):
            reason = await answer
            if reason is None:
                return
            reasons.append(reason)
    finally:
        for attempt in tries:
            attempt.cancel()
        await asyncio.gather(*tries, return_exceptions=True)
    raise BrokerError("no broker answers: " + "; ".join(reasons))


async def _request_metadata(server: str, options: Any, seconds: float) -> str | None:
    host, _, port = server.rpartition(":")
    conn: AIOKafkaConnection | None = None
    try:
        async with asyncio.timeout(seconds):
            conn = await create_conn(host.strip("[]"), int(port), **options)
    except (OSError, KafkaError, ValueError) as error:
        return f"{server} {_reason(error, seconds)}"
    finally:
        if conn is not None:
            conn.close()
    return None


def _reason(error: Exception, seconds: float) -> str:
    # Only parts of the error that cannot contain a secret are repeated.
    if isinstance(error, TimeoutError):
        return f"did not answer within {seconds:g} s; is it a Kafka listener, and is broker.security.protocol right?"
    if isinstance(error, SaslAuthenticationFailed):
        return "rejects the user name or password in broker.security"
    if isinstance(error, ssl.SSLError):
        return f"has no trusted TLS certificate ({error.reason or 'handshake failed'}); see broker.security.ca_file"
    if isinstance(error, OSError):
        return f"cannot be reached ({error.strerror or error})"
    if isinstance(error, ValueError):
        return "is not in the form host:port"
    return f"closes the connection ({type(error).__name__}); is broker.security.protocol right?"
