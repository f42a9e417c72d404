"""Programs as tasks: what they get, what is logged, how they fail, how they are watched and ended."""

from __future__ import annotations

import logging
import os
import pickle
import signal
import subprocess
import sys
import threading

import luigi
import pytest
from luigi.contrib.external_program import (
    ExternalProgramRunContext,
    ExternalProgramRunError,
    ExternalProgramTask,
    ExternalPythonProgramTask,
)


class Shell(ExternalProgramTask):
    script = luigi.Parameter(default="true")

    def program_args(self):
        return ["sh", "-c", self.script]


@pytest.fixture
def log(caplog):
    luigi.configuration.get_config()  # tells which files it has read
    caplog.set_level(logging.INFO, logger="luigi-interface")
    return caplog


def test_what_is_printed_is_logged_after_the_end(log):
    Shell(script="echo out; echo err >&2").run()
    assert log.messages == [
        "Running command: sh -c echo out; echo err >&2",
        "Program stdout:\nout\n",
        "Program stderr:\nerr\n",
    ]


def test_nothing_printed_is_not_logged(log):
    Shell().run()
    assert log.messages == ["Running command: sh -c true"]


def test_no_shell_looks_at_the_arguments(log):
    class Echo(ExternalProgramTask):
        def program_args(self):
            return ["printf", "%s|", "a b", 3, "$HOME"]

    Echo().run()
    assert log.messages[1] == "Program stdout:\na b|3|$HOME|"


def test_output_that_is_no_text_does_not_break_the_task(log):
    Shell(script=r"printf 'a\377b'").run()
    assert log.messages[1] == "Program stdout:\na\ufffdb"


def test_the_standard_error_only_of_a_failure(log):
    class Quiet(Shell):
        always_log_stderr = False

    Quiet(script="echo err >&2").run()
    assert log.messages == ["Running command: sh -c echo err >&2"]
    with pytest.raises(ExternalProgramRunError):
        Quiet(script="echo err >&2; exit 1").run()
    assert log.messages[-1] == "Program stderr:\nerr\n"


def test_a_failure_tells_everything():
    with pytest.raises(ExternalProgramRunError) as caught:
        Shell(script="echo out; echo err >&2; exit 3").run()
    error = caught.value
    assert isinstance(error, RuntimeError)
    assert error.message == "Program failed with return code=3:"
    assert error.args == ("sh", "-c", "echo out; echo err >&2; exit 3")
    assert (error.out, error.err) == ("out\n", "err\n")
    assert error.env == dict(os.environ)
    assert str(error) == (
        "Program failed with return code=3:\nCOMMAND: sh -c echo out; echo err >&2; exit 3\n"
        "STDOUT: out\n\nSTDERR: err\n\nENVIRONMENT: [empty]\033[m"
    )


def test_the_text_shows_what_differs_in_the_environment_and_no_secret(monkeypatch):
    monkeypatch.setenv("OF_THIS_PROCESS", "1")
    environment = {
        "OF_THIS_PROCESS": "1",
        "X": "y",
        "DB_PASSWORD": "hidden",
        "URL": "https://me:hidden@host/x",
    }
    text = str(ExternalProgramRunError("m", ["a"], env=environment))
    assert text == (
        "m\nCOMMAND: a\nSTDOUT: [empty]\nSTDERR: [empty]\n"
        "ENVIRONMENT: X='y' DB_PASSWORD='***' URL='https://***@host/x'\033[m"
    )


def test_an_error_can_be_pickled():
    error = pickle.loads(pickle.dumps(ExternalProgramRunError("m", ["a"], {"x": "y"}, "out", "err")))
    assert (error.message, error.args, error.env, error.out, error.err) == (
        "m",
        ("a",),
        {"x": "y"},
        "out",
        "err",
    )


def test_a_program_that_writes_straight_through(log, capfd):
    Shell(script="echo out; echo err >&2", capture_output=False).run()
    assert capfd.readouterr() == ("out\n", "err\n")
    assert len(log.messages) == 1
    with pytest.raises(ExternalProgramRunError) as caught:
        Shell(script="exit 1", capture_output=False).run()
    assert caught.value.out is None


def test_a_program_that_cannot_be_found_fails_the_task():
    class Missing(ExternalProgramTask):
        def program_args(self):
            return ["no-such-program-anywhere"]

    with pytest.raises(FileNotFoundError):
        Missing().run()


