"""Hybrid search in memory: vectors and BM25."""
