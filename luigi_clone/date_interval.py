"""Half-open intervals of days: a day, an ISO week, a month, a year, or any two ends."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from typing import Any

_ONE_DAY = datetime.timedelta(days=1)


class DateInterval:
    """The days from ``date_a`` up to, but without, ``date_b``.

    Intervals of one kind are ordered by their ends; ordering different kinds is a ``TypeError``.
    """

    date_a: datetime.date
    date_b: datetime.date

    def __init__(self, date_a: datetime.date, date_b: datetime.date) -> None:
        self.date_a = date_a
        self.date_b = date_b

    def dates(self) -> list[datetime.date]:
        """Return the days."""
        day, days = self.date_a, []
        while day < self.date_b:
            days.append(day)
            day += _ONE_DAY
        return days

    def hours(self) -> Iterator[datetime.datetime]:
        """Yield the 24 hours of each day."""
        for day in self.dates():
            for hour in range(24):
                yield datetime.datetime.combine(day, datetime.time(hour))

    def __str__(self) -> str:
        return self.to_string()

    def __repr__(self) -> str:
        return self.to_string()

    def prev(self) -> DateInterval:
        """Return the interval of this kind before this one."""
        return self.from_date(self.date_a - _ONE_DAY)

    def next(self) -> DateInterval:
        """Return the interval of this kind after this one."""
        return self.from_date(self.date_b)

    def to_string(self) -> str:
        """Return the interval as text, which the class's :meth:`parse` reads."""
        raise NotImplementedError

    @classmethod
    def from_date(cls, d: datetime.date) -> DateInterval:
        """Return the interval of this kind that contains a day."""
        raise NotImplementedError

    @classmethod
    def parse(cls, s: str) -> DateInterval | None:
        """Return the interval of this kind that a text stands for; ``None`` when it has another form.

        :raises ValueError: when it has the form, but there is no such day, week or month
        """
        raise NotImplementedError

    def __contains__(self, d: object) -> bool:
        if isinstance(d, datetime.date):
            return not isinstance(d, datetime.datetime) and self.date_a <= d < self.date_b
        return d in self.dates()

    def __iter__(self) -> Iterator[datetime.date]:
        yield from self.dates()

    def __hash__(self) -> int:
        return hash(repr(self))

    def _ends(self) -> tuple[datetime.date, datetime.date]:
        return self.date_a, self.date_b

    def _ends_of(self, other: Any) -> tuple[datetime.date, datetime.date]:
        """Return the ends of an interval that this one can be compared with."""
        if not isinstance(self, type(other)):
            raise TypeError("Date interval type mismatch")
        ends: tuple[datetime.date, datetime.date] = other._ends()
        return ends

    def __cmp__(self, other: Any) -> int:
        mine, theirs = self._ends(), self._ends_of(other)
        return (mine > theirs) - (mine < theirs)

    def __lt__(self, other: Any) -> bool:
        return self._ends() < self._ends_of(other)

    def __le__(self, other: Any) -> bool:
        return self._ends() <= self._ends_of(other)

    def __gt__(self, other: Any) -> bool:
        return self._ends() > self._ends_of(other)

    def __ge__(self, other: Any) -> bool:
        return self._ends() >= self._ends_of(other)

    def __eq__(self, other: object) -> bool:
        # A plain DateInterval may stand for one of any kind; a week and a month are never the same.
        if not isinstance(other, DateInterval) or not (
            isinstance(self, type(other)) or isinstance(other, type(self))
        ):
            return False
        return self._ends() == other._ends()

    def __ne__(self, other: object) -> bool:
        return not self == other


