"""Secrets that carry a mark, a system in which everything goes wrong, and a search for the mark wherever texts go."""
