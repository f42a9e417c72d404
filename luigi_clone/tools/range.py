"""Tasks that stand for another task at every day, hour, minute or month of a range of time.

A range task requires the instances of the other task that are not complete, a limited number of them at a
time, so that running it again and again fills the gaps::

    luigi --module reports RangeDaily --of DailyReport --start 2024-01-01

The ranged task takes the point in time as its first positional parameter, or as the one that ``param_name``
names.  ``RangeDaily``, ``RangeHourly`` and ``RangeByMinutes`` find out what is complete for all instances
together: they ask the task's ``bulk_complete``, and where there is none they list the directories of its
outputs.  ``RangeMonthly`` and the classes whose names end in ``Base`` ask each instance.

All times are UTC.
"""

from __future__ import annotations

import functools
import logging
import time
import warnings
from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

from luigi_clone._range import points
from luigi_clone._range.globs import constrain as _constrain_glob
from luigi_clone._range.globs import most_common
from luigi_clone._range.globs import per_location_glob as _get_per_location_glob
from luigi_clone._range.inference import filesystems_and_globs as _get_filesystems_and_globs
from luigi_clone._range.inference import infer_bulk_complete_from_fs
from luigi_clone._range.listing import list_existing as _list_existing
from luigi_clone._range.parameters import EpochSecondsParameter, ParameterNameParameter, RangedTaskParameter
from luigi_clone.event import Event
from luigi_clone.parameter import (
    BoolParameter,
    DateHourParameter,
    DateMinuteParameter,
    DateParameter,
    DictParameter,
    IntParameter,
    MonthParameter,
    Parameter,
    ParameterException,
)
from luigi_clone.task import WrapperTask
from luigi_clone.task_register import Register

if TYPE_CHECKING:
    from luigi_clone.task import Task

__all__ = [
    "RangeBase",
    "RangeByMinutes",
    "RangeByMinutesBase",
    "RangeDaily",
    "RangeDailyBase",
    "RangeEvent",
    "RangeHourly",
    "RangeHourlyBase",
    "RangeMonthly",
    "_constrain_glob",
    "_get_filesystems_and_globs",
    "_get_per_location_glob",
    "_list_existing",
    "infer_bulk_complete_from_fs",
    "most_common",
]

logger = logging.getLogger("luigi-interface")

_BACK = (
    "how many {unit} before now are looked at. Bounds the work when there is no start; where old outputs are "
    "removed it must not reach back beyond them, or they are made again"
)
_FORWARD = "how many {unit} after now are looked at. Bounds the work when there is no stop"
_START = "the first {unit}. Without it the range begins as far back as is looked at (needs reverse)"
_STOP = "the {unit} after the last. Without it the range goes on as far ahead as is looked at"


class RangeEvent(Event):
    """Names of the events that a range task fires when it has found out what is missing.

    Callbacks get the family of the ranged task and a number.  They are fired in the order delay, count,
    fraction.  Points between ``start`` and ``stop`` that are too far from now to be looked at count as
    complete.
    """

    COMPLETE_COUNT = "event.tools.range.complete.count"
    """How many instances are complete: ``(family, count)``."""
    COMPLETE_FRACTION = "event.tools.range.complete.fraction"
    """Their part of all instances, 1 for an empty range: ``(family, fraction)``."""
    DELAY = "event.tools.range.delay"
    """How many instances there are from the first missing one to the end: ``(family, count)``."""


