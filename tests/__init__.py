"""The suite: mirrors the tree; real Redis, PostgreSQL, workers and browser, and an emulator for the providers."""
