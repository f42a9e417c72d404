"""Graphs, failures, retries, dynamic dependencies, resources, batches, events."""

from __future__ import annotations

from test.differential.engines import Case

BASE = """
import luigi
import os

class T(luigi.Task):
    def output(self):
        return luigi.LocalTarget(self.task_id + ".txt")

    def run(self):
        with self.output().open("w") as out:
            out.write(str(self))
"""
LOCAL = " --local-scheduler"
RUN = "--module pipeline {} --local-scheduler"

CASES = [
    Case(
        "chain of five",
        BASE
        + """
class Link(T):
    i = luigi.IntParameter()
    def requires(self):
        return Link(self.i - 1) if self.i else None
""",
        (RUN.format("Link --i 4"), RUN.format("Link --i 6")),
    ),
    Case(
        "diamond",
        BASE
        + """
class Bottom(T): pass
class Left(T):
    def requires(self): return Bottom()
class Right(T):
    def requires(self): return [Bottom()]
class Top(T):
    def requires(self): return {"l": Left(), "r": Right()}
    def run(self):
        with self.output().open("w") as out:
            for k in sorted(self.input()):
                x = self.input()[k]
                with x.open() as i:
                    out.write(k + ":" + i.read())
""",
        (RUN.format("Top"),) * 2,
        siblings=True,
    ),
    Case(
        "twenty siblings",
        BASE
        + """
class Leaf(T):
    i = luigi.IntParameter()
class Root(luigi.WrapperTask):
    def requires(self):
        return [Leaf(i) for i in range(20)]
""",
        (RUN.format("Root"),) * 2,
        siblings=True,
    ),
    Case(
        "siblings by priority",
        BASE
        + """
class Leaf(T):
    i = luigi.IntParameter()
    @property
    def priority(self):
        return self.i * 10
class Root(luigi.WrapperTask):
    def requires(self):
        return [Leaf(i) for i in (3, 1, 2)]
""",
        (RUN.format("Root"),),
    ),
    Case(
        "a task fails",
        BASE
        + """
class Bad(T):
    def run(self):
        raise ValueError("no such luck")
class Good(T): pass
class Root(T):
    def requires(self): return Bad()
""",
        (RUN.format("Root"), RUN.format("Root") + " --retcode-task-failed 7"),
    ),
    Case(
        "one branch fails, the other runs",
        BASE
        + """
class Bad(T):
    priority = 5
    def run(self):
        raise RuntimeError("broken")
class Good(T): pass
class Mid(T):
    def requires(self): return Bad()
class Root(T):
    def requires(self): return [Mid(), Good()]
""",
        (RUN.format("Root"),),
        siblings=True,
    ),
    Case(
        "complete raises",
        BASE
        + """
class Bad(T):
    def complete(self):
        raise KeyError("where")
class Mid(T):
    def requires(self): return Bad()
class Root(T):
    def requires(self): return Mid()
""",
        (RUN.format("Root"), RUN.format("Root") + " --retcode-scheduling-error 35"),
    ),
    Case(
        "complete returns a text",
        BASE
        + """
class Bad(T):
    def complete(self):
        return "yes"
""",
        (RUN.format("Bad"),),
    ),
    Case(
        "requires raises",
        BASE
        + """
class Bad(T):
    def requires(self):
        raise OSError("disk")
class Root(T):
    def requires(self): return Bad()
""",
        (RUN.format("Root"),),
    ),
    Case(
        "requires returns a target",
        BASE
        + """
class Root(T):
    def requires(self): return luigi.LocalTarget("x")
""",
        (RUN.format("Root"),),
    ),
    Case(
        "requires returns a text",
        BASE
        + """
class Root(T):
    def requires(self): return "Other"
""",
        (RUN.format("Root"),),
    ),
    Case(
        "external data missing, then there",
        BASE
        + """
class Ext(luigi.ExternalTask):
    d = luigi.DateParameter()
    def output(self): return luigi.LocalTarget(self.d.strftime("ext-%Y-%m-%d"))
class Root(T):
    def requires(self): return Ext(__import__("datetime").date(2020, 1, 2))
""",
        (
            RUN.format("Root") + " --retcode-missing-data 20",
            "python make.py",
            RUN.format("Root"),
        ),
        files={"make.py": "open('ext-2020-01-02', 'w').close()\n"},
    ),
    Case(
        "dynamic dependencies",
        BASE
        + """
class Leaf(T):
    i = luigi.IntParameter()
class Dyn(T):
    def run(self):
        one = yield Leaf(1)
        two, three = yield [Leaf(2), Leaf(3)]
        four = yield {"k": Leaf(4)}
        nothing = yield []
        with self.output().open("w") as out:
            out.write(repr([one.path, two.path, three.path, four["k"].path, nothing]))
""",
        (RUN.format("Dyn"),) * 2,
        siblings=True,
    ),
    Case(
        "dynamic dependency fails",
        BASE
        + """
class Leaf(T):
    def run(self):
        raise ValueError("leaf")
class Dyn(T):
    def run(self):
        yield Leaf()
""",
        (RUN.format("Dyn"),),
    ),
    Case(
        "run yields None",
        BASE
        + """
class Dyn(T):
    def run(self):
        yield None
""",
        (RUN.format("Dyn"),),
    ),
    Case(
        "DynamicRequirements with its own test",
        BASE
        + """
class Leaf(T):
    i = luigi.IntParameter()
class Dyn(T):
    def run(self):
        def check(complete_fn):
            print("asked")
            return all(os.path.exists(t.output().path) for t in leaves)
        leaves = [Leaf(1)]
        got = yield luigi.DynamicRequirements(leaves, check)
        with self.output().open("w") as out:
            out.write(got[0].path)
""",
        (RUN.format("Dyn"),),
    ),
    Case(
        "resources above the limit",
        BASE
        + """
class Res(T):
    i = luigi.IntParameter()
    resources = {"db": 2}
class Ok(T):
    resources = {"db": 1}
class Root(T):
    def requires(self): return [Res(1), Ok()]
""",
        (RUN.format("Root") + " --retcode-not-run 25",),
        siblings=True,
    ),
    Case(
        "resources from the configuration",
        BASE
        + """
class Res(T):
    i = luigi.IntParameter()
    resources = {"db": 2}
class Root(T):
    def requires(self): return [Res(1), Res(2)]
""",
        (RUN.format("Root"),),
        files={"luigi.cfg": "[resources]\ndb = 3\n"},
        siblings=True,
    ),
    Case(
        "batch",
        BASE
        + """
class B(T):
    k = luigi.IntParameter(batch_method=max)
    g = luigi.Parameter(default="g")
    max_batch_size = 3
    def output(self): return luigi.LocalTarget("b-%d" % self.k)
    def complete(self): return any(os.path.exists("b-%d" % k) for k in range(self.k, 10))
class Root(luigi.WrapperTask):
    def requires(self): return [B(k) for k in (1, 2, 3)]
""",
        (RUN.format("Root"),),
        siblings=True,
        ignore=(r"batch",),
    ),
    Case(
        "retry until it works",
        BASE
        + """
class Flaky(T):
    retry_count = 3
    def run(self):
        n = len([f for f in os.listdir(".") if f.startswith("try-")])
        open("try-%d" % n, "w").close()
        if n < 1:
            raise ValueError("attempt %d" % n)
        super().run()
""",
        (
            RUN.format("Flaky")
            + " --scheduler-retry-delay 0.05 --worker-keep-alive --worker-wait-interval 0.1 --worker-wait-jitter 0",
        ),
        ignore=(r"^DEBUG: (Sleeping|Asking|Done|There are|Pending tasks)",),
    ),
    Case(
        "disabled after failures",
        BASE
        + """
class Bad(T):
    retry_count = 2
    def run(self):
        raise ValueError("always")
""",
        (
            RUN.format("Bad")
            + " --scheduler-retry-delay 0.05 --worker-keep-alive --worker-wait-interval 0.1 --worker-wait-jitter 0",
        ),
        ignore=(r"^DEBUG: (Sleeping|Asking|Done|There are|Pending tasks)",),
    ),
    Case(
        "disabled task",
        BASE
        + """
class Dep(T): pass
class Off(T):
    disabled = True
    def requires(self): return Dep()
""",
        (RUN.format("Off"),),
    ),
    Case(
        "events",
        BASE
        + """
class Dep(T): pass
class Ext(luigi.ExternalTask):
    def output(self): return luigi.LocalTarget("pipeline.py")
class Bad(T):
    def requires(self): return [Dep(), Ext()]
    def run(self): raise ValueError("x")

for name in sorted(k for k in vars(luigi.Event) if k.isupper() and k != "PROCESSING_TIME"):
    def handler(task, *args, name=name):
        print(name, task, *[type(a).__name__ if isinstance(a, Exception) else a for a in args])
    luigi.Task.event_handler(getattr(luigi.Event, name))(handler)
""",
        (RUN.format("Bad"),),
    ),
    Case(
        "an event handler fails",
        BASE
        + """
@T.event_handler(luigi.Event.START)
def handler(task):
    raise KeyError(task.task_id)
class A(T): pass
""",
        (RUN.format("A"),),
    ),
    Case(
        "on_success and on_failure",
        BASE
        + """
class A(T):
    def on_success(self):
        print("success of", self)
class B(T):
    def requires(self): return A()
    def run(self): raise ValueError("b")
    def on_failure(self, exception):
        print("failure of", self, repr(exception))
        return "told"
""",
        (RUN.format("B"),),
    ),
    Case(
        "on_success raises",
        BASE
        + """
class A(T):
    def on_success(self):
        raise ValueError("too late")
""",
        (RUN.format("A"),),
    ),
    Case(
        "sys.exit in run",
        BASE
        + """
import sys
class A(T):
    def run(self):
        sys.exit(3)
""",
        (RUN.format("A"),),
    ),
    Case(
        "unfulfilled dependency at run time",
        BASE
        + """
class Dep(T):
    def run(self): pass
class A(T):
    def requires(self): return Dep()
""",
        (RUN.format("A"),),
    ),
    Case(
        "complete on run",
        BASE
        + """
class A(T):
    def run(self): pass
""",
        (RUN.format("A") + " --worker-check-complete-on-run",),
    ),
    Case(
        "task limit",
        BASE
        + """
class Leaf(T):
    i = luigi.IntParameter()
class Root(T):
    def requires(self): return [Leaf(1), Leaf(2), Leaf(3)]
""",
        (RUN.format("Root") + " --worker-task-limit 2",),
    ),
    Case(
        "two workers",
        BASE
        + """
class Leaf(T):
    i = luigi.IntParameter()
class Root(T):
    def requires(self): return [Leaf(i) for i in range(4)]
""",
        (RUN.format("Root") + " --workers 2 --log-level WARNING",),
    ),
    Case(
        "a child dies",
        BASE
        + """
class A(T):
    def run(self):
        os._exit(3)
""",
        (RUN.format("A") + " --worker-force-multiprocessing",),
        ignore=(r"^DEBUG: (Asking|Done|There are|Pending tasks|1 running)",),
    ),
    Case(
        "time-out",
        BASE
        + """
import time
class A(T):
    worker_timeout = 1
    def run(self):
        time.sleep(30)
@T.event_handler(luigi.Event.TIMEOUT)
def late(task, message):
    print(message)
""",
        (RUN.format("A"),),
        ignore=(r"^DEBUG: (Asking|Done|There are|Pending tasks|1 running)",),
    ),
    Case(
        "parallel scheduling",
        BASE
        + """
class Leaf(T):
    i = luigi.IntParameter()
class Root(T):
    def requires(self): return [Leaf(i) for i in range(4)]
""",
        (RUN.format("Root") + " --parallel-scheduling --parallel-scheduling-processes 2",),
        siblings=True,
    ),
    Case(
        "status and progress",
        BASE
        + """
class A(T):
    def run(self):
        self.set_status_message("half")
        self.set_progress_percentage(50)
        self.set_tracking_url("http://localhost/x")
        self.decrease_running_resources({"db": 1})
        print(self.scheduler_messages)
        super().run()
        print("done")
    resources = {"db": 1}
class B(T):
    def requires(self): return A()
    def run(self):
        super().run()
        print(A().set_status_message)
""",
        (RUN.format("B"),),
    ),
]
