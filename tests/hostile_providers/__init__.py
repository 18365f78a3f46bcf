"""Every answer that a provider could spoil, spoiled in every way, at every call of every adapter.

``python -m tests.hostile_providers`` prints how many were tried and what came of them.
"""
