"""The progress bar as a person sees it: a real run in a pseudo-terminal, and what is on the screen."""

from __future__ import annotations

import importlib.util
import os
import re
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from test import console
from test.services import require_service
from test.terminal.screen import Terminal

PIPELINE = '''
import os
import subprocess
import sys
import threading
import luigi

def wait_for_leave():
    """Block until somebody opens the pipe ``leave`` for writing and closes it."""
    with open("leave") as pipe:
        pipe.read()

class Base(luigi.Task):
    def output(self):
        return luigi.LocalTarget(f"out/{self.task_id}")

class Step(Base):
    """Waits if its number is small enough."""
    n = luigi.IntParameter()
    waiting = luigi.IntParameter(default=0)

    def run(self):
        if self.n < self.waiting:
            wait_for_leave()
        if self.n == 3:
            raise RuntimeError("number three")
        self.output().open("w").close()

class All(luigi.WrapperTask):
    amount = luigi.IntParameter(default=6)
    waiting = luigi.IntParameter(default=6)

    def requires(self):
        return [Step(n, self.waiting) for n in range(self.amount)]

class Found(Base):
    n = luigi.IntParameter()
    has_waited = False

    def complete(self):
        if self.n == 150 and not Found.has_waited:
            Found.has_waited = True
            wait_for_leave()
        return True

class ManyFound(luigi.Task):
    def complete(self):
        return False

    def requires(self):
        return [Found(n) for n in range(200)]

class Noisy(Base):
    """Writes lines in all the ways there are."""
    n = luigi.IntParameter()

    def run(self):
        wait_for_leave()
        for i in range(100):
            sys.stdout.write(f"printed {self.n} {i}.\\n")
            sys.stderr.write(f"complained {self.n} {i}.\\n")
        loop = "i=0; while [ $i -lt 100 ]; do echo shell $0 $i.; i=$((i+1)); done"
        subprocess.run(["sh", "-c", loop, str(self.n)])
        self.output().open("w").close()

class AllNoisy(luigi.WrapperTask):
    def requires(self):
        return [Noisy(n) for n in range(4)]

class Threads(Base):
    """Says whether something follows the run; within it, and in another one inside."""
    nested = luigi.BoolParameter()

    def run(self):
        names = [thread.name for thread in threading.enumerate()]
        print(f"followed {names.count('luigi-progress')} times.", flush=True)
        if self.nested:
            luigi.build([Threads()], local_scheduler=True, log_level="WARNING")
        self.output().open("w").close()
'''

BAR = re.compile(r"^ *\d+%\|.*\| \d+/\d+ \[\d\d:\d\d<(\d\d:\d\d|\?)\]")
FOUND = re.compile(r"^\d+ tasks? found \[")


class Run(Terminal):
    """``luigi`` in a terminal, in a folder with the module ``pipe``."""

    def __init__(self, folder: Path, arguments: str, rows: int = 24, columns: int = 140, **env: str) -> None:
        prepare(folder)
        self.folder = folder
        super().__init__(command(arguments), folder, environment(folder, **env), rows, columns)

    def bottom(self) -> str:
        return self.display()[-1]

    def give_leave(self) -> None:
        """Let everything go on that waits."""
        give_leave(self.folder)

    def give_leave_to(self, tasks: range, total: int) -> None:
        """Let one task after the other go on, while ``total`` are to run."""
        for over in tasks:
            self.wait_for(lambda: f" {over}/{total} [" in self.bottom(), f"{over} tasks that are over")
            self.give_leave()

    def is_clean(self) -> bool:
        """Whether the terminal is as if there had never been a bar."""
        drawn = [row for row in self.everything() if BAR.match(row) or FOUND.match(row)]
        return self.screen.margins is None and not self.bottom() and not drawn


def prepare(folder: Path) -> None:
    require_service("tqdm", importlib.util.find_spec("tqdm"), "pip install tqdm")
    (folder / "pipe.py").write_text(PIPELINE)
    os.mkfifo(folder / "leave")


def give_leave(folder: Path) -> None:
    (folder / "leave").open("w").close()


