"""A small pipeline that leaves every state behind which the page can show.

``Everything`` ends by itself: done, failed, disabled, missing and what waits for them. ``Held`` does not: its
tasks listen for messages until their worker is ended, so that something runs while pages are looked at.
"""

import os
from pathlib import Path

import luigi
from luigi.parameter import ParameterVisibility

DAYS = 70


class Written(luigi.Task):
    """A task that writes a file of its own name."""

    def output(self):
        return luigi.LocalTarget(str(Path(os.environ["UI_PIPELINE"]) / self.task_id))

    def run(self):
        with self.output().open("w") as out:
            out.write(self.task_id)


class Day(Written):
    """Flights of one day.

    Reads what the airports sent, and counts:

    * flights,
    * **late** flights,
    * what was cancelled, as ``cancelled``.
    """

    number = luigi.IntParameter(description="day of the year")
    carrier = luigi.Parameter(default="EV")

    def run(self):
        print(f"reading day {self.number}")
        super().run()


class Secretive(Written):
    """Has parameters that are nobody's business."""

    shown = luigi.Parameter(default="public-value")
    note = luigi.Parameter(default="hidden-value", visibility=ParameterVisibility.HIDDEN)
    token = luigi.Parameter(default="private-value", visibility=ParameterVisibility.PRIVATE)


class DelaysByCarrier(Written):
    """Fails, with a traceback through a function of its own."""

    carrier = luigi.Parameter()
    priority = 20

    def run(self):
        self.set_status_message("reading the delays")
        _count({"dep_delay": 4}, self.carrier)


def _count(row, carrier):
    return row["arr_delay"], carrier


class Report(Written):
    """Waits for what failed."""

    def requires(self):
        return [DelaysByCarrier(carrier=carrier) for carrier in ("EV", "MQ")] + [Day(number=1)]


class Calendar(luigi.ExternalTask):
    """A file that nobody has made."""

    year = luigi.IntParameter(default=2013)

    def output(self):
        return luigi.LocalTarget(str(Path(os.environ["UI_PIPELINE"]) / "no-such-file"))


class Holidays(Written):
    """Waits for the file."""

    def requires(self):
        return Calendar()


class Flaky(Written):
    """Is disabled by its first failure."""

    retry_count = 1

    def run(self):
        raise RuntimeError("the disk is full")


class AfterFlaky(Written):
    """Waits for what is disabled."""

    def requires(self):
        return Flaky()


class Unreadable(Written):
    """Cannot be looked at: the scheduler never hears what it is."""

    def complete(self):
        raise OSError("the store does not answer")


class Everything(luigi.WrapperTask):
    """All that ends by itself."""

    def requires(self):
        yield from (Day(number=number) for number in range(1, DAYS + 1))
        yield Secretive()
        yield Report()
        yield Holidays()
        yield AfterFlaky()
        yield Unreadable()


class Listening(Written):
    """Runs until its worker is ended, and answers messages."""

    accepts_messages = True
    resources = {"db": 1}
    priority = 50

    def run(self):
        self.set_tracking_url("https://example.org/job/17")
        self.set_status_message("524 of 842 flights parsed")
        self.set_progress_percentage(62)
        print("listening")
        while True:
            message = self.scheduler_messages.get()
            message.respond(f"heard {message.content}")


class AfterListening(Written):
    """Waits for what runs."""

    def requires(self):
        return Listening()


class Queued(Written):
    """Waits for the resource that is taken."""

    number = luigi.IntParameter()
    resources = {"db": 1}


class Batched(Written):
    """Is run with others of its kind, for as long as its worker is there."""

    day = luigi.IntParameter(batch_method=max)
    accepts_messages = True
    resources = {"memory_gb": 4}
    priority = 5

    def run(self):
        self.set_status_message("a batch runs")
        self.scheduler_messages.get()


class Held(luigi.WrapperTask):
    """All that goes on."""

    def requires(self):
        yield AfterListening()
        yield from (Queued(number=number) for number in range(3))
        yield from (Batched(day=day) for day in range(3))
