"""`meta-ai documents`: the documents that answers are drawn from."""
