"""sciluigi: a workflow whose tasks are connected by their outputs, with logs and audit trail."""

from __future__ import annotations

import sys
from pathlib import Path

import engine

# isort: split
import luigi
import sciluigi
from sciluigi.dependencies import PostgresTargetInfo, S3TargetInfo


class Raw(sciluigi.ExternalTask):
    def out_raw(self):
        return sciluigi.TargetInfo(self, "raw.txt")


class Foo(sciluigi.Task):
    text = sciluigi.Parameter()

    def out_foo(self):
        return sciluigi.TargetInfo(self, f"{self.text}.txt")

    def run(self):
        self.ex(f"echo {self.text} > {self.out_foo().path}")


class Replace(sciluigi.Task):
    """Reads what another task writes, through ``in_…`` and ``out_…``."""

    replacement = sciluigi.Parameter()
    in_foo = None
    in_raw = None

    def out_replaced(self):
        return sciluigi.TargetInfo(self, f"{self.in_foo().path}.{self.replacement}.txt")

    def run(self):
        with (
            self.in_foo().open() as foo,
            self.in_raw().open() as raw,
            self.out_replaced().open("w") as target,
        ):
            target.write(foo.read().replace("foo", self.replacement) + raw.read())


class Merge(sciluigi.Task):
    in_parts = None

    def out_merged(self):
        return sciluigi.TargetInfo(self, "merged.txt")

    def run(self):
        with self.out_merged().open("w") as target:
            for part in self.in_parts:
                with part().open() as source:
                    target.write(source.read())


class Flow(sciluigi.WorkflowTask):
    text = luigi.Parameter(default="foo")

    def workflow(self):
        raw = self.new_task("raw", Raw)
        foo = self.new_task("foo", Foo, text=self.text)
        merge = self.new_task("merge", Merge)
        merge.in_parts = []
        for name in ("bar", "baz"):
            replace = self.new_task(f"replace_{name}", Replace, replacement=name)
            replace.in_foo = foo.out_foo
            replace.in_raw = raw.out_raw
            merge.in_parts.append(replace.out_replaced)
        return merge


class Broken(sciluigi.WorkflowTask):
    """A shell command that fails fails its task."""

    def workflow(self):
        return self.new_task("bad", Bad)


class Bad(sciluigi.Task):
    def out_never(self):
        return sciluigi.TargetInfo(self, "never.txt")

    def run(self):
        self.ex("exit 3")


def audit():
    """The audit trail without the times, which differ in each run."""
    lines = set()
    for path in Path("audit").rglob("*"):
        if path.is_file():
            lines |= {
                line.partition(":")[0] if "time" in line else line for line in path.read_text().splitlines()
            }
    return sorted(lines)


def main():
    Path("raw.txt").write_text("raw\n")
    for flow in (Flow, Flow, Broken):
        sciluigi.run_local(main_task_cls=flow, cmdline_args=["--no-lock"])
    s3 = S3TargetInfo(None, "s3://bucket/key")
    row = PostgresTargetInfo(None, "host", "database", "user", "password", "update", table="table")
    engine.report(
        merged=Path("merged.txt").read_text(),
        files=sorted(path.name for path in Path().iterdir() if path.suffix == ".txt"),
        audit=audit(),
        logs=len(list(Path("log").glob("*.log"))),
        id=Flow().task_id,
        remote=[type(s3.target).__name__, s3.target.path],
        database=[type(row.target).__name__, str(row.target), str(row.target.port)],
    )


if __name__ == "__main__":
    sys.exit(main())
