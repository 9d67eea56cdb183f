"""`meta-ai top`: what goes on at this moment."""
