"""`meta-ai routing`: list policies, and fit routers."""
