"""What of the found chunks becomes a model's context: within a budget of tokens, without repetition."""
