"""Range tasks: what they require, infer, fire and log."""

from __future__ import annotations

from test.differential.engines import Case

# 2020-01-10 12:34:56 UTC
NOW = " --now 1578659696 --local-scheduler"
RUN = "--module pipeline {}" + NOW

BASE = """
import datetime
import luigi
import luigi.tools.range as ranges

class T(luigi.Task):
    pattern = "out/{}"
    def output(self):
        return luigi.LocalTarget(self.pattern.format(self.t))
    def run(self):
        with self.output().open("w") as out:
            out.write(str(self))

for name in ("DELAY", "COMPLETE_COUNT", "COMPLETE_FRACTION"):
    def fired(*args, name=name):
        print(name, *args)
    ranges.RangeBase.event_handler(getattr(ranges.RangeEvent, name))(fired)

class Day(T):
    t = luigi.DateParameter()
    x = luigi.IntParameter(default=1)
class Hour(T):
    t = luigi.DateHourParameter()
    pattern = "out/{:%Y-%m-%dT%H}"
class Minute(T):
    t = luigi.DateMinuteParameter()
    pattern = "out/{:%Y-%m-%d/%H%M}"
class Month(T):
    t = luigi.MonthParameter()
    pattern = "out/{:%Y-%m}"
"""

# the time that a listing takes, and the warning that no parameter name is no text
IGNORE = (r"listings took [\d.]+ s to return", r'UserWarning: Parameter "param_name" with value "None"')

