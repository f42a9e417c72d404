"""Days, months, years, and points in time to the hour, minute or second.

Values are naive.  Each class has a ``date_format`` (of ``strptime``), an ``interval`` and a ``start``: a
value is moved back to the nearest ``start + k * interval`` units.
"""

from __future__ import annotations

import datetime
import warnings
from typing import TYPE_CHECKING, Any

from luigi_clone._parameters.base import Parameter, _no_value, _NoValueType

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from luigi_clone._parameters.base import ParameterKwargs
    from luigi_clone.date_interval import Month, Year

_UNIX_EPOCH = datetime.datetime(1970, 1, 1)
_DATE = datetime.date
_EPOCH_DAY = datetime.date(1970, 1, 1)

_DAY = "%Y-%m-%d"
_MONTH = "%Y-%m"
_YEAR = "%Y"
_HOUR = "%Y-%m-%dT%H"
_MINUTE = "%Y-%m-%dT%H%M"
_SECOND = "%Y-%m-%dT%H%M%S"

_HOURS = datetime.timedelta(hours=1)
_MINUTES = datetime.timedelta(minutes=1)
_SECONDS = datetime.timedelta(seconds=1)

_LENGTHS = {_HOUR: 13, _MINUTE: 15, _SECOND: 17}


def _read_day(text: str) -> datetime.date | None:
    """Read ``2020-01-02`` without the cost of ``strptime``; ``None`` for every other spelling."""
    if len(text) == 10 and text[4] == "-" == text[7]:
        try:
            return datetime.date.fromisoformat(text)
        except ValueError:
            pass
    return None


def _read_time(text: str, length: int) -> datetime.datetime | None:
    """Read ``2020-01-02T030405`` or its beginning; ``None`` for every other spelling."""
    if len(text) != length or text[10] != "T":
        return None
    day, digits = _read_day(text[:10]), text[11:]
    if day is None or not (digits.isdecimal() and digits.isascii()):
        return None
    try:
        return datetime.datetime(
            day.year, day.month, day.day, int(digits[:2]), int(digits[2:4] or 0), int(digits[4:] or 0)
        )
    except ValueError:
        return None


def _write_day(value: datetime.date, date_format: str) -> str | None:
    """Write a month or a year; ``None`` for every other format."""
    if date_format == _MONTH:
        return value.isoformat()[:7]
    if date_format == _YEAR:
        return str(value.year)
    return None


def _write_time(value: datetime.datetime, date_format: str) -> str | None:
    length = _LENGTHS.get(date_format)
    if length is None:
        return None
    text = value.isoformat()
    if length == 13:
        return text[:13]
    return text[:13] + text[14:16] + (text[17:19] if length == 17 else "")


class _DateParameterBase(Parameter[datetime.date]):
    """What the classes whose values are days have in common.

    Subclasses define ``date_format``.

    :param interval: only every so many days (months, years) are values
    :param start: the day from which intervals count; 1970-01-01 when not given
    """

    date_format: str = None  # type: ignore[assignment]  # abstract: strptime says that it must be a str
    interval: int
    start: datetime.date

    def __init__(
        self,
        default: datetime.date | _NoValueType = _no_value,
        interval: int = 1,
        start: datetime.date | None = None,
        **kwargs: Unpack[ParameterKwargs],
    ) -> None:
        super().__init__(default=default, **kwargs)
        object.__setattr__(self, "interval", interval)
        object.__setattr__(self, "start", _EPOCH_DAY if start is None else start)

    def parse(self, s: Any) -> datetime.date | None:
        """Return the day that the text stands for; errors are those of ``strptime``.

        A date (as in a TOML file) is taken as it is.  ``None``, which :meth:`serialize` writes for no day,
        is read again where no day is the default.
        """
        if isinstance(s, str):
            day = _read_day(s) if self.date_format == _DAY else None
            if day is not None:
                return day
            if s == "None" and self._default is None:
                return None
        elif isinstance(s, datetime.date):
            return s.date() if isinstance(s, datetime.datetime) else s
        return datetime.datetime.strptime(s, self.date_format).date()

    def serialize(self, dt: Any) -> str:
        """Return the day as text."""
        if dt is None:
            return "None"
        # strftime does not pad years before 1000, isoformat does.
        if dt.__class__ is _DATE and dt.year >= 1000:
            if self.date_format == _DAY:
                return dt.isoformat()
            text = _write_day(dt, self.date_format)
            if text is not None:
                return text
        return str(dt.strftime(self.date_format))


