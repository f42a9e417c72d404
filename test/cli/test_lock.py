"""The lock on a command: who gets it, what the others are told, what is left behind."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from luigi_clone import lock
from test.console import ROOT

HOLDER = """
import sys
sys.path.insert(0, {root!r})
from luigi_clone import lock
for line in sys.stdin:
    word = line.strip()
    if word == "release":
        lock.release({folder!r})
        print("released", flush=True)
    else:
        import signal
        number = signal.SIGUSR1 if word == "take" else None
        print(lock.acquire_for({folder!r}, 1, number), flush=True)
"""


class Command:
    """A process of the same command line as every other one in the test."""

    def __init__(self, folder: Path) -> None:
        code = HOLDER.format(root=str(ROOT), folder=str(folder))
        self.process = subprocess.Popen(
            [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.pid = self.process.pid

    def say(self, word: str) -> None:
        self.process.stdin.write(f"{word}\n")
        self.process.stdin.flush()

    def hear(self) -> list[str]:
        """Return the lines up to the answer."""
        lines = []
        while not lines or lines[-1] not in ("True", "False", "released"):
            lines.append(self.process.stdout.readline().rstrip("\n"))
            assert lines[-1], "the process ended"
        return lines

    def ask(self, word: str = "acquire") -> list[str]:
        self.say(word)
        return self.hear()

    def end(self) -> None:
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait(10)


@pytest.fixture
def command(tmp_path):
    started = []

    def start():
        started.append(Command(tmp_path / "locks"))
        return started[-1]

    yield start
    for each in started:
        if each.process.poll() is None:
            each.end()
        else:
            each.process.stdin.close()
            each.process.stdout.close()


def files(folder):
    return sorted((folder / "locks").glob("*.pid"))


def test_the_second_is_refused_until_the_first_gives_it_back(command, tmp_path):
    first, second = command(), command()
    assert first.ask() == ["True"]
    assert second.ask() == [f"Pid(s) {{{first.pid}}} already running", "False"]
    assert first.ask("release") == ["released"]
    assert files(tmp_path) == []
    assert second.ask() == ["True"]
    assert [file.read_text() for file in files(tmp_path)] == [str(second.pid)]


def test_a_process_that_died_does_not_count(command):
    first, second = command(), command()
    assert first.ask() == ["True"]
    first.end()
    assert second.ask() == ["True"]


def test_the_file_is_for_its_user_alone(command, tmp_path):
    assert command().ask() == ["True"]
    (file,) = files(tmp_path)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


def test_a_file_that_stock_luigi_left_open_to_everyone_is_closed(command, tmp_path):
    first = command()
    assert first.ask() == ["True"]
    (file,) = files(tmp_path)
    file.chmod(0o777)
    assert command().ask()[-1] == "False"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_taking_over_signals_the_first(command):
    first, second, third = command(), command(), command()
    assert first.ask() == ["True"]
    assert second.ask("take") == [f"Sent kill signal to Pids: {{{first.pid}}}", "True"]
    assert first.process.wait(10) == -signal.SIGUSR1
    assert third.ask() == [f"Pid(s) {{{second.pid}}} already running", "False"]


def test_taking_over_from_nobody(command):
    assert command().ask("take") == ["Sent kill signal to Pids: set()", "True"]


def test_of_many_that_start_at_once_one_wins(command):
    many = [command() for _ in range(8)]
    for each in many:
        each.say("acquire")
    assert sorted(each.hear()[-1] for each in many) == ["False"] * 7 + ["True"]


def test_the_folder_is_made_with_its_parents(tmp_path):
    assert lock.acquire_for(str(tmp_path / "a" / "b"))
    lock.release(str(tmp_path / "a" / "b"))


def test_an_entry_of_ours_that_we_did_not_make_is_stale(tmp_path):
    pid, _, pid_file = lock.get_info(str(tmp_path))
    Path(pid_file).write_text(f"{pid}\n")
    assert lock.acquire_for(str(tmp_path))
    lock.release(str(tmp_path))
    assert not Path(pid_file).exists()


def test_more_than_one_when_so_many_may(command, tmp_path):
    first = command()
    assert first.ask() == ["True"]
    pid, mine, pid_file = lock.get_info(str(tmp_path))
    assert (pid, Path(pid_file).parent) == (os.getpid(), tmp_path)
    assert mine.split()[0] == lock.getpcmd(os.getpid()).split()[0]
    assert lock.acquire_for(str(tmp_path), 2)
    assert not lock.acquire_for(str(tmp_path), 1)
    lock.release(str(tmp_path))


def test_a_link_in_place_of_the_file_is_refused(tmp_path):
    victim = tmp_path / "victim"
    victim.write_text("precious")
    folder = tmp_path / "locks"
    folder.mkdir()
    Path(lock.get_info(str(folder))[2]).symlink_to(victim)
    with pytest.raises(OSError):
        lock.acquire_for(str(folder))
    assert victim.read_text() == "precious"


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root gives files away")
def test_a_file_of_another_user_is_refused(tmp_path):
    pid_file = Path(lock.get_info(str(tmp_path))[2])
    pid_file.write_text("1\n")
    os.chown(pid_file, 12345, 12345)
    with pytest.raises(PermissionError, match="belongs to the user with id 12345"):
        lock.acquire_for(str(tmp_path))


def test_the_command_of_a_process_that_is_not_there():
    assert lock.getpcmd(2**22 + 1) == f"[PROCESS_WITH_PID={2**22 + 1}]"
