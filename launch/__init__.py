"""How Quatrain starts on one machine: `make run`, and the Redis and the processes of the tests."""
