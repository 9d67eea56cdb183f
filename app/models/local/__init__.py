"""A small language model in this process, on llama.cpp."""
