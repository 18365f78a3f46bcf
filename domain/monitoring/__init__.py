"""What somebody should know: stuck stages, alerts and their delivery, statistics, the backlog.

Imports provider_configs and all that is below; beside generation, neither knows the other.
"""
