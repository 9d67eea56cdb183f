"""TLS for the gateway's server; new certificates are taken up while connections go on with the old ones."""

from __future__ import annotations

import asyncio
import logging
import ssl
from pathlib import Path

from app.errors import ConfigurationError
from app.settings import GatewayTls

log = logging.getLogger(__name__)

#: How often it is looked whether the files have changed.
_LOOK_SECONDS = 5.0

#: What tells whether files have changed; a mounted secret of Kubernetes is another file then.
_Stamps = tuple[tuple[int, int, int], ...]


class ServerTls:
    """The TLS of a server: `context` is for all handshakes, and each takes the certificates as they are now.

    Raises:
        ConfigurationError: a file cannot be read, or is not what it should be.
    """

    def __init__(self, settings: GatewayTls) -> None:
        self._settings = settings
        self._seen = self._stamps()
        self._current = self._load()
        self.context = self._load()
        # Unlike certificates, authorities cannot be taken out of a context: so each handshake gets the current one.
        self.context.sni_callback = self._take_current

    async def follow(self) -> None:
        """Take up changed files, until cancelled; what cannot be used is logged, and the old certificates stay."""
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            await self.reload()

    async def reload(self) -> None:
        """Take up the files if they have changed."""
        try:
            stamps = await asyncio.to_thread(self._stamps)
            if stamps == self._seen:
                return
            self._current = await asyncio.to_thread(self._load)
        except ConfigurationError as error:
            log.error("the certificates stay as they are: %s", error)  # noqa: TRY400  # says it all
        else:
            self._seen = stamps
            log.info("the certificates of gateway.tls were read again")

    def _take_current(self, connection: ssl.SSLObject, _name: str | None, _context: ssl.SSLContext) -> None:
        connection.context = self._current

    def _stamps(self) -> _Stamps:
        return tuple(_stamp(key, path) for key, path in self._files())

    def _files(self) -> list[tuple[str, Path]]:
        settings = self._settings
        files = [("certificate", settings.certificate), ("key", settings.key)]
        return [*files, ("client_ca", settings.client_ca)] if settings.client_ca else files

    def _load(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        # A session that is resumed would skip the check of a client's certificate.
        context.options |= ssl.OP_NO_TICKET
        context.num_tickets = 0
        try:
            context.load_cert_chain(self._settings.certificate, self._settings.key, password=_no_password)
        except (ssl.SSLError, OSError, ValueError):
            text = "certificate and key must be PEM files that belong together, and the key must have no password"
            raise ConfigurationError(f"gateway.tls: {text}") from None
        if self._settings.client_ca:
            context.verify_mode = ssl.CERT_REQUIRED
            try:
                context.load_verify_locations(self._settings.client_ca)
            except (ssl.SSLError, OSError):
                raise ConfigurationError("gateway.tls.client_ca: must be a PEM file with certificates") from None
        return context


def _stamp(key: str, path: Path) -> tuple[int, int, int]:
    try:
        found = path.stat()
    except OSError as error:
        raise ConfigurationError(f"gateway.tls.{key}: {path} cannot be read: {error.strerror}") from None
    return found.st_mtime_ns, found.st_size, found.st_ino


def _no_password() -> str:
    """Have a key with a password refused, rather than the terminal asked for it."""
    raise ValueError
