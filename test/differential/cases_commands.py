"""Command lines, configuration, parameters, help texts and misuse."""

from __future__ import annotations

from test.differential.engines import Case

PARAMETERS = '''
import datetime
import enum
import luigi

class Colour(enum.Enum):
    red = 1
    blue = 2

class Show(luigi.Task):
    """Prints its parameters."""
    text = luigi.Parameter(default="t", description="some text")
    number = luigi.IntParameter(default=1)
    real = luigi.FloatParameter(default=0.5)
    flag = luigi.BoolParameter()
    sure = luigi.BoolParameter(default=True, parsing=luigi.BoolParameter.EXPLICIT_PARSING)
    day = luigi.DateParameter(default=datetime.date(2020, 2, 29))
    month = luigi.MonthParameter(default=datetime.date(2020, 2, 1))
    hour = luigi.DateHourParameter(default=datetime.datetime(2020, 2, 29, 5))
    minute = luigi.DateMinuteParameter(default=datetime.datetime(2020, 2, 29, 5, 6))
    span = luigi.TimeDeltaParameter(default=datetime.timedelta(days=8, seconds=5))
    week = luigi.DateIntervalParameter(default=luigi.date_interval.Week(2020, 9))
    colour = luigi.EnumParameter(enum=Colour, default=Colour.red)
    colours = luigi.EnumListParameter(enum=Colour, default=(Colour.red,))
    choice = luigi.ChoiceParameter(choices=["a"], default="a")
    items = luigi.ListParameter(default=[1, [2]])
    pairs = luigi.DictParameter(default={"b": 1, "a": [1, 2]})
    couple = luigi.TupleParameter(default=((1, 2), (3,)))
    maybe = luigi.OptionalParameter(default=None)
    perhaps = luigi.OptionalIntParameter(default=None)
    small = luigi.NumericalParameter(var_type=int, min_value=0, max_value=10, default=3)
    path = luigi.PathParameter(default="a/b")
    quiet = luigi.Parameter(default="q", significant=False)
    hidden = luigi.Parameter(default="h", visibility=luigi.parameter.ParameterVisibility.HIDDEN)

    def complete(self):
        return True

    def requires(self):
        return []

class Main(luigi.WrapperTask):
    def requires(self):
        return Show(number=5)

if __name__ == "__main__":
    for task in (Show(), Show(text="x", number=7), Main()):
        print(task, task.task_id, sorted(task.to_str_params().items()))
'''

SHOW = "--module pipeline Show --local-scheduler "

SMALL = """
import luigi

class Small(luigi.Task):
    number = luigi.IntParameter()
    def complete(self):
        print(self.number, self.task_id)
        return True

class Root(luigi.WrapperTask):
    amount = luigi.IntParameter(default=3)
    def requires(self):
        return [Small(number=self.amount)]
"""

NAMESPACES = """
import luigi

luigi.namespace("area")
class A(luigi.Task):
    x = luigi.IntParameter(default=1)
    def complete(self):
        print(self, self.task_id, self.task_family, self.task_module)
        return True
luigi.namespace()
class B(A):
    pass
class C(A):
    task_namespace = "other"
luigi.auto_namespace(scope="pipeline")
class D(A):
    pass
"""

