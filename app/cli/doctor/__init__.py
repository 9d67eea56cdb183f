"""`meta-ai doctor` and `meta-ai support-bundle`: find out what is wrong, and hand it on."""
