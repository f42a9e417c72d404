"""Scripts that use the library: build, run, results, summaries, targets, utilities, registry."""

from __future__ import annotations

from test.differential.engines import Case

QUIET = "import luigi, logging\n"
PRINT_RESULT = """
def show(result):
    print(result, result.status, result.scheduling_succeeded, result.one_line_summary)
    print(result.summary_text)
"""
DONE = """
DONE = set()
class Mem(luigi.Task):
    def complete(self): return self.task_id in DONE
    def run(self): DONE.add(self.task_id)
"""


def script(name: str, text: str, **more: object) -> Case:
    """Return a case that runs ``text`` as a script."""
    return Case(name, text, ("python pipeline.py",), **more)  # type: ignore[arg-type]


def summary(name: str, text: str, **more: object) -> Case:
    """Return a case that prints the execution summary of building ``ROOTS``."""
    return script(
        name,
        QUIET
        + PRINT_RESULT
        + DONE
        + text
        + "\nshow(luigi.build(ROOTS, local_scheduler=True, detailed_summary=True, log_level='CRITICAL'))\n",
        **more,
    )


CASES = [
    summary("summary of nothing", "ROOTS = []"),
    summary(
        "summary: one parameter, few values",
        "class A(Mem):\n    i = luigi.IntParameter()\nROOTS = [A(i) for i in (1, 2, 5)]",
    ),
    summary(
        "summary: one parameter, a range",
        "class A(Mem):\n    i = luigi.IntParameter()\nROOTS = [A(i) for i in range(100)]",
    ),
    summary(
        "summary: dates",
        "import datetime\nclass A(Mem):\n    d = luigi.DateParameter()\nROOTS = [A(datetime.date(2020, 2, 26) + datetime.timedelta(i)) for i in range(6)]",
    ),
    summary(
        "summary: every third",
        "class A(Mem):\n    i = luigi.IntParameter()\nROOTS = [A(i) for i in range(0, 60, 3)]",
    ),
    summary(
        "summary: several parameters",
        "class A(Mem):\n    a = luigi.IntParameter()\n    b = luigi.Parameter(default='x')\nROOTS = [A(i) for i in range(3)]",
    ),
    summary(
        "summary: two and more tasks",
        "class A(Mem):\n    a = luigi.IntParameter()\n    b = luigi.Parameter(default='x')\n"
        "class B(A): pass\nROOTS = [A(0), A(1), B(1, b='y'), B(2), B(1, b='z')]",
    ),
    summary(
        "summary: long names",
        "class A(Mem):\n"
        + "".join(
            f"    a_rather_long_parameter_name_{i} = luigi.IntParameter(default={i})\n" for i in range(3)
        )
        + "class B(Mem):\n    t = luigi.Parameter()\nROOTS = [A(), B('x' * 300), B('y' * 20), B('z' * 20)]",
    ),
    summary("summary: more families than lines", "ROOTS = [type('F%d' % i, (Mem,), {})() for i in range(9)]"),
    summary(
        "summary: everything at once",
        """
class Ext(luigi.ExternalTask):
    i = luigi.IntParameter()
    def complete(self): return False
class Fail(Mem):
    i = luigi.IntParameter()
    def run(self): raise ValueError("x")
class SchedErr(Mem):
    def complete(self): raise ValueError("y")
class Up(Mem):
    def requires(self): return Fail(1)
class UpExt(Mem):
    def requires(self): return [Ext(i) for i in range(5)]
class UpSched(Mem):
    def requires(self): return SchedErr()
class Res(Mem):
    resources = {"r": 9}
class Already(Mem):
    def complete(self): return True
class Root(Mem):
    def requires(self): return [Up(), UpExt(), UpSched(), Res(), Already(), Fail(7)]
ROOTS = [Root()]
""",
    ),
    script(
        "build returns what it should",
        QUIET
        + DONE
        + """
class A(Mem): pass
class Bad(Mem):
    def run(self): raise ValueError("x")
class Ext(luigi.ExternalTask):
    def complete(self): return False
for roots in ([], [A()], [A()], [Bad()], [Ext()]):
    print(roots, luigi.build(roots, local_scheduler=True, log_level="CRITICAL"))
for wrong in (dict(nonsense=1), dict(workers="x")):
    try:
        print(luigi.build([A()], local_scheduler=True, log_level="CRITICAL", **wrong))
    except Exception as e:
        print(type(e).__name__, e)
try:
    luigi.build(A(), local_scheduler=True)
except TypeError as e:
    print(e)
""",
        compare_stderr=False,
    ),
    script(
        "run with arguments",
        QUIET
        + DONE
        + """
class A(Mem):
    x = luigi.IntParameter(default=1)
    def run(self):
        print("running", self)
        super().run()
print(luigi.run(["A", "--x", "3", "--local-scheduler", "--no-lock", "--log-level", "CRITICAL"]))
print(luigi.run(["--x", "4", "--no-lock", "--log-level", "CRITICAL"], main_task_cls=A, local_scheduler=True))
try:
    luigi.run("A --x 3")
except TypeError as e:
    print(e)
""",
    ),
    script(
        "local targets",
        """
import luigi, os
from luigi.format import UTF8, Gzip, Bzip2, Nop, MixedUnicodeBytes, TextFormat
t = luigi.LocalTarget("a/b/c.txt")
with t.open("w") as f:
    f.write("h\\u00e9\\n")
    print(os.listdir("a/b") != ["c.txt"], os.path.exists(t.path))
print(repr(t.open("rb").read()), t.exists(), t.path, str(t))
for name, format, data in [("x.gz", UTF8 >> Gzip, "d\\u00e4t\\u00e4\\n"), ("x.bz2", TextFormat(encoding="latin-1") >> Bzip2, "\\u00e9"), ("n.bin", Nop, b"\\0\\xff")]:
    x = luigi.LocalTarget(name, format=format)
    with x.open("w") as f: f.write(data)
    with x.open("r") as f: print(name, repr(f.read()), x.exists())
    x.remove()
try:
    with luigi.LocalTarget("never.txt").open("w") as f:
        f.write("partial")
        raise ValueError("stop")
except ValueError as e:
    print(e, os.path.exists("never.txt"))
with luigi.LocalTarget("out/").temporary_path() as p:
    os.mkdir(p)
print(os.path.isdir("out"))
try:
    with luigi.LocalTarget("out").temporary_path() as p:
        os.mkdir(p)
except luigi.target.FileAlreadyExists as e:
    print("already there")
for mode in ("a", "r+", "x"):
    try:
        t.open(mode)
    except Exception as e:
        print(type(e).__name__, e)
try:
    UTF8 >> Gzip >> UTF8
except TypeError as e:
    print(e)
fs = t.fs
print(sorted(fs.listdir("a")), fs.isdir("a"), fs.exists("zz"))
fs.mkdir("m/n/o"); fs.mkdir("m/n/o")
for call in (lambda: fs.mkdir("m", raise_if_exists=True), lambda: fs.mkdir("q/r", parents=False), lambda: fs.mkdir("a/b/c.txt/x"), lambda: fs.remove("zz"), ):
    try:
        call()
        print("fine")
    except Exception as e:
        print(type(e).__name__, type(e).__name__ in ("FileNotFoundError", "NotADirectoryError") or e)
t.copy("copy.txt"); t.move("moved/d.txt"); print(t.path, t.exists(), os.path.exists("copy.txt"), os.path.exists("moved/d.txt"))
""",
        compare_stderr=False,
    ),
    script(
        "mock targets",
        """
import luigi
from luigi.mock import MockTarget, MockFileSystem
class A(luigi.Task):
    def output(self): return MockTarget("/a")
    def run(self):
        with self.output().open("w") as f: f.write("text")
class B(luigi.Task):
    def requires(self): return A()
    def output(self): return MockTarget("/b")
    def run(self):
        with self.input().open() as i, self.output().open("w") as o: o.write(i.read() + "!")
if __name__ == "__main__":
    print(luigi.build([B()], local_scheduler=True, log_level="CRITICAL"))
    print(sorted(dict(MockFileSystem().get_all_data()).items()), MockTarget("/b").fs.listdir("/"))
    MockFileSystem().clear()
    print(B().complete())
""",
        compare_stderr=False,
    ),
    script(
        "inherits and requires",
        """
import luigi
from luigi.util import inherits, requires, copies, delegates, common_params, previous
import datetime
class A(luigi.Task):
    d = luigi.DateParameter()
    n = luigi.IntParameter(default=2)
class C(luigi.Task):
    c = luigi.Parameter(default="c")
@inherits(A)
class B(luigi.Task):
    b = luigi.Parameter(default="b")
    def requires(self): return self.clone_parent()
@requires(A, C)
class D(luigi.Task): pass
@requires(a=A, c=C)
class E(luigi.Task): pass
day = datetime.date(2020, 3, 1)
for cls in (B, D, E):
    t = cls(d=day)
    print(t, [n for n, p in cls.get_params()], t.requires(), previous(t))
print(sorted(common_params(B(d=day, n=5), A).items()))
print(B(day, 3), B.get_param_names(), B(day).param_kwargs)
for bad in (lambda: inherits(), lambda: inherits(A, c=C)(B), lambda: common_params(B(d=day), 5), lambda: previous(C())):
    try:
        print(bad())
    except Exception as e:
        print(type(e).__name__, e)
""",
    ),
    script(
        "construction errors",
        """
import luigi
class A(luigi.Task):
    x = luigi.IntParameter()
    y = luigi.Parameter(default="y")
    z = luigi.Parameter(default="z", positional=False)
for args, kwargs in [((), {}), ((1, 2, 3), {}), ((1,), {"x": 2}), ((), {"w": 1}), ((1,), {}), ((1, "b"), {"z": "c"})]:
    try:
        t = A(*args, **kwargs)
        print(t, t.task_id, A(*args, **kwargs) is t)
    except Exception as e:
        print(type(e).__name__, e)
print(A(1) == A(x=1), hash(A(1)) == hash(A(x=1)), A(1) != A(2), A(1).clone(x=5), A.from_str_params({"x": "9"}))
class B(luigi.Task):
    def __init__(self): pass
try:
    luigi.build([B()], local_scheduler=True, log_level="CRITICAL")
except Exception as e:
    print(type(e).__name__, e)
try:
    luigi.build(["nothing"], local_scheduler=True, log_level="CRITICAL")
except Exception as e:
    print(type(e).__name__, e)
""",
        compare_stderr=False,
    ),
    script(
        "registry",
        """
import luigi
from luigi.task_register import Register, load_task
class A(luigi.Task):
    x = luigi.IntParameter(default=1)
class TaskOne(luigi.Task): pass
def clash():
    class TaskOne(luigi.Task): pass
    return TaskOne
print(Register.get_task_cls("A"), Register._editdistance("kitten", "sitting"))
kept = clash()
for name in ("TaskOne", "TaskTwo", "Completely_Different_Name_Of_A_Task"):
    try:
        print(Register.get_task_cls(name))
    except Exception as e:
        print(type(e).__name__, str(e).split("Candidates")[0])
print(load_task("json", "A", {"x": "4", "other": "5"}), A.task_family, A().task_module)
class A(A):
    y = luigi.Parameter(default="sub")
print(Register.get_task_cls("A")())
print(luigi.task.task_id_str("Fam", {}), luigi.task.task_id_str("Fam", {"b": "2", "a": "\\u00e9 x"}))
print(luigi.task.flatten({"a": "foo", "b": "bar"}), luigi.task.flatten(["foo", ["bar", "troll"]]), luigi.task.flatten(5), luigi.task.flatten(None))
""",
    ),
    script(
        "warnings of parameters",
        """
import luigi, warnings, datetime
class A(luigi.Task):
    p = luigi.Parameter(default=1)
    t = luigi.TimeDeltaParameter(default=datetime.timedelta(1))
    o = luigi.OptionalIntParameter(default="five")
    m = luigi.DateMinuteParameter(default=None)
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    A()
    A(m=datetime.datetime(2020, 1, 2, 3, 4, 5))
    A.from_str_params({"m": "2020-01-02T03H04"})
    luigi.Parameter(is_global=True)
    A().param_args
    A().complete()
    luigi.LocalTarget("x*").exists()
for w in caught:
    print(w.category.__name__, w.message)
""",
        compare_stderr=False,
    ),
    script(
        "date intervals",
        """
from luigi import date_interval as d
import datetime
for text in ("2015", "2015-05", "2015-W35", "2015-11-04", "2015-11-04-2015-12-04"):
    for cls in (d.Year, d.Month, d.Week, d.Date, d.Custom):
        i = cls.parse(text)
        if i is not None:
            print(cls.__name__, i, i.date_a, i.date_b, len(i.dates()), len(list(i.hours())), hash(i) == hash(str(i)))
            try:
                print(i.prev(), i.next())
            except NotImplementedError as e:
                print("not implemented")
print(d.Week(2015, 1).dates()[0], d.Month(2015, 1) < d.Month(2015, 2), datetime.date(2015, 1, 5) in d.Month(2015, 1))
for bad in (lambda: d.Week(2015, 60), lambda: d.Month(2015, 13), lambda: d.Month(2015, 1) < d.Year(2015)):
    try:
        bad()
    except Exception as e:
        print(type(e).__name__, e)
""",
    ),
    script(
        "scheduler object",
        """
from luigi.scheduler import Scheduler
s = Scheduler(retry_delay=0, retry_count=2, stable_done_cooldown_secs=0)
s.add_task(worker="X", task_id="A", priority=0)
s.add_task(worker="X", task_id="B", deps=["A"], priority=5)
s.add_task(worker="X", task_id="C", resources={"r": 2})
def ask(w="X"):
    r = s.get_work(worker=w, host="h")
    print(w, r["task_id"], r["n_pending_tasks"], r["n_unique_pending"], r["n_pending_last_scheduled"], r["worker_state"], sorted(t["task_id"] for t in r["running_tasks"]))
    return r["task_id"]
ask(); ask()
s.add_task(worker="X", task_id="A", status="DONE"); ask()
s.update_resource("r", 2); s.add_task(worker="X", task_id="B", status="FAILED", expl="\\"e\\""); ask(); ask("Y")
s.prune(); ask()
s.add_task(worker="X", task_id="B", status="FAILED"); s.prune(); ask()
print({k: v["status"] for k, v in s.task_list("", "").items()}, s.resource_list()[0]["num_total"], s.count_pending("X")["n_pending_tasks"])
print(sorted(s.dep_graph("B")), sorted(s.inverse_dep_graph("A")), s.fetch_error("B")["error"], s.mark_as_done("B"), s.forgive_failures("C"), s.pause(), s.is_paused())
""",
        compare_stderr=False,
    ),
]