class DateParameter(_DateParameterBase):
    """A day, such as ``2013-07-10``.

    The usual parameter of a task that runs every day::

        class Report(luigi.Task):
            date = luigi.DateParameter()
    """

    date_format = _DAY

    def next_in_enumeration(self, value: datetime.date | None) -> datetime.date | None:
        """Return the next day, ``interval`` days later."""
        return None if value is None else value + datetime.timedelta(days=self.interval)

    def normalize(self, value: Any) -> Any:
        """Return the day of a date or datetime, moved back to the nearest that is a value."""
        if value is None:
            return None
        if value.__class__ is not _DATE and isinstance(value, datetime.datetime):
            value = value.date()
        if self.interval == 1 and self.start is _EPOCH_DAY and value.__class__ is _DATE:
            return value
        return value - datetime.timedelta(days=(value - self.start).days % self.interval)


class MonthParameter(DateParameter):
    """A month, such as ``2013-07``; its value is the first day of the month."""

    date_format = _MONTH

    if TYPE_CHECKING:

        def __set__(self, instance: Any, value: datetime.date | Month) -> None: ...

    def _add_months(self, date: datetime.date, months: int) -> datetime.date:
        year, month = divmod(date.year * 12 + date.month - 1 + months, 12)
        return datetime.date(year, month + 1, 1)

    def next_in_enumeration(self, value: datetime.date | None) -> datetime.date | None:
        """Return the first day of the month ``interval`` months later."""
        return None if value is None else self._add_months(value, self.interval)

    def normalize(self, value: Any) -> Any:
        """Return the first day of the month of a date, a datetime or a :class:`date_interval.Month`."""
        if value is None:
            return None
        if value.__class__ is not datetime.date and not isinstance(value, datetime.date):
            value = _first_day(value, "Month")
        if self.interval == 1 and self.start is _EPOCH_DAY:
            if value.__class__ is datetime.date and value.day == 1:
                return value
            return datetime.date(value.year, value.month, 1)
        start = self.start
        months = (value.year - start.year) * 12 + value.month - start.month
        return self._add_months(start, months - months % self.interval)


class YearParameter(DateParameter):
    """A year, such as ``2013``; its value is the first day of the year."""

    date_format = _YEAR

    if TYPE_CHECKING:

        def __set__(self, instance: Any, value: datetime.date | Year) -> None: ...

    def parse(self, s: Any) -> datetime.date | None:
        """Return the first day of the year; a whole number (as in a TOML file) is taken for the year."""
        return super().parse(str(s) if s.__class__ is int else s)

    def next_in_enumeration(self, value: datetime.date | None) -> datetime.date | None:
        """Return the same day ``interval`` years later (28 for 29 February where there is none)."""
        if value is None:
            return None
        year = value.year + self.interval
        try:
            return value.replace(year=year)
        except ValueError:
            if (value.month, value.day) != (2, 29):
                raise
            return value.replace(year=year, day=28)

    def normalize(self, value: Any) -> Any:
        """Return the first day of the year of a date, a datetime or a :class:`date_interval.Year`."""
        if value is None:
            return None
        if value.__class__ is not datetime.date and not isinstance(value, datetime.date):
            value = _first_day(value, "Year")
        year = value.year
        if self.interval != 1:
            year -= (year - self.start.year) % self.interval
        return datetime.date(year, 1, 1)


