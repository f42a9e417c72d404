"""The shortest pipelines."""

from __future__ import annotations

from test.differential.engines import Case

HELLO = """
import luigi

class Hello(luigi.Task):
    name = luigi.Parameter(default="world")

    def output(self):
        return luigi.LocalTarget("hello-%s.txt" % self.name)

    def run(self):
        with self.output().open("w") as out:
            out.write("hello %s\\n" % self.name)

class Greetings(luigi.WrapperTask):
    def requires(self):
        return Hello(name="a")
"""

CASES = [
    Case("hello", HELLO, ("--module pipeline Hello --local-scheduler",) * 2),
    Case("hello with a parameter", HELLO, ("--module pipeline Hello --name you --local-scheduler",)),
    Case("wrapper", HELLO, ("--module pipeline Greetings --local-scheduler",) * 2),
]
