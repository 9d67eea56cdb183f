"""The index in memory: lexical, by vectors, and both fused."""