class Date(DateInterval):
    """One day, such as ``2015-11-04``."""

    def __init__(self, y: int, m: int, d: int) -> None:
        day = datetime.date(y, m, d)
        super().__init__(day, day + _ONE_DAY)

    def to_string(self) -> str:
        """Return the day as ``2015-11-04``."""
        return self.date_a.strftime("%Y-%m-%d")

    @classmethod
    def from_date(cls, d: datetime.date) -> Date:
        """Return the interval that is this day."""
        return cls(d.year, d.month, d.day)

    @classmethod
    def parse(cls, s: str) -> Date | None:
        """Read ``2015-11-04``."""
        numbers = _numbers(r"(\d\d\d\d)-(\d\d)-(\d\d)$", s)
        return None if numbers is None else cls(*numbers)


class Week(DateInterval):
    """One week of ISO 8601, from Monday to Sunday, such as ``2015-W35``.

    Its year is that of its Thursday.
    """

    def __init__(self, y: int, w: int) -> None:
        datetime.date(y, 1, 1)  # says what is wrong with the year
        try:
            monday = datetime.date.fromisocalendar(y, w, 1)
        except (ValueError, TypeError):
            raise ValueError("Invalid week") from None
        super().__init__(monday, monday + datetime.timedelta(days=7))

    def to_string(self) -> str:
        """Return the week as ``2015-W35``."""
        year, week, _ = self.date_a.isocalendar()
        return f"{year}-W{week:02d}"

    @classmethod
    def from_date(cls, d: datetime.date) -> Week:
        """Return the week that a day is in."""
        year, week, _ = d.isocalendar()
        return cls(year, week)

    @classmethod
    def parse(cls, s: str) -> Week | None:
        """Read ``2015-W35``."""
        numbers = _numbers(r"(\d\d\d\d)-W(\d\d)$", s)
        return None if numbers is None else cls(*numbers)


class Month(DateInterval):
    """One month, such as ``2015-05``."""

    def __init__(self, y: int, m: int) -> None:
        first = datetime.date(y, m, 1)
        super().__init__(first, datetime.date(y + m // 12, m % 12 + 1, 1))

    def to_string(self) -> str:
        """Return the month as ``2015-05``."""
        return self.date_a.strftime("%Y-%m")

    @classmethod
    def from_date(cls, d: datetime.date) -> Month:
        """Return the month that a day is in."""
        return cls(d.year, d.month)

    @classmethod
    def parse(cls, s: str) -> Month | None:
        """Read ``2015-05``."""
        numbers = _numbers(r"(\d\d\d\d)-(\d\d)$", s)
        return None if numbers is None else cls(*numbers)


class Year(DateInterval):
    """One year, such as ``2015``."""

    def __init__(self, y: int) -> None:
        super().__init__(datetime.date(y, 1, 1), datetime.date(y + 1, 1, 1))

    def to_string(self) -> str:
        """Return the year as ``2015``."""
        return self.date_a.strftime("%Y")

    @classmethod
    def from_date(cls, d: datetime.date) -> Year:
        """Return the year that a day is in."""
        return cls(d.year)

    @classmethod
    def parse(cls, s: str) -> Year | None:
        """Read ``2015``."""
        numbers = _numbers(r"(\d\d\d\d)$", s)
        return None if numbers is None else cls(*numbers)


class Custom(DateInterval):
    """Any two ends, such as ``2015-11-04-2015-12-04``; it has no next and no previous one."""

    def to_string(self) -> str:
        """Return both ends."""
        return f"{self.date_a:%Y-%m-%d}-{self.date_b:%Y-%m-%d}"

    @classmethod
    def parse(cls, s: str) -> Custom | None:
        """Read ``2015-11-04-2015-12-04``."""
        numbers = _numbers(r"(\d\d\d\d)-(\d\d)-(\d\d)-(\d\d\d\d)-(\d\d)-(\d\d)$", s)
        if numbers is None:
            return None
        return cls(datetime.date(*numbers[:3]), datetime.date(*numbers[3:]))


def _numbers(pattern: str, text: str) -> tuple[int, ...] | None:
    """Return the numbers of a text that has the given form, else ``None``."""
    import re

    found = re.match(pattern, text)
    return None if found is None else tuple(int(group) for group in found.groups())
