"""One call: attempts, retries, hedges, time-outs, streams."""
