"""The days of the shop: they begin at its own midnight, that of ``TIME_ZONE``."""

from datetime import date, datetime, time

from settings import current_settings


def day_of(moment: datetime) -> date:
    """The day on which the shop's calendar stands at ``moment``, which is aware."""
    return moment.astimezone(current_settings().zone).date()


def start_of(day: date) -> datetime:
    """The moment at which ``day`` begins, aware; where clocks leave its midnight out, the first moment after."""
    return datetime.combine(day, time(), current_settings().zone)
