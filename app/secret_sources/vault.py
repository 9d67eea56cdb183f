"""`${vault:secret/openai#api_key}`: a field of a secret in HashiCorp Vault or OpenBao, of the engine KV version 2.

As for their own clients, VAULT_ADDR says where it is, VAULT_TOKEN (or the file VAULT_TOKEN_FILE, which an agent keeps
up to date) who asks, VAULT_NAMESPACE and VAULT_CACERT what else it needs.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from app.errors import MissingDependency
from app.secret_sources.registry import SecretMissing

_SECONDS = 10


def read(name: str) -> str:
    """Return the field of the secret's current version.

    Raises:
        MissingDependency: hvac is not installed.
        SecretMissing: the reference is not complete, Vault does not answer or refuses, or there is no such field.
    """
    place, _, field = name.partition("#")
    mount, _, path = place.strip("/").partition("/")
    if not (mount and path and field):
        raise SecretMissing("write ${vault:mount/path#field}, as in ${vault:secret/openai#api_key}")
    fields = _fields(mount, path)
    if field not in fields:
        raise SecretMissing(f"the secret {place} has no field {field}")
    value = fields[field]
    if not isinstance(value, str):
        raise SecretMissing(f"the field {field} of the secret {place} is not a text")
    return value.rstrip("\r\n")


def _fields(mount: str, path: str) -> dict[str, Any]:
    try:
        import hvac  # noqa: PLC0415  # optional
        import requests  # noqa: PLC0415  # comes with it
    except ImportError:
        raise MissingDependency('pip install "meta-ai-orchestrator[vault]"') from None
    address, token = os.environ.get("VAULT_ADDR"), _token()
    if not (address and token):
        raise SecretMissing("set VAULT_ADDR, and VAULT_TOKEN or VAULT_TOKEN_FILE")
    client = hvac.Client(
        address,
        token,
        namespace=os.environ.get("VAULT_NAMESPACE") or None,
        verify=os.environ.get("VAULT_CACERT") or True,
        timeout=_SECONDS,
        allow_redirects=False,  # it could carry the token to another host
    )
    try:
        answer = client.secrets.kv.v2.read_secret_version(path=path, mount_point=mount, raise_on_deleted_version=True)
        found: dict[str, Any] = answer["data"]["data"]
    except hvac.exceptions.VaultError as error:
        raise SecretMissing(f"Vault does not give {mount}/{path}: {type(error).__name__}") from None
    except (requests.RequestException, KeyError, TypeError) as error:
        raise SecretMissing(f"Vault at VAULT_ADDR does not answer as it should: {type(error).__name__}") from None
    else:
        return found
    finally:
        client.adapter.close()


def _token() -> str:
    if path := os.environ.get("VAULT_TOKEN_FILE"):
        try:
            return Path(path).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError):
            raise SecretMissing("the file in VAULT_TOKEN_FILE cannot be read") from None
    return os.environ.get("VAULT_TOKEN", "").strip()
