"""What users of gokart write, and every seam where gokart takes hold of Luigi."""

from __future__ import annotations

import logging
import re
import sys
from pathlib import Path

import engine

# isort: split
import gokart
import gokart.in_memory
import gokart.worker
import luigi
import pandas as pd
from gokart.build import TaskDumpConfig, TaskDumpMode, TaskDumpOutputType
from gokart.config_params import inherits_config_params
from gokart.conflict_prevention_lock.task_lock import make_task_lock_params

RAN: list[str] = []
EVENTS: list[str] = []


class Shared(luigi.Config):
    scale = luigi.IntParameter(default=2)


class Numbers(gokart.TaskOnKart):
    count = luigi.IntParameter(default=3)
    note = luigi.Parameter(default="not part of the id", significant=False)

    def run(self):
        RAN.append(self.task_family)
        self.dump(list(range(self.count)))


@inherits_config_params(Shared)
class Scaled(gokart.TaskOnKart):
    scale = luigi.IntParameter()
    source = gokart.TaskInstanceParameter()

    def requires(self):
        return self.source

    def run(self):
        RAN.append(self.task_family)
        self.dump([self.scale * number for number in self.load()])


class Total(gokart.TaskOnKart):
    sources = gokart.ListTaskInstanceParameter()
    negate = gokart.ExplicitBoolParameter(default=False)

    def requires(self):
        return {"all": self.sources}

    def output(self):
        return self.make_target("total.pkl")

    def run(self):
        RAN.append(self.task_family)
        total = sum(sum(part) for part in self.load("all"))
        self.dump({"total": -total if self.negate else total})


class Frame(gokart.TaskOnKart):
    def requires(self):
        return Numbers(count=4)

    def output(self):
        return self.make_target("frame.csv")

    def run(self):
        RAN.append(self.task_family)
        self.dump(pd.DataFrame({"n": self.load()}))


class Yields(gokart.TaskOnKart):
    """Dynamic dependencies."""

    def run(self):
        target = yield Scaled(source=Numbers(count=5))
        self.dump(sum(target.load()))


class InMemory(gokart.TaskOnKart):
    def output(self):
        key = self.make_unique_id()
        return gokart.in_memory.make_in_memory_target(key, make_task_lock_params(key, key))

    def run(self):
        self.dump("kept in memory")


class Failing(gokart.TaskOnKart):
    def run(self):
        raise ValueError("this one is meant to fail")


@luigi.Task.event_handler(luigi.Event.SUCCESS)
def _on_success(task):
    EVENTS.append(f"success {task.task_family}")


@luigi.Task.event_handler(luigi.Event.FAILURE)
def _on_failure(task, exception):
    EVENTS.append(f"failure {task.task_family} {exception}")


def total(**kwargs):
    return Total(sources=[Scaled(source=Numbers()), Numbers(count=4)], **kwargs)


def failure():
    try:
        gokart.build(Failing(), reset_register=False, log_level=logging.CRITICAL)
    except Exception as error:
        return type(error).__name__
    return None


def main():
    gokart.add_config("workspace.ini")
    results = {"total": gokart.build(total(), reset_register=False)}
    results["first ran"] = [*sorted(RAN), RAN[-1]]
    results["again"] = gokart.build(total(), reset_register=False)
    results["cached"] = len(RAN)
    results["rerun"] = gokart.build(total(rerun=True), reset_register=False)
    results["rerun ran"] = RAN[-1]
    results["negated"] = gokart.build(total(negate=True), reset_register=False)
    results["frame"] = gokart.build(Frame(), reset_register=False)["n"].tolist()
    results["dynamic"] = gokart.build(Yields(), reset_register=False)
    results["ids"] = [
        total().make_unique_id(),
        Numbers(count=7).make_unique_id(),
        Numbers(count=7, note="else").make_unique_id(),
        Frame().make_unique_id(),
    ]
    results["task ids"] = [Numbers(count=7).task_id, Numbers(count=7, note="else").task_id, Frame().task_id]
    tree = gokart.make_task_info_as_tree_str(total(), details=True)
    results["tree"] = re.sub(r"time=[^,]*", "time=<seconds>", tree).splitlines()
    results["parameters"] = total().to_str_params()
    results["text round trip"] = Scaled.from_str_params(Scaled(source=Numbers()).to_str_params()) == Scaled(
        source=Numbers()
    )
    results["failure"] = failure()
    results["dumped"] = str(
        gokart.build(
            total(),
            reset_register=False,
            task_dump_config=TaskDumpConfig(mode=TaskDumpMode.TREE, output_type=TaskDumpOutputType.PRINT),
        )
    )
    results["in memory"] = gokart.build(InMemory(), reset_register=False)
    results["worker variant"] = worker_variant()
    results["files"] = sorted(str(path) for path in Path("workspace").rglob("*") if path.is_file())
    results["register"] = register_after_reset()
    results["events"] = sorted(EVENTS)
    engine.report(**results)


def register_after_reset():
    """A command line works where only gokart's and Luigi's own classes are left registered."""
    gokart.build(Numbers(), reset_register=True)

    class AfterReset(gokart.TaskOnKart):
        def run(self):
            self.dump("ran by the command line")

    words = ["AfterReset", "--local-scheduler", "--workers", "1", "--scheduler-retry-delay", "3"]
    result = luigi.run(words, detailed_summary=True)
    names = luigi.task_register.Register.task_names()
    return [result.status.name, AfterReset().output().load(), "Numbers" in names, "core" in names]


def worker_variant():
    """Run gokart's own copy of the worker on the scheduler that it imports from Luigi."""
    scheduler = luigi.scheduler.Scheduler(prune_on_get_work=True, record_task_history=False)
    with gokart.worker.Worker(scheduler=scheduler, worker_processes=1, assistant=False) as worker:
        added = worker.add(Scaled(source=Numbers(count=9)))
        ran = worker.run()
    return [added, ran, Scaled(source=Numbers(count=9)).output().load()[-1], len(worker._add_task_history)]


if __name__ == "__main__":
    if len(sys.argv) > 1:
        gokart.run()
    else:
        main()
