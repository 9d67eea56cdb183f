"""Batch APIs: collect requests into batches, submit them and poll for their results."""
