"""One stage made: taken, sent to its provider, polled, downloaded, retried, and what came of it written down.

Imports provider_configs and all that is below.
"""
