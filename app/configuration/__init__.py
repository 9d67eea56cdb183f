"""Read the settings: one file, overridden by the environment; errors say where the problem is and how to fix it."""

from __future__ import annotations

from app.configuration.live import LiveSettings
from app.configuration.loading import load, load_live
from app.configuration.reference import schema, template

__all__ = ["LiveSettings", "load", "load_live", "schema", "template"]
