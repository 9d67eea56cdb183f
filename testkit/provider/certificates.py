"""Certificates for the loopback address, made by openssl: an authority and server certificates."""

from __future__ import annotations

import asyncio
import ssl
from asyncio.subprocess import DEVNULL
from pathlib import Path

_KEY = ("-newkey", "rsa:2048", "-nodes")


class Authority:
    """An authority with its key and certificate in a folder; `file` is the certificate that clients trust."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "authority.crt"
        self._key = folder / "authority.key"
        self._folder = folder

    async def create(self) -> None:
        """Create its key and certificate.

        Raises:
            RuntimeError: openssl is not installed, or failed.
        """
        files = ("-keyout", str(self._key), "-out", str(self.file))
        await _openssl("req", "-x509", *_KEY, "-days", "2", "-subj", "/CN=bench authority", *files)

    async def server(self, name: str, *, days: int) -> ssl.SSLContext:
        """Return the TLS context of a server whose certificate is valid for `days`; if negative, it has expired.

        Raises:
            RuntimeError: openssl failed.
        """
        key, wish, found, names = (self._folder / f"{name}.{kind}" for kind in ("key", "csr", "crt", "ext"))
        names.write_text("subjectAltName=IP:127.0.0.1", encoding="ascii")
        await _openssl("req", "-new", *_KEY, "-subj", f"/CN={name}", "-keyout", str(key), "-out", str(wish))
        signer = ("-CA", str(self.file), "-CAkey", str(self._key), "-CAcreateserial")
        term = ("-days", str(days), "-extfile", str(names))
        await _openssl("x509", "-req", "-in", str(wish), *signer, *term, "-out", str(found))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(found, key)
        return context


async def _openssl(*arguments: str) -> None:
    try:
        process = await asyncio.create_subprocess_exec("openssl", *arguments, stdout=DEVNULL, stderr=DEVNULL)
    except FileNotFoundError:
        raise RuntimeError("openssl is needed to make certificates") from None
    if await process.wait():
        raise RuntimeError(f"openssl {arguments[0]} failed")
