"""Files over HTTP, as OpenAI's API has them: kept on topics, in pieces."""