def command(arguments: str) -> list[str]:
    return ["luigi", "--module", "pipe", *arguments.split(), "--local-scheduler"]


def environment(folder: Path, **env: str) -> dict[str, str]:
    base = console.environment(folder, LC_ALL="C.UTF-8", PYTHONWARNINGS="ignore", **env)
    base.pop("NO_COLOR", None)
    base.update(env)
    base["PYTHONPATH"] = os.pathsep.join(filter(None, (str(folder), base.get("PYTHONPATH"))))
    return base


# -- what is shown ------------------------------------------------


def test_tasks_that_run_are_counted(tmp_path):
    with Run(tmp_path, "All --workers 2") as run:
        run.wait_for(lambda: "2 running" in run.bottom(), "two running tasks")
        assert BAR.match(run.bottom())
        assert "0/7 [" in run.bottom()
        run.wait_for(lambda: run.bottom().endswith("2 running, 5 pending"), "the five that wait")
        run.give_leave()
        run.wait_for(lambda: "2/7" in run.bottom(), "two tasks that are over")
        run.give_leave()
        run.wait_for(lambda: "4/7" in run.bottom(), "four tasks that are over")
        run.wait_for(lambda: run.bottom().endswith("1 failed, 2 running, 1 pending, 3 done"), "two more")
        assert re.search(r"57%\|█+.*\| 4/7 \[\d\d:\d\d<\d\d:\d\d\]", run.bottom())
        run.give_leave()
        assert run.wait_for_end() == 0
        assert run.is_clean()
        assert "* 5 ran successfully:" in run.everything()


def test_tasks_in_the_workers_own_process_are_counted(tmp_path):
    with Run(tmp_path, "All --amount 4 --waiting 3") as run:
        for over in range(3):
            run.wait_for(lambda: f" {over}/5 [" in run.bottom(), f"{over} tasks that are over")
            assert "1 running" in run.bottom()
            run.give_leave()
        assert run.wait_for_end() == 0
        assert run.is_clean()


def test_the_time_goes_on_while_nothing_happens(tmp_path):
    with Run(tmp_path, "All") as run:
        run.wait_for(lambda: "[00:01<?]" in run.bottom(), "the first second")
        run.wait_for(lambda: "[00:02<?]" in run.bottom(), "the second one")


def test_tasks_that_are_found_are_counted(tmp_path):
    with Run(tmp_path, "ManyFound") as run:
        run.wait_for(lambda: "152 tasks found [00:0" in run.bottom(), "the number of tasks")
        run.give_leave()
        assert run.wait_for_end() == 0
        assert run.is_clean()


# -- what it leaves alone ------------------------------------------------


@pytest.mark.parametrize("workers", [1, 4])
def test_lines_of_all_processes_stay_whole(tmp_path, workers):
    with Run(tmp_path, f"AllNoisy --workers {workers}", columns=200) as run:
        for over in range(0, 4, workers):
            run.wait_for(lambda: f" {over}/5 [" in run.bottom(), f"{over} that are over")
            run.wait_for(lambda: f"{workers} running" in run.bottom(), f"{workers} that run")
            run.give_leave()
        assert run.wait_for_end() == 0
        assert run.is_clean()
        rows = run.everything()
    kinds = ("printed", "complained", "shell")
    expected = {f"{kind} {n} {i}." for kind in kinds for n in range(4) for i in range(100)}
    assert {row for row in rows if any(kind in row for kind in kinds)} == expected
    for n in range(4):
        ended = re.compile(rf"INFO: \[pid \d+\] Worker .* done      Noisy\(n={n}\)")
        reported = re.compile(rf"INFO: Informed scheduler that task   Noisy_{n}_\w+   has status   DONE")
        for line in (ended, reported):
            assert len([row for row in rows if line.fullmatch(row)]) == 1


