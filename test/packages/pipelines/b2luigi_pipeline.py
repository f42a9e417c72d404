"""b2luigi: parameters in file names, jobs in place of forked processes, dispatched and temporary outputs.

Called with ``--batch``, tasks run as jobs of the batch system that b2luigi has for tests: a call of this very
script with ``--batch-runner`` for each.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import engine

# isort: split
import b2luigi
import luigi
from b2luigi.batch.workers import SendJobWorker, SendJobWorkerSchedulerFactory


class Number(b2luigi.Task):
    number = b2luigi.IntParameter()
    secret = b2luigi.Parameter(default="a/b c", hashed=True)
    quiet = b2luigi.Parameter(default="x", hidden=True, significant=False)

    def output(self):
        yield self.add_to_output("number.txt")

    @b2luigi.on_temporary_files
    def run(self):
        Path(self.get_output_file_name("number.txt")).write_text(f"{self.number}\n")


class Dispatched(b2luigi.Task):
    """Runs in a process of its own."""

    def output(self):
        yield self.add_to_output("dispatched.json")

    @b2luigi.dispatch
    def run(self):
        with open(self.get_output_file_name("dispatched.json"), "w") as file:
            json.dump(
                {"other process": os.getpid() != int(os.environ["MAIN_PID"]), "engine": luigi.__name__}, file
            )


@b2luigi.inherits(Number, without="number")
class Sum(b2luigi.Task):
    count = b2luigi.IntParameter(default=4)

    def requires(self):
        for number in range(self.count):
            yield self.clone(Number, number=number)

    def output(self):
        yield self.add_to_output("sum.txt")

    def run(self):
        total = sum(int(Path(name).read_text()) for name in self.get_input_file_names("number.txt"))
        with self._get_output_target("sum.txt").open("w") as file:
            file.write(f"{total}\n")


@b2luigi.requires(Sum, count=3)
class Report(b2luigi.Task):
    title = b2luigi.Parameter(default="report")

    def output(self):
        yield self.add_to_output("report.txt")

    def run(self):
        Path(self.get_output_file_name("report.txt")).write_text(
            f"{self.title} {Path(self.get_input_file_names('sum.txt')[0]).read_text()}"
        )


class Failing(b2luigi.Task):
    def output(self):
        yield self.add_to_output("never.txt")

    @b2luigi.on_temporary_files
    def run(self):
        Path(self.get_output_file_name("never.txt")).write_text("half")
        raise RuntimeError("this one is meant to fail")


class All(b2luigi.WrapperTask):
    def requires(self):
        yield Report()
        yield Dispatched()


def main():
    os.environ.setdefault("MAIN_PID", str(os.getpid()))
    b2luigi.set_setting("result_dir", os.environ["RESULTS"])
    b2luigi.set_setting("log_dir", os.environ["LOGS"])
    b2luigi.set_setting("task_file_dir", os.environ["LOGS"])
    b2luigi.set_setting("batch_system", "test")
    tasks = [All(), Failing()] if os.environ.get("FAILING") else All()
    b2luigi.process(tasks, workers=3)


def parameters():
    """What b2luigi changes in the classes of parameters, and what its worker makes of a task."""
    worker = SendJobWorkerSchedulerFactory().create_worker(luigi.scheduler.Scheduler(), 1)
    b2luigi.set_setting("result_dir", "/results")
    engine.report(
        name=Number(number=1).get_output_file_name("number.txt"),
        ids=[Number(number=1).task_id, Number(number=1, quiet="y").task_id, Report().task_id],
        worker=[isinstance(worker, SendJobWorker), worker._first_task],
        batch_sizes=[Number(number=1).max_batch_size, All().max_batch_size],
        system=str(worker.detect_batch_system(Number(number=1))),
        text=Number(number=3).to_str_params(),
        back=Number.from_str_params(Number(number=3).to_str_params()) is Number(number=3),
    )


if __name__ == "__main__":
    parameters() if sys.argv[1:] == ["parameters"] else main()
