"""Who makes a request, and whether they may: looked at once, before the body of any request is read."""
