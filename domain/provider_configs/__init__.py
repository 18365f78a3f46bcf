"""The section of each kind of work: what an administrator chooses, checks and what they mean, models, who waits for it.

Imports orders and what is below them, and quotas; generation and monitoring are above.
"""
