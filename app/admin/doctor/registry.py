"""Which checks there are, in the order in which they are made, and how they are run."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from importlib import import_module

from aiokafka.errors import KafkaError

from app.admin.doctor.base import Check, Examination, Finding
from app.errors import ConfigurationError, OrchestratorError
from app.models.http.endpoint import ambient_secrets
from app.redaction import redactor
from app.suggestions import did_you_mean

CHECKS: dict[str, str] = {
    "packages": "app.admin.doctor.packages:Packages",
    "components": "app.admin.doctor.components:BuiltComponents",
    "disk": "app.admin.doctor.disk:Disk",
    "certificates": "app.admin.doctor.certificates:Certificates",
    "prices": "app.admin.doctor.prices:Prices",
    "broker": "app.admin.doctor.broker:Broker",
    "topics": "app.admin.doctor.topics:Topics",
    "access": "app.admin.doctor.access:Access",
    "worker": "app.admin.doctor.worker:Readiness",
    "lag": "app.admin.doctor.lag:Lag",
    "clock": "app.admin.doctor.clock:Clock",
    "models": "app.admin.doctor.models:Models",
}


async def examine(examined: Examination, names: Collection[str] = ()) -> AsyncIterator[Finding]:
    """Yield the findings of all checks, or of those that are named; no finding has a secret in it.

    Raises:
        ConfigurationError: there is no such check.
    """
    for name in names:
        if name not in CHECKS:
            raise ConfigurationError(f"there is no check {name}; {did_you_mean(name, CHECKS)}")
    redact = redactor([*examined.settings.secrets(), *ambient_secrets(examined.environ)])
    for name in names or CHECKS:
        async for found in _run(_load(name), examined):
            yield Finding(found.check, found.severity, found.subject, redact(found.message), redact(found.fix))


def _load(name: str) -> Check:
    module, _, kind = CHECKS[name].partition(":")
    check: Check = getattr(import_module(module), kind)()
    return check


async def _run(check: Check, examined: Examination) -> AsyncIterator[Finding]:
    if check.needs_broker and examined.client is None:
        return  # the check of the broker says why
    if check.needs_network and examined.offline:
        yield Finding(check.name, "ok", check.name, "not checked (offline)")
        return
    try:
        async for found in check.findings(examined):
            yield found
    except OrchestratorError as error:
        yield Finding(check.name, "error", check.name, str(error))
    except (KafkaError, OSError) as error:
        fix = "check what the broker and this user allow; META_AI_DEBUG=1 says more of other commands"
        yield Finding(check.name, "error", check.name, f"could not be checked: {type(error).__name__}", fix)
