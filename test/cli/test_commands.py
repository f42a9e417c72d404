"""The commands as a shell runs them: exit codes, misuse, what is written where."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from test.console import ROOT

TASKS = """
import luigi

class Ok(luigi.Task):
    done = False
    def run(self): self.done = True
    def complete(self): return self.done

class Fails(luigi.Task):
    def run(self): raise ValueError("on purpose")
    def complete(self): return False

class Missing(luigi.ExternalTask):
    def complete(self): return False

class Broken(luigi.Task):
    def complete(self): raise ValueError("on purpose")

class NotGranted(luigi.Task):
    resources = {"r": 2}
    def complete(self): return False

class Crashes(luigi.Task):
    def requires(self): return 5
    def complete(self): return False

class All(luigi.WrapperTask):
    def requires(self): return [Fails(), Missing(), Broken()]

class Typed(luigi.Task):
    number = luigi.IntParameter()
    def complete(self): return True

class Exits(luigi.Task):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        raise ValueError("in a constructor")
"""
CODES = """
[retcode]
already_running = 10
missing_data = 20
not_run = 25
task_failed = 30
scheduling_error = 35
unhandled_exception = 40
"""
KINDS = [("Ok", 0), ("Fails", 30), ("Missing", 20), ("Broken", 35), ("NotGranted", 25), ("Crashes", 40)]


@pytest.fixture
def luigi(tmp_path):
    (tmp_path / "tasks.py").write_text(TASKS)

    def run(*arguments, config="", module="luigi_clone", **environment):
        (tmp_path / "luigi.cfg").write_text(config)
        return subprocess.run(
            [sys.executable, "-m", module, *arguments],
            cwd=tmp_path,
            env={
                **os.environ,
                "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}",
                "COLUMNS": "200",
                **environment,
            },
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    return run


LOCAL = ["--local-scheduler", "--no-lock", "--module", "tasks"]


@pytest.mark.parametrize(("family", "code"), [*KINDS, ("All", 35)])
def test_configured_codes(luigi, family, code):
    assert luigi(family, *LOCAL, config=CODES).returncode == code


@pytest.mark.parametrize(("family", "code"), [(family, 4 if code == 40 else 0) for family, code in KINDS])
def test_codes_by_default(luigi, family, code):
    assert luigi(family, *LOCAL).returncode == code


@pytest.mark.parametrize(("family", "code"), KINDS)
def test_recommended_codes(luigi, family, code):
    assert luigi(family, *LOCAL, "--retcode-recommended").returncode == code


def test_a_code_that_is_set_is_not_replaced(luigi):
    config = "[retcode]\nrecommended = true\ntask_failed = 7\n"
    assert luigi("Fails", *LOCAL, config=config).returncode == 7
    assert luigi("Fails", *LOCAL, "--retcode-task-failed", "8").returncode == 8


def test_a_refused_lock(luigi, tmp_path):
    done = luigi("Ok", "--local-scheduler", "--module", "tasks", "--lock-size", "0", config=CODES)
    assert (done.returncode, done.stdout) == (10, "Pid(s) set() already running\n")


def test_a_successful_run(luigi):
    done = luigi("Ok", *LOCAL)
    assert done.stdout == ""
    lines = done.stderr.splitlines()
    assert lines[0] == "DEBUG: Checking if Ok() is complete"
    assert lines[-3:] == [
        "This progress looks :) because there were no failed tasks or missing dependencies",
        "",
        "===== Luigi Execution Summary =====",
    ] or lines[-2:] == ["===== Luigi Execution Summary =====", ""]


@pytest.mark.parametrize(
    ("arguments", "code", "last"),
    [
        ([], 1, "No task specified"),
        (["Nope"], 1, None),
        (["--module", "nowhere", "Ok"], 1, "ModuleNotFoundError: No module named 'nowhere'"),
        ([*LOCAL, "Typed", "--number", "x"], 4, "ValueError: invalid literal for int() with base 10: 'x'"),
        (
            [*LOCAL, "Typed"],
            4,
            "luigi.parameter.MissingParameterException: "
            "Typed[args=(), kwargs={}]: requires the 'number' parameter to be set",
        ),
        (
            [*LOCAL, "Ok", "--workers", "x"],
            4,
            "ValueError: core[args=(), kwargs={}]: Error when parsing the default value of 'workers'",
        ),
        ([*LOCAL, "Ok", "--nonsense"], 2, "__main__.py: error: unrecognized arguments: --nonsense"),
    ],
)
def test_misuse_is_told_without_a_traceback(luigi, arguments, code, last):
    done = luigi(*arguments)
    assert done.returncode == code
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    if last:
        shown = [line for line in done.stderr.splitlines() if not line.startswith("  (")]
        assert shown[-1] == last
    else:
        assert done.stderr.startswith(
            "luigi.task_register.TaskClassNotFoundException: No task Nope. Did you mean:"
        )


def test_a_value_that_cannot_be_read_is_named(luigi):
    assert "(in --number x)" in luigi(*LOCAL, "Typed", "--number", "x").stderr


@pytest.mark.parametrize(
    ("config", "last"),
    [
        ("nothing\n", "'nothing\\n'"),
        ("[retcode]\ntask_failed = x\n", "Error when parsing the default value of 'task_failed'"),
    ],
)
def test_a_configuration_that_cannot_be_read(luigi, config, last):
    done = luigi("Ok", *LOCAL, config=config)
    assert done.returncode == 1
    assert last in done.stderr
    assert "Traceback" not in done.stderr


def test_an_error_in_a_program_keeps_its_traceback(luigi, tmp_path):
    done = luigi("Exits", *LOCAL)
    assert done.returncode == 4
    assert "ERROR: Uncaught exception in luigi\nTraceback (most recent call last):" in done.stderr
    (tmp_path / "broken.py").write_text("import luigi\n1 / 0\n")
    done = luigi("Ok", "--module", "broken")
    assert done.returncode == 1
    assert "Traceback (most recent call last):" in done.stderr
    assert done.stderr.endswith("ZeroDivisionError: division by zero\n")


def test_a_module_that_lacks_another_keeps_its_traceback(luigi, tmp_path):
    (tmp_path / "lacking.py").write_text("import not_there_at_all\n")
    done = luigi("Ok", "--module", "lacking")
    assert done.returncode == 1
    assert 'lacking.py", line 1' in done.stderr


def test_the_current_folder_is_not_searched(tmp_path):
    (tmp_path / "tasks.py").write_text(TASKS)
    code = f"import sys; sys.path[0] = {str(ROOT)!r}; from luigi_clone.cmdline import luigi_run; luigi_run()"
    done = subprocess.run(
        [sys.executable, "-c", code, "--module", "tasks", "Ok"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 1
    assert "No module named 'tasks'" in done.stderr


def test_the_server_is_not_there_yet_or_says_what_it_takes(tmp_path):
    code = (
        f"import sys; sys.path[0] = {str(ROOT)!r}; sys.argv[0] = 'luigid'; "
        "from luigi_clone.cmdline import luigid; luigid()"
    )
    run = lambda *arguments: subprocess.run(  # noqa: E731
        [sys.executable, "-c", code, *arguments],
        cwd=tmp_path,
        env={**os.environ, "COLUMNS": "80"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    shown = run("--help").stdout
    assert shown.startswith(
        "usage: luigid [-h] [--background] [--pidfile PIDFILE] [--logdir LOGDIR]\n"
        "              [--state-path STATE_PATH] [--address ADDRESS]\n"
        "              [--unix-socket UNIX_SOCKET] [--port PORT]\n\nCentral luigi server\n"
    )
    assert run("--bogus").returncode == 2
    if not (ROOT / "luigi_clone" / "server.py").exists():
        done = run("--port", "0")
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.startswith("luigid: ")
        assert done.stderr.count("\n") == 1


def test_interrupting_ends_the_command(luigi, tmp_path):
    (tmp_path / "waits.py").write_text(
        "import luigi, signal, time\n"
        "class Waits(luigi.Task):\n"
        "    def run(self):\n"
        "        print('waiting', flush=True)\n"
        "        signal.pause()\n"
        "    def complete(self): return False\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-m", "luigi_clone", "--module", "waits", "Waits", "--local-scheduler", "--no-lock"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "waiting\n"
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode in (1, -signal.SIGINT)
    assert "KeyboardInterrupt" in err
