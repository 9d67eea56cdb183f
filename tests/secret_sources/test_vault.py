from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from app.secret_sources import vault
from app.secret_sources.registry import SecretMissing
from tests.secret_sources.vault_server import VaultServer


@pytest_asyncio.fixture
async def server(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[VaultServer]:
    async with VaultServer().serving() as found:
        monkeypatch.setenv("VAULT_ADDR", found.address)
        monkeypatch.setenv("VAULT_TOKEN", found.token)
        monkeypatch.delenv("VAULT_TOKEN_FILE", raising=False)
        yield found


async def read(name: str) -> str:
    return await asyncio.to_thread(vault.read, name)


async def refused(name: str) -> str:
    with pytest.raises(SecretMissing) as error:
        await read(name)
    return str(error.value)


async def test_that_the_current_version_counts(server: VaultServer) -> None:
    server.write("secret/team/openai", api_key="first\n", other="x")
    assert await read("secret/team/openai#api_key") == "first"
    server.write("secret/team/openai", api_key="second")
    assert await read("secret/team/openai#api_key") == "second"


async def test_that_what_cannot_be_read_is_said_without_any_value(server: VaultServer) -> None:
    server.write("secret/openai", api_key="planted", number=3)
    assert await refused("secret/openai#key") == "the secret secret/openai has no field key"
    assert await refused("secret/openai#number") == "the field number of the secret secret/openai is not a text"
    assert await refused("secret/none#key") == "Vault does not give secret/none: InvalidPath"
    server.delete("secret/openai")
    assert await refused("secret/openai#api_key") == "Vault does not give secret/openai: InvalidPath"
    server.sealed = True
    assert await refused("secret/openai#api_key") == "Vault does not give secret/openai: VaultDown"
    server.sealed, server.token = False, "another"
    assert await refused("secret/openai#api_key") == "Vault does not give secret/openai: Forbidden"


@pytest.mark.parametrize("name", ["", "secret", "secret/openai", "secret#key", "/#key", "secret/openai#"])
async def test_that_a_reference_names_mount_path_and_field(name: str) -> None:
    assert (await refused(name)).startswith("write ${vault:mount/path#field}")


async def test_that_it_must_be_known_where_vault_is_and_who_asks(
    server: VaultServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    server.write("secret/openai", key="k")
    monkeypatch.setenv("VAULT_TOKEN", "")
    assert await refused("secret/openai#key") == "set VAULT_ADDR, and VAULT_TOKEN or VAULT_TOKEN_FILE"
    file = tmp_path / "token"
    monkeypatch.setenv("VAULT_TOKEN_FILE", str(file))
    assert await refused("secret/openai#key") == "the file in VAULT_TOKEN_FILE cannot be read"
    file.write_text(f"{server.token}\n", encoding="utf-8")
    assert await read("secret/openai#key") == "k"


async def test_that_nobody_there_is_said(server: VaultServer, monkeypatch: pytest.MonkeyPatch) -> None:
    assert server.address
    monkeypatch.setenv("VAULT_ADDR", "http://127.0.0.1:9")
    assert "does not answer as it should: ConnectionError" in await refused("secret/openai#key")