@pytest.mark.parametrize("capture", [True, False])
@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_the_tracking_url_is_found_while_the_program_runs(log, tmp_path, capfd, stream, capture):
    """The program ends only when the address has been told of."""
    found = []
    go_on = tmp_path / "go_on"

    class Tracked(Shell):
        def build_tracking_url(self, logs_output):
            return f"{logs_output}/ui"

    def told(url):
        found.append(url)
        go_on.touch()

    redirect = ">&2" if stream == "stderr" else ""
    task = Tracked(
        script=f"echo first {redirect}; echo see http://host:1 now {redirect}; "
        f"while [ ! -e {go_on} ]; do sleep 0.01; done; echo last {redirect}",
        stream_for_searching_tracking_url=stream,
        tracking_url_pattern=r"see (\S+)",
        capture_output=capture,
    )
    task.set_tracking_url = told
    task.run()
    assert found == ["http://host:1/ui"]
    printed = "first\nsee http://host:1 now\nlast\n"
    if capture:
        assert log.messages[-1] == f"Program {stream}:\n{printed}"
    else:
        assert getattr(capfd.readouterr(), stream[3:]) == printed


def test_a_tracking_url_that_cannot_be_set_is_given_up(log):
    calls = []

    def refuse(url):
        calls.append(url)
        raise ConnectionError("no scheduler")

    task = Shell(
        script="echo see 1; echo see 2",
        stream_for_searching_tracking_url="stdout",
        tracking_url_pattern="see (.)",
    )
    task.set_tracking_url = refuse
    task.run()
    assert calls == ["1"]
    assert log.messages[-1] == "Program stdout:\nsee 1\nsee 2\n"


@pytest.mark.timeout(20)
def test_a_child_that_keeps_the_stream_open_holds_nothing_up(log, tmp_path):
    ended = tmp_path / "ended"
    Shell(
        script=f"(while [ ! -e {ended} ]; do sleep 0.05; done; echo late) & echo early",
        stream_for_searching_tracking_url="stdout",
        tracking_url_pattern="x(.)",
    ).run()
    assert log.messages[-1] == "Program stdout:\nearly\n"
    ended.touch()


class TestContext:
    def test_the_handler_is_put_back(self):
        before = signal.getsignal(signal.SIGTERM)
        with subprocess.Popen(["true"]) as process, ExternalProgramRunContext(process):
            assert signal.getsignal(signal.SIGTERM) != before
        assert signal.getsignal(signal.SIGTERM) == before

    def test_a_signal_kills_the_program_and_ends_this_process(self):
        with subprocess.Popen(["sleep", "60"]) as process:
            with pytest.raises(SystemExit) as caught, ExternalProgramRunContext(process):
                signal.raise_signal(signal.SIGTERM)
            assert process.wait() == -signal.SIGKILL
        assert caught.value.code == 128 + signal.SIGTERM

    def test_an_interrupt_kills_the_program(self):
        with subprocess.Popen(["sleep", "60"]) as process:
            with pytest.raises(KeyboardInterrupt), ExternalProgramRunContext(process):
                raise KeyboardInterrupt
            assert process.wait() == -signal.SIGKILL

    def test_in_another_thread_no_handler_is_set(self):
        done = []
        thread = threading.Thread(target=lambda: done.append(Shell(script="echo in a thread").run()))
        thread.start()
        thread.join()
        assert done == [None]


def test_a_worker_that_runs_it_reports_the_failure(tmp_path):
    class Written(Shell):
        def output(self):
            return luigi.LocalTarget(tmp_path / "written")

    result = luigi.build([Written(script="exit 2")], local_scheduler=True, detailed_summary=True)
    assert result.status.name == "FAILED"


def test_a_python_program_with_an_environment_of_its_own(monkeypatch):
    monkeypatch.setenv("PATH", "/bin")
    monkeypatch.setenv("PYTHONPATH", "/old")
    monkeypatch.setenv("PYTHONHOME", "/gone")

    class Python(ExternalPythonProgramTask):
        def program_args(self):
            return [sys.executable, "-c", "pass"]

    environment = Python(virtualenv="/venv", extra_pythonpath="/a:/b").program_environment()
    assert environment["PATH"] == "/venv/bin:/bin"
    assert environment["PYTHONPATH"] == "/a:/b:/old"
    assert environment["VIRTUAL_ENV"] == "/venv"
    assert "PYTHONHOME" not in environment
    assert Python().program_environment() == dict(os.environ)
    assert os.environ["PYTHONHOME"] == "/gone"


def test_how_the_task_runs_is_no_part_of_its_id():
    assert Shell(script="x", capture_output=False).task_id == Shell(script="x").task_id
    with pytest.raises(NotImplementedError):
        ExternalProgramTask().program_args()
