"""A run that shows most of what the summary at its end can say.

    PYTHONPATH=examples luigi --module execution_summary_example Everything --local-scheduler

Some data is there already, some tasks run, one fails, some wait for files that nobody delivers, and what
depends on those is left pending.
"""

import datetime

import luigi


class Delivered(luigi.ExternalTask):
    """Data from elsewhere that has arrived."""

    def complete(self):
        return True


class Awaited(luigi.ExternalTask):
    """Data from elsewhere that has not arrived: one file a day."""

    day = luigi.DateParameter()

    def output(self):
        return luigi.LocalTarget(f"summary/awaited-{self.day}.csv")


class Count(luigi.Task):
    """Runs, and is listed as a range because its numbers follow one another."""

    number = luigi.IntParameter()

    def requires(self):
        return Delivered()

    def output(self):
        return luigi.LocalTarget(f"summary/count-{self.number}.txt")

    def run(self):
        with self.output().open("w") as file:
            file.write(f"{self.number}\n")


class Broken(luigi.Task):
    """Fails."""

    def run(self):
        raise RuntimeError("this task always fails")

    def complete(self):
        return False


class NeedsBroken(luigi.Task):
    """Never starts, for what it needs has failed."""

    def requires(self):
        return Broken()

    def complete(self):
        return False


class Everything(luigi.WrapperTask):
    """Asks for all of the above."""

    def requires(self):
        yield from (Count(number=number) for number in range(10))
        yield NeedsBroken()
        first = datetime.date(2024, 1, 1)
        yield from (Awaited(day=first + datetime.timedelta(days=n)) for n in range(4))


if __name__ == "__main__":
    luigi.run(main_task_cls=Everything, local_scheduler=True)
