"""Pure strategies that make one answer out of several candidates."""
