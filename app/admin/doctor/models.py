"""Whether each model answers with the credentials that it has."""

from __future__ import annotations

from collections.abc import AsyncIterator

from app.admin.doctor.base import Examination, Finding
from app.models.conformance.probe import ask_once

#: What to do about an error, by its code.
_FIXES = {
    "unauthorized": "correct the key of models.{name}, or what it may use",
    "rate_limited": "wait, or set models.{name}.limits",
    "unavailable": "check models.{name}.base_url, and that the server runs",
    "timeout": "check models.{name}.base_url, or raise --timeout",
    "invalid_request": "check models.{name}.model",
}


class Models:
    """Makes one small call to each configured model; a provider may charge for it."""

    name = "models"
    needs_broker, needs_network = False, True

    async def findings(self, examined: Examination) -> AsyncIterator[Finding]:
        """Yield whether each answers.

        Raises:
            ConfigurationError: one cannot be built.
        """
        for name, settings in examined.settings.models.items():
            check = await ask_once(name, settings, examined.timeout)
            if check.status == "pass":
                yield Finding(self.name, "ok", name, f"answers after {check.seconds:.1f} s")
            else:
                fix = _FIXES.get(check.error, "meta-ai adapters test {name} says more").format(name=name)
                yield Finding(self.name, "error", name, f"{check.error}: {check.detail}", fix)
