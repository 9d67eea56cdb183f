from __future__ import annotations

import asyncio
import secrets
import shutil
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio

from app.brokers.base import Connection
from app.errors import ConfigurationError
from app.gateway.server import serve_gateway
from app.gateway.transport import tls
from app.gateway.transport.tls import ServerTls
from app.settings import GatewaySettings, GatewayTls, Settings, TopicSettings
from testkit.provider.certificates import Authority
from tests.gateway.wire import GET, Target

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl, to make certificates")


@pytest_asyncio.fixture
async def authority(tmp_path: Path) -> Authority:
    return await _authority(tmp_path, "ours")


async def _authority(folder: Path, name: str) -> Authority:
    (folder / name).mkdir()
    found = Authority(folder / name)
    await found.create()
    return found


async def _pair(authority: Authority, name: str) -> tuple[Path, Path]:
    """Return the files of a new certificate and its key."""
    await authority.server(name, days=2)
    folder = authority.file.parent
    return folder / f"{name}.crt", folder / f"{name}.key"


def _client(authority: Authority, pair: tuple[Path, Path] | None = None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=authority.file)
    if pair:
        context.load_cert_chain(*pair)
    return context


def _install(pair: tuple[Path, Path], settings: GatewayTls) -> None:
    """Put new files in place of the old, as a mounted secret has them."""
    for source, target in zip(pair, (settings.certificate, settings.key), strict=True):
        new = target.with_suffix(".new")
        shutil.copy(source, new)
        new.replace(target)


def _settings(folder: Path, client_ca: Path | None = None) -> GatewayTls:
    return GatewayTls(certificate=folder / "tls.crt", key=folder / "tls.key", client_ca=client_ca)


@asynccontextmanager
async def _served(embedded: Connection, settings: GatewayTls) -> AsyncIterator[str]:
    topics = TopicSettings(prefix=f"t{secrets.token_hex(4)}-", partitions=2)
    whole = Settings(topics=topics, gateway=GatewaySettings(port=0, tls=settings))
    async with serve_gateway(whole, embedded) as address:
        yield f"https://{address}"


async def _common_name(url: str, context: ssl.SSLContext) -> str:
    """Return for whom the certificate of a new connection is."""
    host, _, port = url.removeprefix("https://").rpartition(":")
    _, writer = await asyncio.open_connection(host, int(port), ssl=context)
    try:
        subject: tuple[tuple[tuple[str, str]]] = writer.get_extra_info("peercert")["subject"]
        return subject[0][0][1]
    finally:
        writer.close()


async def test_that_it_speaks_https_and_says_that_it_always_will(
    embedded: Connection, authority: Authority, tmp_path: Path
) -> None:
    settings = _settings(tmp_path)
    _install(await _pair(authority, "first"), settings)
    async with _served(embedded, settings) as url, aiohttp.ClientSession() as http:
        async with http.get(f"{url}/v1/health", ssl=_client(authority)) as answer:
            assert answer.status in {200, 503}
            assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"
        with pytest.raises(aiohttp.ClientConnectorCertificateError):
            await http.get(f"{url}/v1/health")
        with pytest.raises(aiohttp.ClientError):
            await http.get(f"{url.replace('https', 'http')}/v1/health")
        old = _client(authority)
        old.maximum_version = ssl.TLSVersion.TLSv1_2
        old.minimum_version = ssl.TLSVersion.TLSv1_2
        async with http.get(f"{url}/v1/health", ssl=old) as answer:
            assert answer.status in {200, 503}


async def test_that_new_certificates_are_taken_up_while_connections_go_on(
    embedded: Connection, authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tls, "_LOOK_SECONDS", 0.05)
    settings, context = _settings(tmp_path), _client(authority)
    first, second = await _pair(authority, "first"), await _pair(authority, "second")
    _install(first, settings)
    async with _served(embedded, settings) as url, Target(url.removeprefix("https://")).wire(context) as before:
        await before.send(GET + b"\r\n")
        assert (await before.answer()).status in {200, 503}
        assert await _common_name(url, context) == "first"
        _install(second, settings)
        async with asyncio.timeout(30):
            while await _common_name(url, context) != "second":  # noqa: ASYNC110  # the server tells nobody
                await asyncio.sleep(0.02)
        await before.send(GET + b"\r\n")
        assert (await before.answer()).status in {200, 503}


async def test_that_clients_need_a_certificate_of_the_authority_in_force(
    embedded: Connection, authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tls, "_LOOK_SECONDS", 0.05)
    other = await _authority(tmp_path, "other")
    clients = tmp_path / "clients.crt"
    shutil.copy(authority.file, clients)
    settings = _settings(tmp_path, clients)
    _install(await _pair(authority, "server"), settings)
    ours, theirs = await _pair(authority, "client"), await _pair(other, "stranger")

    async def admitted(pair: tuple[Path, Path] | None) -> bool:
        async with aiohttp.ClientSession() as http:
            try:
                async with http.get(f"{url}/v1/health", ssl=_client(authority, pair)) as answer:
                    return answer.status in {200, 503}
            except aiohttp.ClientError:
                return False

    async with _served(embedded, settings) as url:
        assert [await admitted(one) for one in (ours, theirs, None)] == [True, False, False]
        shutil.copy(other.file, clients)
        async with asyncio.timeout(30):
            while not await admitted(theirs):  # noqa: ASYNC110  # the server tells nobody
                await asyncio.sleep(0.02)
        assert [await admitted(one) for one in (ours, theirs, None)] == [False, True, False]


async def test_that_files_that_do_not_fit_leave_the_old_certificate(
    authority: Authority, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings = _settings(tmp_path)
    first, second = await _pair(authority, "first"), await _pair(authority, "second")
    _install(first, settings)
    server = ServerTls(settings)
    before = server._current
    await server.reload()
    shutil.copy(second[0], settings.certificate)  # its key comes a moment later
    await server.reload()
    assert server._current is before
    assert "must be PEM files that belong together" in caplog.text
    _install(second, settings)
    await server.reload()
    assert server._current is not before


async def test_that_wrong_files_stop_the_start(authority: Authority, tmp_path: Path) -> None:
    settings = _settings(tmp_path, tmp_path / "clients.crt")
    with pytest.raises(ConfigurationError, match=r"gateway\.tls\.certificate: .* cannot be read: No such file"):
        ServerTls(settings)
    _install(await _pair(authority, "first"), settings)
    with pytest.raises(ConfigurationError, match=r"gateway\.tls\.client_ca: .* cannot be read: No such file"):
        ServerTls(settings)
    (tmp_path / "clients.crt").write_text("none", encoding="utf-8")
    with pytest.raises(ConfigurationError, match=r"gateway\.tls\.client_ca: must be a PEM file"):
        ServerTls(settings)
    with_password = tmp_path / "locked.key"
    process = await asyncio.create_subprocess_exec(
        *("openssl", "rsa", "-aes256", "-passout", "pass:planted", "-in", settings.key, "-out", with_password),
        stderr=asyncio.subprocess.DEVNULL,
    )
    assert await process.wait() == 0
    with pytest.raises(ConfigurationError, match=r"gateway\.tls: .* the key must have no password"):
        ServerTls(settings.model_copy(update={"key": with_password, "client_ca": None}))
