"""HTTP clients of the program's own: certificates, mutual TLS and proxies."""

from __future__ import annotations

import asyncio
import secrets
import shutil
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest

from app.brokers.base import Connection
from app.gateway.server import serve_gateway
from app.settings import GatewaySettings, GatewayTls, Settings, TopicSettings
from meta_ai_orchestrator import APIConnectionError, AsyncClient, Client
from testkit.provider.certificates import Authority


@pytest.fixture
async def authority(tmp_path: Path) -> Authority:
    if shutil.which("openssl") is None:
        pytest.skip("needs openssl, to make certificates")
    found = Authority(tmp_path)
    await found.create()
    for name in ("server", "client"):
        await found.server(name, days=2)
    return found


@pytest.fixture
async def url(embedded: Connection, authority: Authority) -> AsyncIterator[str]:
    """A gateway that asks clients for a certificate."""
    folder = authority.file.parent
    tls = GatewayTls(certificate=folder / "server.crt", key=folder / "server.key", client_ca=authority.file)
    topics = TopicSettings(prefix=f"t{secrets.token_hex(4)}-", partitions=1)
    async with serve_gateway(Settings(topics=topics, gateway=GatewaySettings(port=0, tls=tls)), embedded) as address:
        yield f"https://{address}/v1"


async def test_that_mutual_tls_is_that_of_the_http_client(url: str, authority: Authority) -> None:
    folder = authority.file.parent
    context = ssl.create_default_context(cafile=authority.file)
    with httpx2.Client(verify=context) as http:
        stranger = Client(base_url=url, http_client=http, max_retries=0)
        with pytest.raises(APIConnectionError):
            await asyncio.to_thread(stranger.request, "GET", "/v1/health")
    context.load_cert_chain(folder / "client.crt", folder / "client.key")
    with httpx2.Client(verify=context) as http:
        member = Client(base_url=url, http_client=http, max_retries=5)
        assert (await asyncio.to_thread(member.request, "GET", "/v1/health")).status == 200
    async with (
        httpx2.AsyncClient(verify=context) as other,
        AsyncClient(base_url=url, http_client=other) as client,
    ):
        assert (await client.request("GET", "/v1/health")).status == 200


async def test_that_a_proxy_of_the_http_client_is_used() -> None:
    seen: list[bytes] = []

    async def proxy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(await reader.readline())
        body = b'{"id": "t1", "status": "accepted", "result": "/v1/results/t1"}'
        head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        writer.write(head.encode() + body)
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(proxy, "127.0.0.1", 0) as server:
        host, port = server.sockets[0].getsockname()
        async with (
            httpx2.AsyncClient(proxy=f"http://{host}:{port}") as http,
            AsyncClient(base_url="http://gateway.example.com/v1", http_client=http) as client,
        ):
            assert (await client.tasks.get("t1")).id == "t1"
    assert seen == [b"GET http://gateway.example.com/v1/tasks/t1 HTTP/1.1\r\n"]
