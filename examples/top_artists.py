"""The artists most listened to in a period, from one file of plays a day.

    PYTHONPATH=examples luigi --module top_artists TopArtists --period 2024-W10 --local-scheduler

The plays are made up, but always the same for the same day. A period is a week, a month, a year or any two
dates: 2024-W10, 2024-03, 2024-03-01-2024-03-15. Asking for March after one of its weeks runs only the days
that are missing.
"""

import csv
import random
from collections import Counter

import luigi
from luigi.format import UTF8, Gzip
from luigi.util import inherits, requires

ARTISTS = ["Björk", "Ella Fitzgerald", "Fela Kuti", "Johann Sebastian Bach", "Mercedes Sosa", "Nina Simone"]


class Plays(luigi.Task):
    """Who played what on one day, as a compressed file."""

    day = luigi.DateParameter()

    def output(self):
        return luigi.LocalTarget(f"artists/plays/{self.day:%Y/%m/%d}.csv.gz", format=UTF8 >> Gzip)

    def run(self):
        draw = random.Random(str(self.day))
        with self.output().open("w") as file:
            rows = csv.writer(file, lineterminator="\n")
            for _ in range(200):
                rows.writerow([f"user{draw.randrange(50)}", draw.choice(ARTISTS)])


class PlaysPerArtist(luigi.Task):
    """All plays of a period, counted."""

    period = luigi.DateIntervalParameter()

    def requires(self):
        return [Plays(day=day) for day in self.period]

    def output(self):
        return luigi.LocalTarget(f"artists/per-artist-{self.period}.tsv", format=UTF8)

    def run(self):
        counts = Counter()
        for target in self.input():
            with target.open() as file:
                counts.update(artist for _, artist in csv.reader(file))
        with self.output().open("w") as file:
            for artist in sorted(counts):
                file.write(f"{artist}\t{counts[artist]}\n")


@requires(PlaysPerArtist)
class TopArtists(luigi.Task):
    """The first of them. The period comes with @requires: it is the parameter of PlaysPerArtist."""

    top = luigi.IntParameter(default=3)

    def output(self):
        return luigi.LocalTarget(f"artists/top{self.top}-{self.period}.txt", format=UTF8)

    def run(self):
        with self.input().open() as file:
            counts = [(int(count), artist) for artist, count in csv.reader(file, delimiter="\t")]
        with self.output().open("w") as file:
            for count, artist in sorted(counts, reverse=True)[: self.top]:
                file.write(f"{count:6} {artist}\n")


@inherits(TopArtists)
class Greeting(luigi.Task):
    """A line about the winner: @inherits copies the parameters and leaves requires() to us."""

    def requires(self):
        return self.clone(TopArtists, top=1)

    def output(self):
        return luigi.LocalTarget(f"artists/greeting-{self.period}.txt", format=UTF8)

    def run(self):
        with self.input().open() as file:
            count, artist = file.read().strip().split(maxsplit=1)
        with self.output().open("w") as file:
            file.write(f"{artist} leads with {count} plays.\n")


if __name__ == "__main__":
    luigi.run(main_task_cls=TopArtists)
