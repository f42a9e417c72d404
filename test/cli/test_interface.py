"""``luigi.build`` and ``luigi.run``: options, factories, results."""

from __future__ import annotations

import logging
from pathlib import Path

import luigi
import pytest
from luigi import interface
from luigi.execution_summary import LuigiRunResult, LuigiStatusCode
from luigi.parameter import UnknownParameterException


@pytest.fixture(autouse=True)
def _quiet(tmp_path, monkeypatch):
    """Leave handlers and levels as they are, and configuration files out."""
    monkeypatch.chdir(tmp_path)
    from luigi.configuration import get_config

    get_config().set("core", "no_configure_logging", "true")


@pytest.fixture
def tasks():
    class Leaf(luigi.Task):
        n = luigi.IntParameter(default=1)
        ran = False

        def run(self):
            if self.n < 0:
                raise ValueError("negative")
            self.ran = True

        def complete(self):
            return self.ran

    class Missing(luigi.ExternalTask):
        def complete(self):
            return False

    return Leaf, Missing


class Factory(interface._WorkerSchedulerFactory):
    """The default one, which notes what it is asked for."""

    def __init__(self):
        self.calls = []
        self.closed = 0

    def create_local_scheduler(self):
        self.calls.append("local")
        scheduler = super().create_local_scheduler()
        scheduler.close = self.close
        return scheduler

    def create_remote_scheduler(self, url):
        self.calls.append(url)
        return self.create_local_scheduler()

    def create_worker(self, scheduler, worker_processes, assistant=False):
        self.calls.append((worker_processes, assistant))
        return super().create_worker(scheduler, worker_processes, assistant)

    def close(self):
        self.closed += 1


def test_build_tells_whether_all_went_well(tasks):
    leaf, missing = tasks
    assert luigi.build([leaf(n=1), leaf(n=2)], local_scheduler=True) is True
    assert luigi.build([leaf(n=-1)], local_scheduler=True) is False
    assert luigi.build([missing()], local_scheduler=True) is True


def test_build_of_nothing(caplog):
    with caplog.at_level(logging.INFO, "luigi-interface"):
        result = luigi.build([], local_scheduler=True, detailed_summary=True)
    assert isinstance(result, LuigiRunResult)
    assert (result.status, result.scheduling_succeeded) == (LuigiStatusCode.SUCCESS, True)
    assert "Did not schedule any tasks" in result.summary_text
    assert result.summary_text in caplog.messages
    assert "Done scheduling tasks" in caplog.messages


def test_the_detailed_result(tasks):
    leaf, missing = tasks
    build = lambda task: luigi.build([task], local_scheduler=True, detailed_summary=True).status  # noqa: E731
    assert build(leaf(n=-1)) == LuigiStatusCode.FAILED
    assert build(missing()) == LuigiStatusCode.MISSING_EXT


def test_a_bare_task_is_refused(tasks):
    with pytest.raises(TypeError, match="'Leaf' object is not iterable"):
        luigi.build(tasks[0](), local_scheduler=True)


def test_an_unknown_option():
    with pytest.raises(
        UnknownParameterException, match=r"^core\[args=\(\), kwargs=\{.*\}\]: unknown parameter wokers$"
    ):
        luigi.build([], wokers=2)


def test_what_a_factory_is_asked_for(tasks):
    factory = Factory()
    luigi.build([tasks[0]()], worker_scheduler_factory=factory, local_scheduler=True)
    assert factory.calls == ["local", (1, False)]
    assert factory.closed == 1


@pytest.mark.parametrize(
    ("options", "url"),
    [
        ({}, "http://localhost:8082/"),
        ({"scheduler_host": "h", "scheduler_port": 1}, "http://h:1/"),
        ({"scheduler_host": "h", "scheduler_url": "https://u/x"}, "https://u/x"),
    ],
)
def test_where_the_scheduler_is(options, url):
    factory = Factory()
    luigi.build([], worker_scheduler_factory=factory, workers=0, assistant=False, **options)
    assert factory.calls[0] == url


def test_a_factory_may_be_any_object(tasks):
    class Own:
        def __init__(self):
            self.inner = interface._WorkerSchedulerFactory()

        def create_local_scheduler(self):
            return self.inner.create_local_scheduler()

        def create_worker(self, scheduler, worker_processes, assistant=False):
            return self.inner.create_worker(
                scheduler=scheduler, worker_processes=worker_processes, assistant=assistant
            )

    assert luigi.build([tasks[0]()], worker_scheduler_factory=Own(), local_scheduler=True)


