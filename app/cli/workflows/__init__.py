"""`meta-ai workflows`: check, show, deploy and describe workflows."""
