"""Adds the types of the server's packages to the wheel, for those who import from `meta_ai_orchestrator`.

At run time these packages are found in `meta_ai_orchestrator/_server`, where type checkers do not look.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class Stubs(BuildHookInterface[Any]):
    """Puts every module of `app` and `topics` into a stub package too: `app-stubs` and `topics-stubs` (PEP 561)."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Name the files; an editable installation needs none."""
        if version != "standard":
            return
        for package in ("app", "topics"):
            folder = Path(self.root, package)
            for file in folder.rglob("*.py"):
                stub = file.relative_to(folder).with_suffix(".pyi").as_posix()
                build_data["force_include"][str(file)] = f"{package}-stubs/{stub}"
