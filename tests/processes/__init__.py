"""The whole product as processes: web, worker, beat and Redis, with the emulator for the providers."""
