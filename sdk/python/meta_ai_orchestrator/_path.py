"""Where the server's packages are, and how the public modules import from them."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

PACKAGES = ("agents", "app", "topics")
#: Those that the public modules need. Whoever only extends the orchestrator may have another `agents`.
_LIBRARIES = ("app", "topics")


def server_root() -> Path:
    """Return the folder that holds the server's packages: the checkout, or a folder of the installed package."""
    checkout = Path(__file__).resolve().parents[3]
    packaged = Path(__file__).resolve().with_name("_server")
    return checkout if all((checkout / name / "__init__.py").is_file() for name in PACKAGES) else packaged


def conflict(root: Path, packages: Sequence[str] = PACKAGES) -> str | None:
    """Return what is wrong if one of the packages would be imported from elsewhere than `root`."""
    for name in packages:
        origin = _origin(name)
        if origin is None:
            return f"the package {name} is missing in {root}; install meta-ai-orchestrator again"
        if origin.parent.parent != root:
            return f"the package {name} comes from {origin.parent}, not from {root}; use an environment without it"
    return None


@contextmanager
def server_part() -> Iterator[None]:
    """Let the code of a `with` block import from the server's packages.

    Raises:
        ImportError: another package has the name of one of them, or the extra `server` is not installed.
    """
    root = server_root()
    if find_spec("app") is None:
        sys.path.append(str(root))  # behind what the user has: it must hide nothing of theirs
    if reason := conflict(root, _LIBRARIES):
        raise ImportError(reason)
    try:
        yield
    except ModuleNotFoundError as error:
        raise ImportError(f'{error.name} is missing: pip install "meta-ai-orchestrator[server]"') from error


def _origin(name: str) -> Path | None:
    loaded = sys.modules.get(name)
    file = loaded.__file__ if loaded else (spec := find_spec(name)) and spec.origin
    return Path(file).resolve() if file else None
