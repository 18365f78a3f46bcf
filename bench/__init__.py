"""What the figures of `bench/RESULTS.md` were measured with: `make bench`."""
