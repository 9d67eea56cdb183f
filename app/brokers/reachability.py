"""Check whether a broker is reachable, and of use to a worker; if not, say why in one line."""

from __future__ import annotations

import asyncio
import ssl
from contextlib import suppress
from typing import Any

from aiokafka.conn import AIOKafkaConnection, create_conn
from aiokafka.errors import (
    KafkaError,
    SaslAuthenticationFailed,
    UnknownError,
    UnsupportedSaslMechanismError,
    for_code,
)
from aiokafka.protocol.transaction import InitProducerIdRequest

from app.brokers.base import Connection
from app.errors import BrokerError

#: How long a server may take to answer, and to show what it is if it does not.
_SECONDS, _PEER_SECONDS = 5.0, 1.0


async def check_reachable(connection: Connection, *, seconds: float = _SECONDS) -> None:
    """Return once one of the servers has answered and accepted the login; all are tried concurrently.

    Raises:
        BrokerError: none did within `seconds`; the message says why in one line.
    """
    tries = [asyncio.create_task(_request_metadata(server, connection, seconds)) for server in _servers(connection)]
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


async def connect(connection: Connection) -> AIOKafkaConnection:
    """Return a connection to the first of the servers that answers, for requests of the protocol; the caller closes it.

    Raises:
        BrokerError: none answers.
    """
    for server in _servers(connection):
        with suppress(OSError, KafkaError, ValueError):
            async with asyncio.timeout(_SECONDS):
                return await _connect(server, connection.client_options)
    raise BrokerError(f"no broker answers at {connection.bootstrap_servers}")


async def check_idempotence(connection: Connection) -> None:
    """Return if the broker supports idempotent producers, which workers need so that only one owns a partition.

    The embedded broker does not: it serves the one worker of the process that started it, which knows this.

    Raises:
        BrokerError: it does not.
    """
    for server in _servers(connection):
        with suppress(OSError, KafkaError):  # one that is away is not the one to say
            if await _refuses_producer_ids(server, connection):
                raise BrokerError(
                    f"the broker at {server} takes only one worker, as it supports no idempotent producers: an "
                    "embedded broker already has its own; for several workers set broker.kind to kafka, "
                    "or use a cluster"
                )
            return


async def _refuses_producer_ids(server: str, connection: Connection) -> bool:
    async with asyncio.timeout(_SECONDS):
        conn = await _connect(server, connection.client_options)
        try:
            answer = await conn.send(InitProducerIdRequest(None, 0))
        finally:
            conn.close()
    return for_code(answer.error_code) is UnknownError


async def _request_metadata(server: str, connection: Connection, seconds: float) -> str | None:
    conn: AIOKafkaConnection | None = None
    try:
        async with asyncio.timeout(seconds):
            conn = await _connect(server, connection.client_options)
    except (OSError, KafkaError, ValueError) as error:
        return await _explain(server, connection, error, seconds)
    finally:
        if conn is not None:
            conn.close()
    return None


def _servers(connection: Connection) -> list[str]:
    return [server.strip() for server in connection.bootstrap_servers.split(",")]


async def _connect(server: str, options: Any) -> AIOKafkaConnection:
    host, port = _parse(server)
    return await create_conn(host, port, **options)


def _parse(server: str) -> tuple[str, int]:
    host, _, port = server.rpartition(":")
    if not host or "/" in server or ";" in server:
        raise ValueError
    return host.strip("[]"), int(port)


async def _explain(server: str, connection: Connection, error: Exception, seconds: float) -> str:
    """Return why this server cannot be used. Only parts of errors that cannot contain a secret are repeated."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"{server} has no trusted TLS certificate ({error.reason or 'invalid'}); see broker.security.ca_file"
    if isinstance(error, ValueError):
        return f"{server} is not in the form host:port; several are separated by commas"
    if isinstance(error, SaslAuthenticationFailed):
        return f"{server} rejects the user name or password in broker.security"
    if isinstance(error, UnsupportedSaslMechanismError):
        return f"{server} does not offer broker.security.mechanism {connection.client_options.get('sasl_mechanism')}"
    if isinstance(error, OSError) and not isinstance(error, (TimeoutError, ssl.SSLError, ConnectionResetError)):
        return f"{server} cannot be reached ({error.strerror or error})"
    return f"{server} {await _peer(server, connection, error) or _silence(error, seconds)}"


def _silence(error: Exception, seconds: float) -> str:
    if isinstance(error, TimeoutError):
        return f"did not answer within {seconds:g} s; is it a Kafka listener, and is broker.security.protocol right?"
    return f"closes the connection ({type(error).__name__}); is broker.security.protocol right?"


async def _peer(server: str, connection: Connection, error: Exception) -> str | None:
    """Return what listens there instead of what the settings say, as far as two other ways to talk to it tell."""
    if (await _reply(server)).startswith(b"HTTP/"):
        return "is an HTTP server, not a Kafka listener; correct the host and port"
    protocol = str(connection.client_options.get("security_protocol", "PLAINTEXT"))
    speaks_tls = await _speaks_tls(server)
    if protocol.endswith("PLAINTEXT") and speaks_tls:
        return f"speaks TLS; set broker.security.protocol to {protocol.replace('PLAINTEXT', 'SSL')}"
    if protocol.endswith("SSL") and not speaks_tls and isinstance(error, (ssl.SSLError, ConnectionError)):
        return f"does not speak TLS; set broker.security.protocol to {protocol.replace('SSL', 'PLAINTEXT')}"
    return None


async def _reply(server: str) -> bytes:
    """Return how it begins to answer a request of HTTP."""
    writer: asyncio.StreamWriter | None = None
    try:
        async with asyncio.timeout(_PEER_SECONDS):
            reader, writer = await asyncio.open_connection(*_parse(server))
            writer.write(b"HEAD / HTTP/1.0\r\n\r\n")
            return await reader.read(16)
    except OSError:
        return b""
    finally:
        if writer is not None:
            writer.close()


async def _speaks_tls(server: str) -> bool:
    """Return whether a handshake succeeds, whoever it is: nothing is sent that it must not know."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        async with asyncio.timeout(_PEER_SECONDS):
            _, writer = await asyncio.open_connection(*_parse(server), ssl=context)
    except OSError:
        return False
    writer.close()
    return True
