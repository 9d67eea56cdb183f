"""`meta-ai context`: which orchestrator commands talk to, by a name."""
