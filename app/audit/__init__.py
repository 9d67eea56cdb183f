"""The hash chain over the audit: how it is made, and how it is verified."""
