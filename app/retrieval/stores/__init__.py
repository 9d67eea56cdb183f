"""Stores that live elsewhere: one set of rules (`remote`), and a database under it in a file for each kind."""