class RangeBase(WrapperTask):
    """What the range tasks have in common.

    Subclasses define the unit of time: :meth:`datetime_to_parameter` and its three companions,
    :meth:`moving_start`, :meth:`moving_stop` and :meth:`finite_datetimes`.  Points in time are naive
    ``datetime`` objects, in UTC.
    """

    of = RangedTaskParameter(
        description="family of the task to be completed. It takes the point in time as a parameter"
    )
    of_params = DictParameter(default={}, description="further arguments of the task, as JSON")
    # subclasses say of which unit they are
    start = Parameter[Any]()
    stop = Parameter[Any]()
    reverse = BoolParameter(
        default=False, description="require the newest missing instances first instead of the oldest"
    )
    task_limit = IntParameter(default=50, description="how many instances are required at most")
    now = EpochSecondsParameter(
        default=None,  # type: ignore[arg-type]
        description="what is taken for the present moment, in seconds since the epoch",
    )
    param_name = ParameterNameParameter(
        default=None,
        description="parameter of the task that takes the point in time; its first positional one by default",
        positional=False,
    )

    @property
    def of_cls(self) -> Any:
        """The class of the ranged task."""
        if isinstance(self.of, str):
            warnings.warn(
                'When using Range programatically, dont pass "of" param as string!', UserWarning, stacklevel=2
            )
            return Register.get_task_cls(self.of)
        return self.of

    def datetime_to_parameter(self, dt: datetime) -> Any:
        """Return the value of the ranged task's parameter for a point in time."""
        raise self._undefined("datetime_to_parameter")

    def parameter_to_datetime(self, p: Any) -> datetime:
        """Return the point in time for a value of the ranged task's parameter."""
        raise self._undefined("parameter_to_datetime")

    def datetime_to_parameters(self, dt: datetime) -> dict[str, Any]:
        """Return all arguments of the ranged task for a point in time."""
        raise self._undefined("datetime_to_parameters")

    def parameters_to_datetime(self, p: dict[str, Any]) -> datetime:
        """Return the point in time for arguments of the ranged task."""
        raise self._undefined("parameters_to_datetime")

    def moving_start(self, now: datetime) -> datetime:
        """Return the earliest point in time to look at."""
        raise self._undefined("moving_start")

    def moving_stop(self, now: datetime) -> datetime:
        """Return the point in time from which on nothing is looked at."""
        raise self._undefined("moving_stop")

    def finite_datetimes(self, finite_start: datetime, finite_stop: datetime) -> list[datetime]:
        """Return the points in time from ``finite_start`` to before ``finite_stop``, in order."""
        raise self._undefined("finite_datetimes")

    def _undefined(self, method: str) -> NotImplementedError:
        return NotImplementedError(f"{type(self).__name__} does not define {method}()")

    # -- what is required ----------------------------------------------------------------------------

    def requires(self) -> list[Task]:
        """Return the missing instances, ``task_limit`` at most; they are found out once per object.

        :raises ParameterException: for bounds that make no range
        """
        known: list[Task] | None = self.__dict__.get("_cached_requires")
        if known is not None:
            return known
        finite_start, finite_stop = self._finite_bounds()
        datetimes = self.finite_datetimes(finite_start, finite_stop) if finite_start <= finite_stop else []
        missing = self._find_missing(datetimes)
        self._emit_metrics(missing, finite_start, finite_stop)
        limit = self.task_limit
        # a slice from -0 would be all of them
        chosen = missing[:limit] if not self.reverse or limit == 0 else missing[-limit:]
        if chosen:
            logger.debug(
                "Requiring %d missing %s instances in range %s",
                len(chosen),
                self.of_cls.task_family,
                self._format_range(chosen),
            )
        if self.reverse:
            chosen.reverse()
        self._cached_requires = [
            self._instantiate_task_cls(self.datetime_to_parameter(point)) for point in chosen
        ]
        return self._cached_requires

    def _finite_bounds(self) -> tuple[datetime, datetime]:
        if self.start is None and self.stop is None:
            raise ParameterException("At least one of start and stop needs to be specified")
        if self.start is None and not self.reverse:
            raise ParameterException("Either start needs to be specified or reverse needs to be True")
        if self.start is not None and self.stop is not None and self.start > self.stop:
            raise ParameterException("Can't have start > stop")
        seconds = time.time() if self.now is None else self.now
        now = datetime.fromtimestamp(seconds, timezone.utc).replace(tzinfo=None)
        finite_start = self.moving_start(now)
        if self.start is not None:
            finite_start = max(self.parameter_to_datetime(self.start), finite_start)
        finite_stop = self.moving_stop(now)
        if self.stop is not None:
            finite_stop = min(self.parameter_to_datetime(self.stop), finite_stop)
        return finite_start, finite_stop

    def _find_missing(self, datetimes: list[datetime]) -> list[datetime]:
        if not datetimes:
            logger.debug("Empty range. No %s instances expected", self.of_cls.task_family)
            return []
        logger.debug(
            "Actually checking if range %s of %s is complete",
            self._format_range(datetimes),
            self.of_cls.task_family,
        )
        missing = sorted(self._missing_datetimes(datetimes))
        logger.debug(
            "Range %s lacked %d of expected %d %s instances",
            self._format_range(datetimes),
            len(missing),
            len(datetimes),
            self.of_cls.task_family,
        )
        return missing

    def missing_datetimes(self, finite_datetimes: list[datetime]) -> Iterable[datetime]:
        """Return those of the points in time whose instances are not complete, asking each of them."""
        return [
            point
            for point in finite_datetimes
            if not self._instantiate_task_cls(self.datetime_to_parameter(point)).complete()
        ]

    def _missing_datetimes(self, finite_datetimes: list[datetime]) -> Iterable[datetime]:
        """Do the same for subclasses whose ``missing_datetimes`` still takes the task class as well."""
        try:
            return self.missing_datetimes(finite_datetimes)
        except TypeError:
            outdated: Callable[..., Iterable[datetime]] = self.missing_datetimes
            if not _takes_more_than_one(outdated):
                raise
        warnings.warn(
            "In your Range* subclass, missing_datetimes() should only take 1 argument (see latest docs)",
            UserWarning,
            stacklevel=2,
        )
        return outdated(self.of_cls, finite_datetimes)

    def _emit_metrics(
        self, missing_datetimes: Sequence[datetime], finite_start: datetime, finite_stop: datetime
    ) -> None:
        """Fire the events of :class:`RangeEvent`."""
        start, stop = finite_start, finite_stop
        if self.start is not None:
            start = min(start, self.parameter_to_datetime(self.start))
        if self.stop is not None:
            stop = max(stop, self.parameter_to_datetime(self.stop))
        expected = self.finite_datetimes(start, stop)
        delay = sum(point >= missing_datetimes[0] for point in expected) if missing_datetimes else 0
        count = len(expected) - len(missing_datetimes)
        self.trigger_event(RangeEvent.DELAY, self.of_cls.task_family, delay)
        self.trigger_event(RangeEvent.COMPLETE_COUNT, self.of_cls.task_family, count)
        self.trigger_event(
            RangeEvent.COMPLETE_FRACTION, self.of_cls.task_family, count / len(expected) if expected else 1
        )

    def _format_datetime(self, dt: datetime) -> Any:
        return self.datetime_to_parameter(dt)

    def _format_range(self, datetimes: Sequence[datetime]) -> str:
        return f"[{self._format_datetime(datetimes[0])}, {self._format_datetime(datetimes[-1])}]"

    def _instantiate_task_cls(self, param: Any) -> Any:
        return self.of_cls(**self._task_parameters(param))

    @property
    def _param_name(self) -> str:
        if self.param_name is not None:
            return str(self.param_name)
        for name, parameter in self.of_cls.get_params():
            if parameter.positional:
                return str(name)
        raise ParameterException(
            f"{self.of_cls.task_family} has no positional parameter to range over; name one with param_name"
        )

    def _task_parameters(self, param: Any) -> dict[str, Any]:
        return {**self.of_params, self._param_name: param}

    # -- finding out about all instances together ------------------------------------------------------

    def _missing_in_bulk(
        self,
        datetimes: list[datetime],
        pattern: str,
        collect: Callable[[Iterable[Any]], Iterable[Any]] = iter,
    ) -> list[datetime]:
        """Return the points that ``bulk_complete`` does not return, or, without one, whose files are missing.

        ``pattern`` is the ``strftime`` format of a regular expression that finds the date in a path.
        """
        values = collect(map(self.datetime_to_parameter, datetimes))
        try:
            complete = set(map(self.parameter_to_datetime, self._ask_in_bulk(values)))
        except NotImplementedError:
            return infer_bulk_complete_from_fs(
                datetimes,
                lambda point: self._instantiate_task_cls(self.datetime_to_parameter(point)),
                lambda point: point.strftime(pattern),
            )
        return [point for point in datetimes if point not in complete]

    def _ask_in_bulk(self, values: Iterable[Any]) -> Iterable[Any]:
        bulk_complete: Callable[..., Iterable[Any]] = self.of_cls.bulk_complete
        function = getattr(bulk_complete, "__func__", None)
        if function is None:
            return bulk_complete(values)
        # so that the instances it makes get the further arguments as well
        found: Iterable[Any] = function(functools.partial(self.of_cls, **self.of_params), values)
        return found


