"""``luigi logs``."""

from __future__ import annotations

import re
import subprocess
import threading
import time
from pathlib import Path

import pytest

from luigi_clone import cmdline, configuration
from luigi_clone.tools import logs
from test import console

from . import pipelines
from .pipelines import run


def ask(capfd, *argv):
    code = logs.main(list(argv))
    shown = capfd.readouterr()
    return code, shown.out, shown.err


def test_it_shows_what_the_scheduler_keeps(url, done, capfd):
    task = pipelines.Writes(done_file=done)
    run([task], url)
    capfd.readouterr()
    code, out, _ = ask(capfd, task.task_id, "--scheduler-url", url, "--color", "always")
    assert code == 0
    assert out.startswith("[... ")  # the line of 300,000 characters is more than the scheduler keeps
    assert "end of the long line\n" in out


def test_it_shows_one_attempt_or_says_which_there_are(url, served, done, capfd):
    task = pipelines.Fails(done_file=done)
    for _ in range(2):
        run([task], url)
        served.scheduler.forgive_failures(task.task_id)
    capfd.readouterr()
    code, out, _ = ask(capfd, task.task_id, "--scheduler-url", url, "--attempt", "1")
    assert (code, out.count("before the failure\n")) == (0, 1)
    configuration.get_config().set("worker", "log_dir", "/nowhere")
    code, out, err = ask(capfd, task.task_id, "--scheduler-url", url, "--attempt", "7")
    assert (code, out) == (1, "")
    assert "it has the attempts 1, 2" in err


def test_it_reads_files_where_the_scheduler_has_nothing(url, served, done, capfd, monkeypatch):
    task = pipelines.Writes(done_file=done)
    run([task], url)
    served.scheduler._tails._tasks.clear()
    capfd.readouterr()
    for where in (["--scheduler-url", url], ["--scheduler-url", "http://127.0.0.1:9"], ["--local"]):
        code, out, _ = ask(capfd, task.task_id, *where)
        assert code == 0
        assert "no utf-8: \\xff\\xfe\n" in out
        assert "\nred\n" in out  # not a terminal: no colours


def test_it_tells_when_there_is_no_log(url, capfd):
    code, out, err = ask(capfd, "Nothing_1", "--scheduler-url", url)
    assert (code, out) == (1, "")
    assert re.match(r"luigi logs: there is no log of Nothing_1; the scheduler at http\S+: it has no log", err)


def test_it_follows_until_the_task_has_ended(url, done, capfd, monkeypatch):
    monkeypatch.setattr(logs, "_LAST_WORDS", 1.0)
    task = pipelines.Waits(done_file=done)
    worker = threading.Thread(target=run, args=([task], url, "forked"))
    worker.start()
    written = []

    def write(text):
        written.append(text)
        if "first line" in text:
            Path(done + ".go").touch()

    def ask_scheduler(**arguments):
        from luigi_clone.rpc import RemoteScheduler

        return RemoteScheduler(url).task_log(**arguments)

    deadline = time.monotonic() + 20
    while not ask_scheduler(task_id=task.task_id)["attempts"]:
        assert time.monotonic() < deadline
    logs.show(logs.portions_of_scheduler(ask_scheduler, task.task_id, None), write, follow=True)
    worker.join(30)
    assert "".join(written).count("last line\n") == 1


@pytest.mark.parametrize(
    ("text", "plain", "coloured"),
    [
        ("\x1b[1;31mred\x1b[0m", "red", "\x1b[1;31mred\x1b[0m"),
        ("\x1b]0;title\x07text", "text", "text"),
        ("\x1b]52;c;ZXZpbA==\x1b\\text", "text", "text"),
        ("\x1b[2J\x1b[Htext\x1bc", "text", "text"),
        ("a\tb\r\nc", "a\tb\r\nc", "a\tb\r\nc"),
        ("bell\x07 \x9b31mx", "bell 31mx", "bell 31mx"),
    ],
)
def test_a_log_does_nothing_to_a_terminal_but_colours(text, plain, coloured):
    assert logs.cleaned(text, in_colour=False) == plain
    assert logs.cleaned(text, in_colour=True) == coloured


def test_the_first_word_may_be_a_task(tmp_path, monkeypatch):
    import luigi_clone as luigi

    assert not cmdline._is_task(["logs", "Task_1", "-f"])
    assert cmdline._is_task(["logs", "--module", "m"])
    assert cmdline._is_task(["logs", "--mod=m"])

    type("logs", (luigi.Task,), {})
    assert cmdline._is_task(["logs"])


def test_a_task_called_logs_runs_as_before(tmp_path):
    (tmp_path / "pipeline.py").write_text(
        "import luigi\n\n\nclass logs(luigi.WrapperTask):\n    pass\n", encoding="utf-8"
    )
    env = console.environment(tmp_path)
    env["PYTHONPATH"] = f"{console.ROOT}:{tmp_path}"
    done = subprocess.run(
        ["luigi", "logs", "--module", "pipeline", "--local-scheduler"],
        env=env,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "1 complete ones were encountered" in done.stderr or "1 ran successfully" in done.stderr
    helped = subprocess.run(
        ["luigi", "logs", "--help"], env=env, capture_output=True, text=True, timeout=60, check=True
    )
    assert helped.stdout.startswith("usage: luigi logs ")
