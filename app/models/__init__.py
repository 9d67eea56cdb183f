"""Language models: the port, and what calls and limits them; one package for each provider API."""
