"""Real providers and real keys: run by hand with `make live`, never by the suite."""
