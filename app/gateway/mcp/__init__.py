"""The part of the API that speaks the Model Context Protocol: workflows as tools, documents as resources."""
