"""Whether certificates are valid, and for how long."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from app.admin.doctor.base import Examination, Finding
from app.errors import MissingDependency
from app.settings import Settings

#: In days: a certificate that ends sooner is to be renewed.
SOON = 30


class Certificates:
    """Reads the certificates of the configuration."""

    name = "certificates"
    needs_broker = needs_network = False

    async def findings(self, examined: Examination) -> AsyncIterator[Finding]:
        """Yield when each ends."""
        now = datetime.fromtimestamp(examined.now(), UTC)
        for key, path in _files(examined.settings):
            try:
                found = _certificates(path.read_bytes())
            except (OSError, ValueError) as error:
                reason = getattr(error, "strerror", None) or "it is not a PEM certificate"
                yield Finding(self.name, "error", key, f"{path} cannot be read: {reason}", f"correct {key}")
                continue
            for one in found:
                yield self._of(key, path, one, now)

    def _of(self, key: str, path: Path, certificate: Any, now: datetime) -> Finding:
        begins, ends = certificate.not_valid_before_utc, certificate.not_valid_after_utc
        who, until = certificate.subject.rfc4514_string() or path.name, f"{ends:%Y-%m-%d}"
        if now > ends:
            return Finding(self.name, "error", key, f"{who} has ended on {until}", f"renew {path}")
        if now < begins:
            fix = f"check this machine's clock, or {path}"
            return Finding(self.name, "error", key, f"{who} begins only on {begins:%Y-%m-%d}", fix)
        left = (ends - now).days
        if left < SOON:
            return Finding(self.name, "warning", key, f"{who} ends in {left} days, on {until}", f"renew {path}")
        return Finding(self.name, "ok", key, f"{who} is valid until {until}")


def _files(settings: Settings) -> Iterator[tuple[str, Path]]:
    security, tls = settings.broker.security, settings.gateway.tls
    named = {
        "broker.security.ca_file": security.ca_file,
        "broker.security.cert_file": security.cert_file,
        "gateway.tls.certificate": tls and tls.certificate,
        "gateway.tls.client_ca": tls and tls.client_ca,
    }
    yield from ((key, path) for key, path in named.items() if path)


def _certificates(content: bytes) -> list[Any]:
    try:
        from cryptography.x509 import load_pem_x509_certificates  # noqa: PLC0415  # optional
    except ImportError as error:
        raise MissingDependency('pip install "meta-ai-orchestrator[server]"') from error
    return load_pem_x509_certificates(content)
