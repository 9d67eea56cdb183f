"""Reading the settings: one file, the environment over it, and errors that say where and how to mend."""

from __future__ import annotations

from app.configuration.loading import load
from app.configuration.reference import schema, template

__all__ = ["load", "schema", "template"]