def _takes_more_than_one(function: Callable[..., Any]) -> bool:
    """Tell whether one positional argument is not enough to call a function."""
    import inspect

    try:
        inspect.signature(function).bind(None)
    except TypeError:
        return True
    return False


class RangeDailyBase(RangeBase):
    """Requires a task for every day of a range, the current day included."""

    start = DateParameter(default=None, description=_START.format(unit="day"))  # type: ignore[arg-type]
    stop = DateParameter(default=None, description=_STOP.format(unit="day"))  # type: ignore[arg-type]
    days_back = IntParameter(default=100, description=_BACK.format(unit="days"))
    days_forward = IntParameter(default=0, description=_FORWARD.format(unit="days"))

    def datetime_to_parameter(self, dt: datetime) -> date:
        """Return the day."""
        return dt.date()

    def parameter_to_datetime(self, p: date) -> datetime:
        """Return the day's midnight."""
        return datetime(p.year, p.month, p.day)

    def datetime_to_parameters(self, dt: datetime) -> dict[str, Any]:
        """Return all arguments of the ranged task for a day."""
        return self._task_parameters(dt.date())

    def parameters_to_datetime(self, p: dict[str, Any]) -> datetime:
        """Return the midnight of the day that is among the arguments."""
        day = p[self._param_name]
        return datetime(day.year, day.month, day.day)

    def moving_start(self, now: datetime) -> datetime:
        """Return the moment ``days_back`` days ago."""
        return now - timedelta(days=self.days_back)

    def moving_stop(self, now: datetime) -> datetime:
        """Return the moment ``days_forward`` days ahead."""
        return now + timedelta(days=self.days_forward)

    def finite_datetimes(self, finite_start: datetime, finite_stop: datetime) -> list[datetime]:
        """Return the midnights from ``finite_start`` to before ``finite_stop``."""
        return points.days(finite_start, finite_stop)


