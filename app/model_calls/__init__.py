"""What the agent `call_model` is made of: records of spending, cached responses, streams, batches."""
