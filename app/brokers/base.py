"""How to connect to the broker: all that the rest of the orchestrator knows of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from app.brokers.append_watch import AppendWatch


@dataclass(frozen=True)
class Connection:
    """How to reach one broker.

    `client_options` are keyword arguments for every aiokafka client (`security_protocol`, `sasl_*`,
    `ssl_context`); they carry the password, and so are left out of the repr. `fetch_wait_ms` is how long a
    fetch may wait for records at the broker. Where the broker does not wake a waiting fetch, `appends` tells when
    there is something to fetch. A broker that is not `durable` loses everything
    when it stops, and does not support idempotent producers. `gone` tells of a broker that was started here: it
    returns None while it runs, and once it has ended by itself, the sentence that says so.
    """

    bootstrap_servers: str
    client_options: Mapping[str, Any] = field(default_factory=dict, repr=False)
    fetch_wait_ms: int = 500
    appends: AppendWatch | None = field(default=None, repr=False, compare=False)
    durable: bool = True
    gone: Callable[[], str | None] = field(default=lambda: None, repr=False, compare=False)

    @property
    def options(self) -> dict[str, Any]:
        """The keyword arguments that lead any aiokafka client to the broker."""
        return {"bootstrap_servers": self.bootstrap_servers, **self.client_options}