class RangeHourlyBase(RangeBase):
    """Requires a task for every hour of a range, the current hour included."""

    start = DateHourParameter(default=None, description=_START.format(unit="hour"))  # type: ignore[arg-type]
    stop = DateHourParameter(default=None, description=_STOP.format(unit="hour"))  # type: ignore[arg-type]
    hours_back = IntParameter(default=100 * 24, description=_BACK.format(unit="hours"))
    hours_forward = IntParameter(default=0, description=_FORWARD.format(unit="hours"))

    def datetime_to_parameter(self, dt: datetime) -> datetime:
        """Return the point in time itself."""
        return dt

    def parameter_to_datetime(self, p: datetime) -> datetime:
        """Return the value itself."""
        return p

    def datetime_to_parameters(self, dt: datetime) -> dict[str, Any]:
        """Return all arguments of the ranged task for an hour."""
        return self._task_parameters(dt)

    def parameters_to_datetime(self, p: dict[str, Any]) -> datetime:
        """Return the hour that is among the arguments."""
        hour: datetime = p[self._param_name]
        return hour

    def moving_start(self, now: datetime) -> datetime:
        """Return the moment ``hours_back`` hours ago."""
        return now - timedelta(hours=self.hours_back)

    def moving_stop(self, now: datetime) -> datetime:
        """Return the moment ``hours_forward`` hours ahead."""
        return now + timedelta(hours=self.hours_forward)

    def finite_datetimes(self, finite_start: datetime, finite_stop: datetime) -> list[datetime]:
        """Return the whole hours from ``finite_start`` to before ``finite_stop``."""
        return points.hours(finite_start, finite_stop)

    def _format_datetime(self, dt: datetime) -> str:
        return dt.strftime("%Y-%m-%dT%H")


class RangeByMinutesBase(RangeBase):
    """Requires a task every so many minutes of a range, the current interval included."""

    start = DateMinuteParameter(default=None, description=_START.format(unit="minute"))  # type: ignore[arg-type]
    stop = DateMinuteParameter(default=None, description=_STOP.format(unit="minute"))  # type: ignore[arg-type]
    minutes_back = IntParameter(default=60 * 24, description=_BACK.format(unit="minutes"))
    minutes_forward = IntParameter(default=0, description=_FORWARD.format(unit="minutes"))
    minutes_interval = IntParameter(
        default=1, description="minutes from one instance to the next; must divide 60"
    )

    def datetime_to_parameter(self, dt: datetime) -> datetime:
        """Return the point in time itself."""
        return dt

    def parameter_to_datetime(self, p: datetime) -> datetime:
        """Return the value itself."""
        return p

    def datetime_to_parameters(self, dt: datetime) -> dict[str, Any]:
        """Return all arguments of the ranged task for a minute."""
        return self._task_parameters(dt)

    def parameters_to_datetime(self, p: dict[str, Any]) -> datetime:
        """Return the minute that is among the arguments."""
        minute: datetime = p[self._param_name]
        return datetime(minute.year, minute.month, minute.day, minute.hour, minute.minute)

    def moving_start(self, now: datetime) -> datetime:
        """Return the moment ``minutes_back`` minutes ago."""
        return now - timedelta(minutes=self.minutes_back)

    def moving_stop(self, now: datetime) -> datetime:
        """Return the moment ``minutes_forward`` minutes ahead."""
        return now + timedelta(minutes=self.minutes_forward)

    def finite_datetimes(self, finite_start: datetime, finite_stop: datetime) -> list[datetime]:
        """Return the multiples of the interval within each hour, from one bound to before the other.

        :raises ParameterException: unless the interval divides 60
        """
        if not 0 < self.minutes_interval < 60:
            raise ParameterException("minutes-interval must be within 0..60")
        if 60 % self.minutes_interval:
            raise ParameterException("minutes-interval does not evenly divide 60")
        return points.minutes(finite_start, finite_stop, self.minutes_interval)

    def _format_datetime(self, dt: datetime) -> str:
        return dt.strftime("%Y-%m-%dT%H%M")


