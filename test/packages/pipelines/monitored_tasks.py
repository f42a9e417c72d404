"""Tasks for luigi-monitor: one succeeds, one fails, one waits for what is not there."""

from __future__ import annotations

import luigi


class Good(luigi.Task):
    number = luigi.IntParameter(default=1)

    def output(self):
        return luigi.LocalTarget(f"good_{self.number}.txt")

    def run(self):
        with self.output().open("w") as file:
            file.write("good")


class Bad(luigi.Task):
    def run(self):
        raise ValueError("this one is meant to fail")


class External(luigi.ExternalTask):
    name = luigi.Parameter(default="data")

    def output(self):
        return luigi.LocalTarget("not_there.txt")


class Waiting(luigi.Task):
    def requires(self):
        return External()


class Yielding(luigi.Task):
    def output(self):
        return luigi.LocalTarget("yielding.txt")

    def run(self):
        yield [Good(number=2), Good(number=3)]
        with self.output().open("w") as file:
            file.write("yielded")


class AllGood(luigi.WrapperTask):
    def requires(self):
        return [Good(), Yielding()]


class Everything(luigi.WrapperTask):
    def requires(self):
        return [Good(), Bad(), Waiting(), Yielding()]