def test_run_takes_a_command_line(tasks, tmp_path):
    arguments = ["Leaf", "--n", "4", "--local-scheduler", "--lock-pid-dir", str(tmp_path / "locks")]
    assert luigi.run(arguments) is True
    assert tasks[0](n=4).ran
    result = luigi.run(tuple(arguments), detailed_summary=True)
    assert result.status == LuigiStatusCode.SUCCESS
    assert interface._run(arguments).scheduling_succeeded is True


def test_run_of_a_class(tasks, tmp_path):
    arguments = ["--n", "-1", "--lock-pid-dir", str(tmp_path)]
    assert luigi.run(arguments, main_task_cls=tasks[0], local_scheduler=True) is False
    assert arguments == ["--n", "-1", "--lock-pid-dir", str(tmp_path)]


def test_run_without_arguments_takes_those_of_the_process(tasks, tmp_path, monkeypatch):
    monkeypatch.setattr("sys.argv", ["x", "Leaf", "--local-scheduler", "--lock-pid-dir", str(tmp_path)])
    assert luigi.run() is True
    assert tasks[0]().ran


def test_run_of_a_text_is_refused():
    with pytest.raises(TypeError) as caught:
        luigi.run("Leaf")
    assert str(caught.value) == (
        "cmdline_args must be a list or tuple of command-line arguments, got 'str'. "
        "Example: ['MyTask', '--param', 'value']"
    )


def test_an_option_that_is_gone(tasks, tmp_path):
    with pytest.warns(DeprecationWarning, match="use_dynamic_argparse is deprecated, don't set it."):
        luigi.run(["Leaf", "--local-scheduler", "--lock-pid-dir", str(tmp_path)], use_dynamic_argparse=True)


def test_run_within_a_run_is_refused_and_build_is_not(tasks, tmp_path):
    leaf, _ = tasks
    seen = {}

    class Outer(leaf):
        def run(self):
            seen["build"] = luigi.build([leaf(n=9)], local_scheduler=True)
            try:
                luigi.run(["Leaf", "--local-scheduler"])
            except AssertionError:
                seen["run"] = "refused"
            self.ran = True

    assert luigi.run(["Outer", "--local-scheduler", "--lock-pid-dir", str(tmp_path)])
    assert seen == {"build": True, "run": "refused"}


def test_the_lock_is_held_during_the_run_and_given_back(tasks, tmp_path):
    locks = tmp_path / "locks"
    held = []

    class Looks(tasks[0]):
        def run(self):
            held.extend(locks.iterdir())
            self.ran = True

    assert luigi.run(["Looks", "--local-scheduler", "--lock-pid-dir", str(locks)])
    assert len(held) == 1
    assert list(locks.iterdir()) == []
    assert luigi.run(["Looks", "--local-scheduler", "--no-lock", "--lock-pid-dir", str(tmp_path / "none")])
    assert not (tmp_path / "none").exists()


def test_a_refused_lock_ends_the_run(tasks, tmp_path, capsys):
    arguments = ["Leaf", "--local-scheduler", "--lock-pid-dir", str(tmp_path), "--lock-size", "0"]
    with pytest.raises(interface.PidLockAlreadyTakenExit) as caught:
        luigi.run(arguments)
    assert isinstance(caught.value, SystemExit)
    assert caught.value.code is None
    assert capsys.readouterr().out == "Pid(s) set() already running\n"


def test_options_come_from_the_configuration(tmp_path):
    Path("luigi.cfg").write_text("[core]\nno_configure_logging = true\nworkers = 3\nlocal_scheduler = true\n")
    luigi.configuration.get_config().reload()
    factory = Factory()
    luigi.build([], worker_scheduler_factory=factory)
    assert factory.calls == ["local", (3, False)]


def test_the_old_names_of_options_warn():
    luigi.configuration.get_config().set("core", "default_scheduler_host", "old")
    factory = Factory()
    text = r"\[core\] default-scheduler-host is deprecated. Please use \[core\] scheduler_host"
    with pytest.warns(DeprecationWarning, match=text):
        luigi.build([], worker_scheduler_factory=factory)
    assert factory.calls[0] == "http://old:8082/"


def test_names_that_programs_reach_through_the_module():
    assert interface.LuigiRunResult is LuigiRunResult
    assert interface.worker.Worker is luigi.worker.Worker
    assert interface.rpc.RemoteScheduler is luigi.RemoteScheduler
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        interface.nothing
