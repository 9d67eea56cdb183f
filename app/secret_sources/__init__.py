"""Where secrets come from that the configuration refers to, as in `${file:/run/secrets/key}`."""
