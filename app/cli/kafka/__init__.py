"""Commands and clients that read and write topics."""
