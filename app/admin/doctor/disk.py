"""Whether there is space where something is written."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

from app.admin.doctor.base import Examination, Finding, Severity

_GIB = 1024**3
_LOW, _FULL = 1.0, 0.1  # GiB


class Disk:
    """Looks at the free space of each file system that is written to."""

    name = "disk"
    needs_broker = needs_network = False

    async def findings(self, examined: Examination) -> AsyncIterator[Finding]:
        """Yield the free space of each place."""
        for what, place in _places(examined).items():
            free = shutil.disk_usage(_existing(place)).free / _GIB
            severity: Severity = "error" if free < _FULL else "warning" if free < _LOW else "ok"
            fix = "" if severity == "ok" else f"free some space, or choose another {what}"
            yield Finding(self.name, severity, str(place), f"{free:.1f} GiB are free", fix)


def _places(examined: Examination) -> dict[str, Path]:
    settings, places = examined.settings, {"TMPDIR": Path(tempfile.gettempdir())}
    if settings.broker.kind == "kafka":
        places["broker.data_dir"] = settings.broker.data_dir
    if settings.retrieval.path:
        places["retrieval.path"] = settings.retrieval.path
    return places


def _existing(place: Path) -> Path:
    """Return the nearest folder above that there is."""
    return next(one for one in (place.absolute(), *place.absolute().parents) if one.exists())
