"""Batches over HTTP, as OpenAI's API has them: a file of requests becomes many tasks, round by round."""
