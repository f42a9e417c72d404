"""Points in time at equal distances: whole days, hours, parts of an hour, months."""

from __future__ import annotations

from datetime import date, datetime, timedelta

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)


def days(start: datetime, stop: datetime) -> list[datetime]:
    """Return the midnights from ``start`` to before ``stop``."""
    return _steps(datetime(start.year, start.month, start.day), DAY, start, stop)


def hours(start: datetime, stop: datetime) -> list[datetime]:
    """Return the whole hours from ``start`` to before ``stop``."""
    return _steps(start.replace(minute=0, second=0, microsecond=0), HOUR, start, stop)


def minutes(start: datetime, stop: datetime, interval: int) -> list[datetime]:
    """Return the multiples of ``interval`` minutes in each hour; ``interval`` divides 60."""
    minute = start.minute - start.minute % interval
    first = start.replace(minute=minute, second=0, microsecond=0)
    return _steps(first, timedelta(minutes=interval), start, stop)


def months(start: datetime, stop: datetime) -> list[datetime]:
    """Return the beginnings of months from ``start`` to before the month of ``stop``."""
    month, end = month_of(start), month_of(stop)
    if month < start:
        month = add_months(month, 1)
    points = []
    while month < end:
        points.append(month)
        month = add_months(month, 1)
    return points


def month_of(moment: date) -> datetime:
    """Return the beginning of the month."""
    return datetime(moment.year, moment.month, 1)


def add_months(month: datetime, number: int) -> datetime:
    """Return the same day ``number`` months later."""
    years, months = divmod(month.month - 1 + number, 12)
    return month.replace(year=month.year + years, month=months + 1)


def _steps(point: datetime, step: timedelta, start: datetime, stop: datetime) -> list[datetime]:
    if point < start:
        point += step
    points = []
    while point < stop:
        points.append(point)
        point += step
    return points
