"""The command `meta-ai`, from a checkout or from an installed wheel."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path

_PACKAGES = ("agents", "app", "topics")


def main() -> None:
    """Run the command line, with the server's packages first on the path.

    Other distributions install packages of these names too (openai-agents an `agents`); whoever comes
    first wins without a word, so what is found is checked.
    """
    root = server_root()
    sys.path.insert(0, str(root))
    if reason := _strangers(root):
        sys.exit(f"meta-ai: {reason}")
    from app.cli.main import main as run  # noqa: PLC0415  # importable only from here on

    run()


def server_root() -> Path:
    """Return the folder that holds the server's packages."""
    checkout = Path(__file__).resolve().parents[3]
    packaged = Path(__file__).resolve().with_name("_server")
    return checkout if all((checkout / name / "__init__.py").is_file() for name in _PACKAGES) else packaged


def _strangers(root: Path) -> str | None:
    """Return what is wrong when one of the packages would come from elsewhere than `root`."""
    for name in _PACKAGES:
        origin = _origin(name)
        if origin is None:
            return f"the package {name} is missing in {root}; install meta-ai-orchestrator again"
        if origin.parent.parent != root:
            return f"the package {name} comes from {origin.parent}, not from {root}; use an environment without it"
    return None


def _origin(name: str) -> Path | None:
    loaded = sys.modules.get(name)
    file = loaded.__file__ if loaded else (spec := find_spec(name)) and spec.origin
    return Path(file).resolve() if file else None


if __name__ == "__main__":
    main()