class _DatetimeParameterBase(Parameter[datetime.datetime]):
    """What the classes whose values are points in time have in common.

    Subclasses define ``date_format`` and the unit ``_timedelta``.

    :param interval: only every so many units are values
    :param start: the moment from which intervals count; 1970-01-01 00:00 when not given
    """

    date_format: str = None  # type: ignore[assignment]  # abstract: strptime says that it must be a str
    _timedelta: datetime.timedelta = None  # type: ignore[assignment]  # abstract
    interval: int
    start: datetime.datetime

    def __init__(
        self,
        default: datetime.date | _NoValueType = _no_value,
        interval: int = 1,
        start: datetime.datetime | None = None,
        **kwargs: Unpack[ParameterKwargs],
    ) -> None:
        super().__init__(default=default, **kwargs)  # type: ignore[arg-type]  # midnight of a date
        object.__setattr__(self, "interval", interval)
        object.__setattr__(self, "start", _UNIX_EPOCH if start is None else start)

    if TYPE_CHECKING:

        def __set__(self, instance: Any, value: datetime.date) -> None: ...

    def parse(self, s: Any) -> datetime.datetime | datetime.date | None:
        """Return the moment that the text stands for; errors are those of ``strptime``.

        A date or datetime (as in a TOML file) is taken as it is.  ``None``, which :meth:`serialize` writes
        for no moment, is read again where that is the default.
        """
        if isinstance(s, str):
            length = _LENGTHS.get(self.date_format)
            moment = None if length is None else _read_time(s, length)
            if moment is not None:
                return moment
            if s == "None" and self._default is None:
                return None
        elif isinstance(s, datetime.date):
            return s
        return datetime.datetime.strptime(s, self.date_format)

    def serialize(self, dt: Any) -> str:
        """Return the moment as text."""
        if dt is None:
            return "None"
        if dt.__class__ is datetime.datetime and dt.year >= 1000:
            text = _write_time(dt, self.date_format)
            if text is not None:
                return text
        return str(dt.strftime(self.date_format))

    @staticmethod
    def _convert_to_dt(dt: Any) -> datetime.datetime:
        """Return a date's midnight, and a datetime as it is."""
        if not isinstance(dt, datetime.datetime):
            return datetime.datetime.combine(dt, datetime.time.min)
        return dt

    def normalize(self, dt: Any) -> Any:
        """Return the moment of a date or datetime, moved back to the nearest that is a value."""
        if dt is None:
            return None
        dt = self._convert_to_dt(dt)
        if self.interval == 1 and self.start is _UNIX_EPOCH and _is_whole(dt, self._timedelta):
            return dt
        return dt - (dt - self.start) % (self._timedelta * self.interval)

    def next_in_enumeration(self, value: datetime.datetime | None) -> datetime.datetime | None:
        """Return the moment ``interval`` units later."""
        return None if value is None else value + self._timedelta * self.interval


class DateHourParameter(_DatetimeParameterBase):
    """An hour, such as ``2013-07-10T19``."""

    date_format = _HOUR
    _timedelta = _HOURS


class DateMinuteParameter(_DatetimeParameterBase):
    """A minute, such as ``2013-07-10T1907``."""

    date_format = _MINUTE
    _timedelta = _MINUTES
    deprecated_date_format = "%Y-%m-%dT%HH%M"

    def parse(self, s: Any) -> datetime.datetime | datetime.date | None:
        """Return the minute; the old form ``2013-07-10T19H07`` is accepted with a ``DeprecationWarning``."""
        if isinstance(s, str) and "H" in s.upper():
            try:
                value = datetime.datetime.strptime(s, self.deprecated_date_format)
            except ValueError:
                pass
            else:
                warnings.warn(
                    'Using "H" between hours and minutes is deprecated, omit it instead.',
                    DeprecationWarning,
                    stacklevel=2,
                )
                return value
        return super().parse(s)


class DateSecondParameter(_DatetimeParameterBase):
    """A second, such as ``2013-07-10T190738``."""

    date_format = _SECOND
    _timedelta = _SECONDS


def _is_whole(value: datetime.datetime, unit: datetime.timedelta) -> bool:
    """Tell whether a naive moment is the beginning of an hour, minute or second; not of other units."""
    if value.microsecond or value.tzinfo is not None or value.__class__ is not datetime.datetime:
        return False
    if unit is _SECONDS:
        return True
    if value.second:
        return False
    return unit is _MINUTES or (unit is _HOURS and not value.minute)


def _first_day(value: Any, kind: str) -> Any:
    """Return the first day of a :class:`Month` or :class:`Year` interval, else ``value`` itself."""
    from luigi_clone import date_interval

    return value.date_a if isinstance(value, getattr(date_interval, kind)) else value
