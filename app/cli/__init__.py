"""The command line, `meta-ai`."""