class RangeMonthly(RangeBase):
    """Requires a task for every month of a range, up to the last month that is over."""

    start = MonthParameter(default=None, description=_START.format(unit="month"))  # type: ignore[arg-type]
    stop = MonthParameter(default=None, description=_STOP.format(unit="month"))  # type: ignore[arg-type]
    months_back = IntParameter(default=13, description=_BACK.format(unit="months"))
    months_forward = IntParameter(default=0, description=_FORWARD.format(unit="months"))

    def datetime_to_parameter(self, dt: datetime) -> date:
        """Return the first day of the month."""
        return date(dt.year, dt.month, 1)

    def parameter_to_datetime(self, p: date) -> datetime:
        """Return the beginning of the month."""
        return self._align(p)

    def datetime_to_parameters(self, dt: datetime) -> dict[str, Any]:
        """Return all arguments of the ranged task for a month."""
        return self._task_parameters(dt.date())

    def parameters_to_datetime(self, p: dict[str, Any]) -> datetime:
        """Return the beginning of the month that is among the arguments."""
        return self._align(p[self._param_name])

    def moving_start(self, now: datetime) -> datetime:
        """Return the beginning of the month ``months_back`` months ago."""
        return points.add_months(self._align(now), -self.months_back)

    def moving_stop(self, now: datetime) -> datetime:
        """Return the beginning of the month ``months_forward`` months ahead."""
        return points.add_months(self._align(now), self.months_forward)

    def finite_datetimes(self, finite_start: datetime, finite_stop: datetime) -> list[datetime]:
        """Return the beginnings of months from ``finite_start`` to before the month of ``finite_stop``."""
        return points.months(finite_start, finite_stop)

    def _align(self, dt: date) -> datetime:
        return points.month_of(dt)

    def _format_datetime(self, dt: datetime) -> str:
        return dt.strftime("%Y-%m")


class RangeDaily(RangeDailyBase):
    """Requires a task for every day of a range, the current day included; looks at all days together.

    Outputs must be file system targets whose paths show year, month and day, in this order, unless the task
    has a ``bulk_complete``.
    """

    def missing_datetimes(self, finite_datetimes: list[datetime]) -> list[datetime]:
        """Return those of the days that are not complete."""
        return self._missing_in_bulk(finite_datetimes, "(%Y).*(%m).*(%d)")


class RangeHourly(RangeHourlyBase):
    """Requires a task for every hour of a range, the current hour included; looks at all hours together.

    Outputs must be file system targets whose paths show year, month, day and hour, in this order, unless the
    task has a ``bulk_complete``.
    """

    def missing_datetimes(self, finite_datetimes: list[datetime]) -> list[datetime]:
        """Return those of the hours that are not complete."""
        # Luigi hands over a list here, and an iterator for the other units
        return self._missing_in_bulk(finite_datetimes, "(%Y).*(%m).*(%d).*(%H)", list)


class RangeByMinutes(RangeByMinutesBase):
    """Requires a task every so many minutes of a range, the current interval included; looks at all together.

    Outputs must be file system targets whose paths show year, month, day, hour and minute, in this order,
    unless the task has a ``bulk_complete``.
    """

    def missing_datetimes(self, finite_datetimes: list[datetime]) -> list[datetime]:
        """Return those of the points in time that are not complete."""
        return self._missing_in_bulk(finite_datetimes, "(%Y).*(%m).*(%d).*(%H).*(%M)")