def test_a_pipe_gets_what_it_would_get_without(tmp_path):
    prepare(tmp_path)
    done = subprocess.run(
        command("Threads"), cwd=tmp_path, env={**environment(tmp_path), "TERM": "xterm"}, capture_output=True,
        text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0
    assert "followed 0 times." in done.stdout
    assert "\x1b" not in done.stdout + done.stderr


def test_the_log_is_the_same_with_and_without(tmp_path):
    logs = []
    for name, arguments in (("with", ""), ("without", "--no-progress ")):
        (tmp_path / name).mkdir()
        with Run(tmp_path / name, f"{arguments}All --amount 2 --waiting 1", columns=200) as run:
            run.wait_for(lambda: any("running   Step(n=0" in row for row in run.everything()), "a start")
            if not arguments:
                run.wait_for(lambda: BAR.match(run.bottom()), "the bar")
            run.give_leave()
            assert run.wait_for_end() == 0
            logs.append([re.sub(r"\d{5,}|pid[= ]\d+", "", row) for row in run.everything() if row])
    assert logs[0] == logs[1]


# -- where there is none ------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "config", "env", "times"),
    [
        ("", "", {}, 1),
        ("", "[progress]\nenabled = true\n", {}, 1),
        ("--no-progress", "", {}, 0),
        ("", "[progress]\nenabled = false\n", {}, 0),
        ("", "", {"TERM": "dumb"}, 0),
        ("", "", {"TERM": ""}, 0),
    ],
)
def test_it_is_there_where_it_can_be_and_is_wanted(tmp_path, arguments, config, env, times):
    (tmp_path / "luigi.cfg").write_text(config)
    with Run(tmp_path, f"{arguments} Threads --nested", **env) as run:
        assert run.wait_for_end() == 0
        # the second line is from the run within the run
        assert [row for row in run.everything() if row.startswith("followed")] == [
            f"followed {times} times."
        ] * 2


def test_nonsense_in_the_configuration_is_explained(tmp_path):
    (tmp_path / "luigi.cfg").write_text("[progress]\nenabled = perhaps\n")
    with Run(tmp_path, "Threads") as run:
        assert run.wait_for_end() == 4
        text = " ".join(run.everything())
    assert "Not a boolean: perhaps" in text
    assert "enabled in the section [progress] of the configuration" in text
    assert "Traceback" not in text


def test_in_another_thread_there_is_none(tmp_path):
    prepare(tmp_path)
    program = tmp_path / "program.py"
    program.write_text(
        "import threading\nfrom luigi_clone import alias\nalias.install()\nimport luigi, pipe\n"
        "build = lambda: luigi.build([pipe.Threads()], local_scheduler=True)\n"
        "thread = threading.Thread(target=build)\nthread.start()\nthread.join()\n"
    )
    env = environment(tmp_path)
    env["PYTHONPATH"] += os.pathsep + str(console.ROOT)
    with Terminal(["python", str(program)], tmp_path, env) as terminal:
        assert terminal.wait_for_end() == 0
        assert "followed 0 times." in terminal.everything()


def test_a_build_in_a_program_shows_one(tmp_path):
    prepare(tmp_path)
    program = tmp_path / "program.py"
    program.write_text(
        "from luigi_clone import alias\nalias.install()\nimport luigi, pipe\n"
        "for n in range(2): luigi.build([pipe.All(n + 1, n + 1)], local_scheduler=True, log_level='ERROR')\n"
    )
    env = environment(tmp_path)
    env["PYTHONPATH"] += os.pathsep + str(console.ROOT)
    with Terminal(["python", str(program)], tmp_path, env) as terminal:
        terminal.wait_for(lambda: " 0/2 [" in terminal.display()[-1], "the bar of the first run")
        give_leave(tmp_path)
        terminal.wait_for(lambda: " 0/3 [" in terminal.display()[-1], "the bar of the second run")


def test_a_terminal_of_three_rows_has_no_room_for_it(tmp_path):
    with Run(tmp_path, "All", rows=3) as run:
        run.wait_for(lambda: "running" in " ".join(run.everything()), "a task that runs")
        run.read_for(1)
        assert run.screen.margins is None
        run.resize(24, 140)
        run.wait_for(lambda: BAR.match(run.bottom()), "the bar when there is room")


# -- the terminal changes ------------------------------------------------


