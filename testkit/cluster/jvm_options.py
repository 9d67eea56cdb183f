"""How a Kafka of the tests is run."""

from __future__ import annotations

#: The quick compiler alone: a test run is too short for the thorough one to pay off.
QUICK = ("-XX:TieredStopAtLevel=1",)