CASES = [
    Case(
        "range of days, a few at a time",
        BASE,
        (RUN.format("RangeDaily --of Day --start 2020-01-01 --stop 2020-01-08 --task-limit 3"),) * 4,
        ignore=IGNORE,
        siblings=True,
    ),
    Case(
        "range of hours, the newest first",
        BASE,
        (
            RUN.format("RangeHourly --of Hour --stop 2020-01-10T09 --reverse --task-limit 2 --hours-back 12"),
            RUN.format("RangeHourly --of Hour --start 2020-01-10T06 --reverse --task-limit 4"),
        ),
        ignore=IGNORE,
        siblings=True,
    ),
    Case(
        "range of minutes",
        BASE,
        (
            RUN.format("RangeByMinutes --of Minute --start 2020-01-10T1155 --minutes-interval 15"),
            RUN.format(
                "RangeByMinutes --of Minute --start 2020-01-10T1155 --minutes-interval 5 --task-limit 2"
            ),
            RUN.format("RangeByMinutes --of Minute --start 2020-01-10T1155 --minutes-interval 7"),
            RUN.format("RangeByMinutes --of Minute --start 2020-01-10T1155 --minutes-interval 60"),
        ),
        ignore=IGNORE,
        siblings=True,
    ),
    Case(
        "range of months",
        BASE,
        (
            RUN.format("RangeMonthly --of Month --start 2019-09"),
            RUN.format("RangeMonthly --of Month --stop 2020-04 --reverse --months-forward 2"),
        ),
        ignore=IGNORE,
        siblings=True,
    ),
    Case(
        "range: asking each day, and what is too far away",
        BASE
        + """
class Even(luigi.Task):
    t = luigi.DateParameter()
    made = set()
    def run(self): self.made.add(self.t)
    def complete(self): return self.t.day % 2 == 0 or self.t in self.made
""",
        (
            RUN.format("RangeDailyBase --of Even --start 2020-01-01 --stop 2020-01-07"),
            RUN.format("RangeDailyBase --of Even --start 2020-01-05 --stop 2020-01-30 --task-limit 1"),
            RUN.format("RangeDailyBase --of Even --start 2010-01-05 --stop 2010-02-05"),
            RUN.format("RangeDailyBase --of Even --start 2021-01-05"),
        ),
        ignore=IGNORE,
        siblings=True,
    ),
    Case(
        "range: bounds that make none",
        BASE,
        (
            RUN.format("RangeDaily --of Day"),
            RUN.format("RangeDaily --of Day --stop 2020-01-02"),
            RUN.format("RangeDaily --of Day --start 2020-01-02 --stop 2020-01-01"),
            RUN.format("RangeDaily --of Day --start 2020-01-02 --stop 2020-01-02"),
        ),
        ignore=IGNORE,
    ),
    Case(
        "range: bulk_complete and further arguments",
        BASE
        + """
class Bulk(Day):
    pattern = "bulk/{}"
    @classmethod
    def bulk_complete(cls, parameter_tuples):
        days = list(parameter_tuples)
        print("asked for", days, cls(days[0]))
        return [day for day in days if day.day == 2]
""",
        (
            RUN.format(
                """RangeDaily --of Bulk --start 2020-01-01 --stop 2020-01-05 --of-params '{"x": 7}'"""
            ),
            RUN.format("RangeDaily --of Bulk --start 2020-01-01 --stop 2020-01-05 --param-name t"),
        ),
        ignore=IGNORE,
        siblings=True,
    ),
    Case(
        "range: several outputs behind a wrapper",
        BASE
        + """
class Two(Day):
    def output(self):
        return {"a": luigi.LocalTarget(f"a/{self.t}"), "b": [luigi.LocalTarget(f"b/{self.t:%Y%m%d}.txt")]}
    def run(self):
        for target in (self.output()["a"], *self.output()["b"]):
            with target.open("w"):
                pass
class Around(luigi.WrapperTask):
    t = luigi.DateParameter()
    def requires(self): return [Two(self.t)]
""",
        (
            RUN.format("RangeDaily --of Around --start 2020-01-01 --task-limit 3"),
            "python spoil.py",
            RUN.format("RangeDaily --of Around --start 2020-01-01 --task-limit 3"),
        ),
        files={"spoil.py": "import os\nos.remove('b/20200102.txt')\n"},
        ignore=IGNORE,
        siblings=True,
    ),
    Case(
        "range: what cannot be inferred",
        BASE
        + """
class Undated(Day):
    pattern = "same"
class Changing(Day):
    def output(self): return [luigi.LocalTarget(str(self.t))] * self.t.day
""",
        (
            RUN.format("RangeDaily --of Undated --start 2020-01-01"),
            RUN.format("RangeDaily --of Changing --start 2020-01-01"),
            RUN.format("RangeHourly --of Day --start 2020-01-10T01"),
        ),
        ignore=IGNORE,
    ),
    Case(
        "range: names of the tasks",
        BASE,
        (
            "--module pipeline RangeDialy --of Day",
            "--module pipeline RangeDaily --of Dya --start 2020-01-01",
            "--module pipeline RangeDaily --start 2020-01-01 --local-scheduler",
            "--module pipeline RangeDaily --of Day --start today",
            "--module pipeline RangeDaily --of Day --start 2020-01-01 --Day-x 8 --RangeDaily-stop 2020-01-03"
            + NOW,
        ),
        ignore=IGNORE,
        siblings=True,
        compare_stderr=False,
    ),
    Case(
        "range: tasks that are not loaded by themselves",
        "import luigi\nclass Day(luigi.Task):\n    t = luigi.DateParameter()\n",
        (
            "python shown.py",
            "--module luigi.tools.range RangeDaily --local-scheduler --start 2020-01-01 --of TestNotificationsTask --task-limit 0 --param-name t",
        ),
        files={
            "shown.py": (
                "import luigi\nprint(hasattr(luigi, 'range'), 'range' in luigi.__all__)\n"
                "print('RangeDaily' in luigi.task_register.Register.task_names())\n"
            ),
            "luigi.cfg": "[core]\nautoload_range = false\n",
        },
        ignore=IGNORE,
    ),
    Case(
        "range: tasks as a library",
        BASE,
        ("python shown.py",),
        files={
            "shown.py": """
import datetime, re
import luigi
import luigi.tools.range as ranges
from pipeline import Day, Hour, Minute, Month

D2, D4 = "[0-9]" * 2, "[0-9]" * 4
days = [datetime.date(2019, 12, 20) + datetime.timedelta(day) for day in range(400)]
for number in (1, 2, 5, 6, 13, 31, 60, 150, 400):
    for limit in (1, 3, 5, 12, 40):
        print(ranges._constrain_glob(f"a/{D4}/{D2}/{D2}", [f"a/{d:%Y/%m/%d}/x" for d in days[:number]], limit))
print(ranges.most_common([3, 1, 2, 1, 2]))
for task_class, regex in ((Day, "(%Y).*(%m).*(%d)"), (Hour, "(%Y).*(%m).*(%d).*(%H)")):
    print([glob for _, glob in ranges._get_filesystems_and_globs(task_class, lambda d: d.strftime(regex))])
now = datetime.datetime(2020, 3, 31, 5, 7, 9, 11)
for cls, of in (
    (ranges.RangeDaily, Day), (ranges.RangeHourly, Hour), (ranges.RangeByMinutes, Minute),
    (ranges.RangeMonthly, Month),
):
    task = cls(of=of, start=now, of_params={}, now=1578659696)
    print(task, task.task_id, task.moving_start(now), task.moving_stop(now))
    print(task.datetime_to_parameter(now), task.datetime_to_parameters(now), task._format_range([now, now]))
    for later in (1, 59, 60, 3599, 3600, 86400, 40 * 86400):
        found = task.finite_datetimes(now, now + datetime.timedelta(seconds=later))
        print(len(found), found[:2], found[-1:])
print(luigi.range is ranges, "range" in luigi.__all__, ranges.RangeDaily.task_family)
"""
        },
        ignore=IGNORE,
    ),
]