@pytest.mark.parametrize(("rows", "columns"), [(40, 180), (12, 60), (24, 80), (30, 30)])
def test_it_follows_the_size_of_the_terminal(tmp_path, rows, columns):
    with Run(tmp_path, "All") as run:
        run.wait_for(lambda: BAR.match(run.bottom()), "the bar")
        run.resize(rows, columns)
        run.wait_for(lambda: BAR.match(run.bottom()) and run.screen.margins, "the bar after the resize")
        run.wait_for(lambda: columns - 30 < len(run.bottom()) < columns, "its new width")
        assert len([row for row in run.display() if BAR.match(row)]) == 1
        assert run.screen.margins.bottom == rows - 2
        run.give_leave_to(range(6), 7)
        assert run.wait_for_end() == 0
        assert run.is_clean()


def test_it_comes_back_when_a_program_has_used_the_whole_screen(tmp_path):
    with Run(tmp_path, "All") as run:
        run.wait_for(lambda: BAR.match(run.bottom()), "the bar")
        # as a pager or an editor leaves the terminal: no region, the cursor in the last row
        run._stream.feed(b"\x1b[r\x1b[2J\x1b[24;1Hleft by the editor")
        run.wait_for(lambda: BAR.match(run.bottom()), "the bar again")
        assert run.display()[-2] == "left by the editor"
        assert run.screen.margins is not None


@pytest.mark.parametrize(("variable", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False)])
def test_colours_are_for_those_who_want_them(tmp_path, variable, coloured):
    with Run(tmp_path, "All", **variable) as run:
        run.wait_for(lambda: "1 running" in run.bottom(), "the bar")
        assert (b"\x1b[36m1 running" in run.raw) is coloured


def test_a_terminal_without_unicode_gets_plain_characters(tmp_path):
    with Run(tmp_path, "All --amount 2 --waiting 2", PYTHONIOENCODING="ascii") as run:
        run.give_leave_to(range(2), 3)
        run.wait_for_end()
        assert run.raw.isascii()
        assert b"33%|#" in run.raw


# -- the end ------------------------------------------------


def end_by_ctrl_c(run: Run) -> None:
    run.type("\x03")


def end_by(signum: int) -> Callable[[Run], None]:
    return lambda run: run.process.send_signal(signum)


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize(
    "end",
    [end_by_ctrl_c, end_by(signal.SIGINT), end_by(signal.SIGTERM), end_by(signal.SIGKILL)],
    ids=["ctrl-C", "SIGINT", "SIGTERM", "SIGKILL"],
)
def test_however_it_ends_the_terminal_is_left_clean(tmp_path, end, workers):
    with Run(tmp_path, f"All --workers {workers}") as run:
        run.wait_for(lambda: f"{workers} running" in run.bottom(), "the bar")
        # Python overlooks a signal that comes on the way into a blocking call; it is in there by then
        run.wait_for(lambda: "[00:01<" in run.bottom(), "that they wait")
        assert run.screen.margins is not None
        end(run)
        run.wait_for(run.is_clean, "a clean terminal")
        if end is end_by_ctrl_c:
            run.wait_for_end()
            assert "KeyboardInterrupt" in run.everything()
            assert run.is_clean()


def test_in_the_background_it_keeps_off_the_terminal(tmp_path):
    prepare(tmp_path)
    # bash, so that there are jobs; the shell itself waits in the foreground
    line = " ".join(command("All"))
    with Terminal(
        ["bash", "--norc", "--noprofile", "-i"], tmp_path, environment(tmp_path), columns=140
    ) as terminal:
        terminal.type(f"PS1='$ '; {line} 2>&1\n")
        terminal.wait_for(lambda: BAR.match(terminal.display()[-1]), "the bar")
        terminal.type("\x1a")
        terminal.wait_for(lambda: "Stopped" in " ".join(terminal.display()), "that it is stopped")
        terminal.type("bg\n")
        terminal.wait_for(lambda: not BAR.match(terminal.display()[-1]), "that the bar goes")
        terminal.wait_for(lambda: terminal.screen.margins is None, "that the whole screen scrolls")
        terminal.type("fg\n")
        terminal.wait_for(lambda: BAR.match(terminal.display()[-1]), "the bar again")
