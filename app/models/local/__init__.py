"""A model in this process, run by llama.cpp."""
