"""The installed packages: versions, and whether what is pinned is what is there."""

from __future__ import annotations

import platform
import re
from collections.abc import AsyncIterator
from importlib.metadata import PackageNotFoundError, requires, version

from app.admin.doctor.base import Examination, Finding

DISTRIBUTION = "meta-ai-orchestrator"
#: Those whose versions matter when something is wrong.
_NAMED = ("aiokafka", "faust-streaming", "fastapi", "httpx2", "openai", "anthropic", "pydantic", "xllamacpp")
_PINNED = re.compile(r"^([A-Za-z0-9._-]+)==([^;\s]+)")


def versions() -> dict[str, str]:
    """Return the versions of Python, of this product, and of the packages that matter, as far as they are installed."""
    found = {"python": platform.python_version(), "system": f"{platform.system()} {platform.release()}"}
    for name in (DISTRIBUTION, *_NAMED):
        if installed := _version(name):
            found[name] = installed
    return found


class Packages:
    """Compares pinned packages with what is installed."""

    name = "packages"
    needs_broker = needs_network = False

    async def findings(self, examined: Examination) -> AsyncIterator[Finding]:  # noqa: ARG002  # the port's signature
        """Yield the pinned packages that are there in another version, or else all versions."""
        wrong = list(_other_versions())
        for name, pinned, installed in wrong:
            fix = f'pip install "{name}=={pinned}"'
            yield Finding(self.name, "error", name, f"version {installed} is installed; {pinned} is needed", fix)
        if not wrong:
            shown = ", ".join(f"{name} {number}" for name, number in versions().items())
            yield Finding(self.name, "ok", DISTRIBUTION, shown)


def _other_versions() -> list[tuple[str, str, str]]:
    try:
        lines = requires(DISTRIBUTION) or []
    except PackageNotFoundError:  # a checkout that is not installed
        return []
    pinned = [(found[1], found[2]) for line in lines if (found := _PINNED.match(line))]
    there = [(name, wanted, _version(name)) for name, wanted in pinned]
    return [(name, wanted, installed) for name, wanted, installed in there if installed not in {"", wanted}]


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""
