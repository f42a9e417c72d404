"""Tasks of law: workflows, sandboxes, targets, decorators, parameters of its own."""

from __future__ import annotations

import os
from pathlib import Path

import law
import luigi

law.contrib.load("tasks")


def here(*names: str) -> str:
    return str(Path(os.environ["LAW_DATA"], *names))


class Base(law.Task):
    version = law.Parameter(default="v1")

    def local_target(self, *names):
        return law.LocalFileTarget(here(self.task_family, self.version, *names))


class Numbers(Base, law.LocalWorkflow):
    """A workflow that requires its branches."""

    count = luigi.IntParameter(default=3)
    local_workflow_require_branches = True

    def create_branch_map(self):
        return {branch: 10 * (branch + 1) for branch in range(self.count)}

    def output(self):
        return self.local_target(f"number_{self.branch}.json")

    @law.decorator.safe_output
    def run(self):
        self.publish_message(f"branch {self.branch}")
        self.output().dump({"number": self.branch_data}, formatter="json")


class Squares(Base, law.LocalWorkflow):
    """A workflow that yields its branches."""

    local_workflow_require_branches = False

    def create_branch_map(self):
        return list(range(2))

    def workflow_requires(self):
        reqs = super().workflow_requires()
        reqs["numbers"] = Numbers.req(self)
        return reqs

    def requires(self):
        return Numbers.req(self, branch=self.branch)

    def output(self):
        return self.local_target(f"square_{self.branch}.json")

    def run(self):
        number = self.input().load(formatter="json")["number"]
        self.output().dump({"square": number**2}, formatter="json")


class Total(Base):
    names = law.CSVParameter(default=("a", "b"))
    scale = luigi.FloatParameter(default=1.0, significant=False)
    label = luigi.Parameter(default="none")

    def requires(self):
        return {"squares": Squares.req(self), "numbers": Numbers.req(self, count=2)}

    def output(self):
        return self.local_target("_".join(("total", *self.names)) + ".json")

    @law.decorator.log
    def run(self):
        squares = [target.load(formatter="json")["square"] for _, target in self.iter_targets("squares")]
        self.set_progress_percentage(50)
        data = {"total": sum(squares), "label": self.label, "names": list(self.names)}
        self.output().dump(data, formatter="json")

    def iter_targets(self, key):
        return sorted(self.input()[key]["collection"].targets.items())


class InSandbox(Base, law.SandboxTask):
    """Runs in a subshell of its own, where law patches the worker so that it appears as the outer task."""

    sandbox = "bash::$LAW_SETUP"

    def requires(self):
        return Numbers.req(self, count=1)

    def output(self):
        return self.local_target("in_sandbox.json")

    def run(self):
        data = {"variable": os.environ.get("ONLY_IN_SANDBOX", "unset"), "engine": luigi.__name__}
        self.output().dump(data, formatter="json")


class Wrapper(Base, law.WrapperTask):
    def requires(self):
        return [Total.req(self), InSandbox.req(self)]


class Failing(Base):
    def output(self):
        return self.local_target("never.txt")

    def run(self):
        raise RuntimeError("this one is meant to fail")


class Missing(Base, law.ExternalTask):
    def output(self):
        return self.local_target("not_there.txt")
