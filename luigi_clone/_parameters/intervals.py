"""Durations, and whole days, weeks, months or years as one value."""

from __future__ import annotations

import datetime
from typing import Any

from luigi_clone import date_interval
from luigi_clone._parameters.base import Parameter
from luigi_clone._parameters.errors import ParameterException

_ISO = (
    r"P(?:(?P<weeks>\d+)W|(?:(?P<days>\d+)D)?"
    r"(?:T(?:(?P<hours>\d+)H)?(?:(?P<minutes>\d+)M)?(?:(?P<seconds>\d+)S)?)?)"
)
_WITH_UNITS = "".join(
    rf"(?:(?P<{unit}s>\d+) ?{unit[0]}(?:{unit[1:]})?s? ?)?"
    for unit in ("week", "day", "hour", "minute", "second")
)
_NEGATIVE = r"(?P<weeks>-\d+) w (?P<days>\d) d (?P<hours>\d+) h (?P<minutes>\d+) m (?P<seconds>\d+) s\Z"


class DateIntervalParameter(Parameter[date_interval.DateInterval]):
    """A :mod:`date interval <luigi_clone.date_interval>`.

    Written ``2015-11-04``, ``2015-W35``, ``2015-05``, ``2015``, or as two days of which the second is not
    part of it any more: ``2015-11-04-2015-12-04``.
    """

    def parse(self, s: Any) -> date_interval.DateInterval:
        """Return the interval; a date or whole number (as in a TOML file) is taken for a day or year.

        :raises ValueError: when it is none of these forms, or there is no such day, week or month
        """
        if isinstance(s, datetime.date) or s.__class__ is int:
            s = s.strftime("%Y-%m-%d") if isinstance(s, datetime.date) else f"{s:04d}"
        for kind in (
            date_interval.Year,
            date_interval.Month,
            date_interval.Week,
            date_interval.Date,
            date_interval.Custom,
        ):
            interval = kind.parse(s)
            if interval is not None:
                return interval
        raise ValueError("Invalid date interval - could not be parsed")


class TimeDeltaParameter(Parameter[datetime.timedelta]):
    """A duration.

    Written as a number of seconds (``90``, ``1.5``), in ISO 8601 (``P1DT2H3M4S``, ``P2W``; no years and
    months), or with units (``2 weeks 3 days``, ``1h30m``).  Fractions of seconds are lost in its text.
    """

    def parse(self, input: Any) -> datetime.timedelta:  # noqa: A002 - Luigi's name
        """Return the duration.

        :raises ParameterException: when the text is none of these forms
        """
        try:
            return datetime.timedelta(seconds=float(input))
        except ValueError:
            pass
        duration = _match(_ISO, input)
        if duration:
            return duration
        duration = _match(_WITH_UNITS, input)
        if duration is None:
            duration = _match(_NEGATIVE, input)
        if duration is None:
            raise ParameterException(f"Invalid time delta - could not parse {input}")
        return duration

    def serialize(self, x: Any) -> str:
        """Return weeks, days, hours, minutes and whole seconds with their units."""
        weeks, days = divmod(x.days, 7)
        minutes, seconds = divmod(x.seconds, 60)
        hours, minutes = divmod(minutes, 60)
        return f"{weeks} w {days} d {hours} h {minutes} m {seconds} s"

    def _warn_on_wrong_param_type(self, param_name: str, param_value: Any) -> None:
        if self.__class__ is TimeDeltaParameter and not isinstance(param_value, datetime.timedelta):
            self._warn_about_type(param_name, param_value, "timedelta")


def _match(pattern: str, text: Any) -> datetime.timedelta | None:
    """Return the duration at the beginning of ``text``, or ``None`` when not one number is there."""
    import re

    found = re.match(pattern, text)
    if found is None:
        return None
    numbers = {unit: int(number) for unit, number in found.groupdict().items() if number is not None}
    return datetime.timedelta(**numbers) if numbers else None
