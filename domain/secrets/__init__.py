"""Secrets: how they are sealed and opened, the keys for it, their salt, and how none gets into a log or a row.

Imports the database alone.
"""
