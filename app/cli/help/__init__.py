"""`meta-ai help`: the help of a command, and the manual page of all."""
