"""The command `meta-ai`, from a checkout or from an installed wheel."""

from __future__ import annotations

import sys

from meta_ai_orchestrator._path import conflict, server_root


def main() -> None:
    """Run the command line, with the server's packages first on the path.

    Other distributions install packages of these names too (openai-agents an `agents`); whoever comes
    first wins without a word, so what is found is checked.
    """
    root = server_root()
    sys.path.insert(0, str(root))
    if reason := conflict(root):
        sys.exit(f"meta-ai: {reason}")
    from app.cli.main import main as run  # noqa: PLC0415  # importable only from here on

    run()


if __name__ == "__main__":
    main()