CASES = [
    Case("parameters by default", PARAMETERS, (SHOW, "python pipeline.py")),
    Case(
        "parameters on the command line",
        PARAMETERS,
        (
            SHOW + "--text 'ä b' --number 1_0 --real 1e3 --flag --sure false --day 2021-1-2 --month 2021-03",
            SHOW
            + "--hour 2021-01-02T03 --minute 2021-01-02T0304 --span '2 h 5 m' --week 2021-05 --colour blue",
            SHOW + '--colours red,blue --choice a --items \'[1, {"a": 2}]\' --pairs \'{"z": {"y": [1]}}\'',
            SHOW + "--couple '[[1,2],[3]]' --maybe m --perhaps 4 --small 9 --path c/d --quiet z --hidden w",
        ),
    ),
    Case(
        "values that cannot be read",
        PARAMETERS,
        (
            SHOW + "--number x",
            SHOW + "--day 20200102",
            SHOW + "--colour green",
            SHOW + "--choice b",
            SHOW + "--items {",
            SHOW + "--small 10",
            SHOW + "--span bogus",
            SHOW + "--week 2020-W60",
        ),
        ignore=(r"^Traceback ", r"^  +"),
    ),
    Case(
        "class-level flags reach dependencies",
        PARAMETERS,
        (
            "--module pipeline Main --local-scheduler --Show-text deep --Show-perhaps 4 --Show-pairs '{\"k\": 1}'",
        ),
    ),
    Case(
        "configuration of tasks",
        PARAMETERS,
        (SHOW, SHOW + "--text cli", "python pipeline.py"),
        files={
            "luigi.cfg": '[DEFAULT]\nbase = 7\n[Show]\ntext = from %(base)s ${WHO}\nnumber = %(base)s\nmaybe =\nflag = true\npairs = {"c": 1}\n'
        },
        environment={"WHO": "me"},
    ),
    Case(
        "environment variable that is not set",
        PARAMETERS,
        (SHOW,),
        files={"luigi.cfg": "[Show]\ntext = ${NOBODY_SETS_THIS}\n"},
        ignore=(r"^Traceback ", r"^  +"),
    ),
    Case(
        "unconsumed configuration",
        SMALL,
        ("--module pipeline Root --local-scheduler",),
        files={"luigi.cfg": "[Root]\namount = 4\nother = 5\n"},
        environment={"PYTHONWARNINGS": "always"},
        ignore=(r"^  ", r"Warning: (?!The configuration)"),
    ),
    Case(
        "dashes in the configuration",
        PARAMETERS,
        ("--module pipeline Main --local-scheduler --log-level INFO",),
        files={"luigi.cfg": "[core]\nno-lock = true\n[Show]\nquiet = a\n"},
    ),
    Case(
        "configuration from a path",
        SMALL,
        ("--module pipeline Root --local-scheduler",),
        files={"conf/my.cfg": "[Root]\namount = 9\n", "luigi.cfg": "[Root]\namount = 8\n"},
        environment={"LUIGI_CONFIG_PATH": "conf/my.cfg"},
    ),
    Case(
        "TOML configuration",
        SMALL,
        ("--module pipeline Root --local-scheduler",),
        files={"luigi.toml": "[Root]\namount = 6\n[core]\nlog_level = 'INFO'\n"},
        environment={"LUIGI_CONFIG_PARSER": "toml"},
    ),
    Case(
        "task options before and after",
        SMALL,
        (
            "--local-scheduler --module pipeline Small --number 3",
            "--module pipeline Small --number=-3 --local-scheduler",
        ),
    ),
    Case(
        "equals sign and prefix",
        SMALL,
        (
            "--module pipeline Small --number=3 --local-sched",
            "--module=pipeline Root --amount=2 --local-scheduler",
        ),
    ),
    Case(
        "missing parameter",
        SMALL,
        ("--module pipeline Small --local-scheduler",),
        ignore=(r"^Traceback ", r"^  +"),
    ),
    Case(
        "no task",
        SMALL,
        ("--module pipeline --local-scheduler", "--version"),
        ignore=(r"^Traceback ", r"^  +"),
    ),
    Case(
        "unknown option",
        SMALL,
        ("--module pipeline Root --nonsense 3 --local-scheduler",),
        compare_stderr=False,
    ),
    Case(
        "unknown task",
        SMALL,
        ("--module pipeline Rot --local-scheduler",),
        ignore=(r"^Traceback ", r"^  +"),
    ),
    Case(
        "unknown module",
        SMALL,
        ("--module no_such_module Root --local-scheduler",),
        ignore=(r"^Traceback ", r"^  +"),
    ),
    Case("help", SMALL, ("--module pipeline Root --help", "--module pipeline Small --help")),
    Case("help without a task", SMALL, ("--help",)),
    Case(
        "namespaces",
        NAMESPACES,
        tuple(f"--module pipeline {f} --local-scheduler" for f in ("area.A", "B", "other.C", "pipeline.D")),
    ),
    Case(
        "namespaced flags",
        NAMESPACES,
        (
            "--module pipeline area.A --local-scheduler --area.A-x 4",
            "--module pipeline area.A --local-scheduler --x 5",
        ),
    ),
    Case(
        "log level",
        SMALL,
        tuple(
            f"--module pipeline Root --local-scheduler --log-level {level}"
            for level in ("INFO", "WARNING", "ERROR")
        ),
    ),
    Case(
        "no logging configuration",
        SMALL,
        ("--module pipeline Root --local-scheduler",),
        files={"luigi.cfg": "[core]\nno_configure_logging = true\n"},
    ),
    Case(
        "logging configuration file",
        SMALL,
        (
            "--module pipeline Root --local-scheduler --logging-conf-file log.ini",
            "--module pipeline Root --local-scheduler --logging-conf-file none.ini",
        ),
        files={
            "log.ini": "[loggers]\nkeys=root,l\n[handlers]\nkeys=h\n[formatters]\nkeys=f\n[logger_root]\nhandlers=h\n[logger_l]\nqualname=luigi-interface\nlevel=INFO\nhandlers=\n"
            "[handler_h]\nclass=StreamHandler\nargs=(sys.stdout,)\nformatter=f\n[formatter_f]\nformat=%(name)s|%(levelname)s|%(message)s\n"
        },
        ignore=(r"^Traceback ", r"^  +"),
    ),
    Case(
        "exit codes",
        """
import luigi
class Fail(luigi.Task):
    def run(self): raise ValueError("x")
    def complete(self): return False
class Ext(luigi.ExternalTask):
    def complete(self): return False
class Broken(luigi.Task):
    def complete(self): raise ValueError("y")
class Crash(luigi.Task):
    def requires(self): return 5
    def complete(self): return False
class All(luigi.WrapperTask):
    def requires(self): return [Fail(), Ext(), Broken()]
""",
        tuple(
            f"--module pipeline {f} --local-scheduler --log-level CRITICAL"
            for f in ("Fail", "Ext", "Broken", "Crash", "All")
        ),
        files={
            "luigi.cfg": "[retcode]\nalready_running=10\nmissing_data=20\nnot_run=25\ntask_failed=30\nscheduling_error=35\nunhandled_exception=40\n"
        },
    ),
]
