"""Checks that tell whether an adapter does what its port promises."""
