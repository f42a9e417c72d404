"""bioluigi: programs run by its schedulers, with the resources of the local one."""

from __future__ import annotations

import datetime
import os
import re
import sys
from pathlib import Path

import engine

# isort: split
import bioluigi.local_target
import luigi
from bioluigi.schedulers import LocalScheduler, get_available_schedulers, get_scheduler, register_scheduler
from luigi.contrib.external_program import ExternalProgramRunContext, ExternalProgramRunError
from luigi.util import requires

RAN: list[str] = []


@register_scheduler("counting")
class CountingScheduler(LocalScheduler):
    """A scheduler of one's own."""

    def run_task(self, task):
        RAN.append(task.name)
        return super().run_task(task)


# tasks know the schedulers that are registered when they are defined
from bioluigi.scheduled_external_program import ScheduledExternalProgramTask  # noqa: E402
from bioluigi.tasks import bcftools  # noqa: E402
from bioluigi.tasks.utils import RemoveTaskOutputOnFailureMixin  # noqa: E402


class Program(ScheduledExternalProgramTask):
    script = luigi.Parameter()
    name = luigi.Parameter()
    memory = 0.5
    walltime = datetime.timedelta(seconds=30)

    def program_args(self):
        return ["sh", "-c", self.script]

    def program_environment(self):
        return {**super().program_environment(), "WORD": "from the task"}

    def output(self):
        return luigi.LocalTarget(self.name)


class Vcf(luigi.ExternalTask):
    def output(self):
        return luigi.LocalTarget("annotations.vcf")


@requires(Vcf)
class Annotated(luigi.Task):
    """Yields a task for a program that is put in the path by hand."""

    def run(self):
        yield bcftools.Annotate(
            input_file=self.input().path,
            annotations_file=self.input().path,
            columns=["ID"],
            output_file=self.output().path,
        )

    def output(self):
        return luigi.LocalTarget("annotated.vcf.gz")


class Broken(RemoveTaskOutputOnFailureMixin, Program):
    """Leaves a half-written file behind, which the mixin removes."""


class Renamed(luigi.Task):
    def output(self):
        return bioluigi.local_target.LocalTarget("table.csv")

    def run(self):
        with self.output().temporary_path() as path:
            RAN.append(Path(path).suffix)
            Path(path).write_text("a,b\n")


BCFTOOLS = """#!/bin/sh
all="$*"
while [ "$1" != --output-file ]; do shift; done
echo "$all" > "$2"
"""


def with_a_program(name, text):
    folder = Path("bin")
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(text)
    (folder / name).chmod(0o755)
    os.environ["PATH"] = f"{folder.absolute()}{os.pathsep}{os.environ['PATH']}"


def failure(task):
    try:
        task.run()
    except ExternalProgramRunError as error:
        return [error.message, list(error.args), error.out, error.err]
    return None


def main():
    Path("annotations.vcf").write_text("##fileformat\n")
    with_a_program("bcftools", BCFTOOLS)
    for name, amount in (("cpus", "2"), ("memory", "4")):
        luigi.configuration.get_config().set("resources", name, amount)
    build = {"local_scheduler": True, "detailed_summary": True}
    programs = [
        Program(script='echo "$WORD" > one.txt', name="one.txt"),
        Program(script="true; echo two > two.txt", name="two.txt", scheduler="counting", cpus=2),
        Renamed(),
    ]
    results = {
        "programs": luigi.build(programs, workers=2, **build).status.name,
        "one": Path("one.txt").read_text(),
        "table": Path("table.csv").read_text(),
        "annotated": luigi.build([Annotated()], **build).status.name,
        "command": re.sub(r"tmp-\d+", "tmp-<number>", Path("annotated.vcf.gz").read_text()),
        "broken": luigi.build(
            [Broken(script="echo half > half.txt; exit 3", name="half.txt")], **build
        ).status.name,
        "half": Path("half.txt").exists(),
        "failed": failure(
            Program(script="echo out; echo err >&2; exit 4", name="never", capture_output=True)
        ),
        "resources": [program.process_resources() for program in programs],
        "text": programs[1].to_str_params(),
        "ids": [program.task_id for program in programs],
        "schedulers": sorted(map(str, get_available_schedulers())),
        "counting": type(get_scheduler("counting")).__name__,
        "context": hasattr(ExternalProgramRunContext, "kill_job"),
    }
    engine.report(**results)


if __name__ == "__main__":
    sys.exit(main())
