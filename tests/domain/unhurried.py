"""How examples are made up for the rules of the domain: the same ones in each run, however long each takes."""

from hypothesis import HealthCheck, settings

unhurried = settings(
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
