"""Pure policies that choose models for a step."""
