"""A worker that holds much memory has it mapped in huge pages, so that forks get cheap."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from luigi_clone._task_processes.huge_pages import Area, HugePages, areas, spare_memory
from test import console

SMAPS = """\
{heap} rw-p 00000000 00:00 0                          [heap]
Size:              10240 kB
KernelPageSize:        4 kB
Rss:                9216 kB
Pss:                9216 kB
VmFlags: rd wr mr mw me ac
7f0000000000-7f0000a00000 rw-p 00000000 00:00 0
Size:              10240 kB
Rss:                1024 kB
7f0001000000-7f0001a00000 rw-p 00000000 08:01 77                         /usr/lib/some.so
Size:              10240 kB
Rss:               10240 kB
7f0002000000-7f0002a00000 r--p 00000000 00:00 0
Size:              10240 kB
Rss:               10240 kB
7f0003010000-7f0003110000 rw-p 00000000 00:00 0
Size:               1024 kB
Rss:                1024 kB
"""

HOLDING = """
import gc, re, sys
from luigi_clone._task_processes.huge_pages import HugePages

def huge():
    rollup = open("/proc/self/smaps_rollup").read()
    return int(re.search(r"^AnonHugePages: +(\\d+) kB", rollup, re.M)[1]) >> 10

def hold(mib):
    return [bytearray(4096) for _ in range(256 * mib)]
"""


def has_collapse() -> bool:
    if sys.platform != "linux":
        return False
    major, minor = os.uname().release.split(".")[:2]
    return (int(major), int(minor.split("-")[0])) >= (6, 1)


needs_collapse = pytest.mark.skipif(not has_collapse(), reason="MADV_COLLAPSE came with Linux 6.1")


def run(folder: Path, program: str) -> list[str]:
    (folder / "program.py").write_text(HOLDING + program)
    environment = console.environment(folder)
    done = subprocess.run(
        [sys.executable, "program.py"], cwd=folder, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_only_private_memory_that_is_in_use_is_moved_and_only_whole_pages():
    start, end = 0x55AA00100000, 0x55AA00100000 + (10 << 20)
    found = list(areas(SMAPS.format(heap=f"{start:x}-{end:x}")))
    assert found == [Area(0x55AA00200000, 0x55AA00A00000)]


def test_what_is_spare_is_not_more_than_the_machine_has():
    assert 0 < spare_memory() <= psutil.virtual_memory().available * 1.1


@needs_collapse
def test_slow_forks_move_the_memory_step_by_step(tmp_path):
    program = """
held = hold(64)
pages = HugePages()
print(huge())
pages.forked(0.001)
first = huge()
for _ in range(1000):
    pages.forked(0.001)
print(first)
print(huge())
print(all(each == bytes(4096) for each in held))
"""
    before, first, last, is_same = run(tmp_path, program)
    assert int(before) == 0
    assert 0 < int(first) < 32 < int(last)
    assert is_same == "True"


@needs_collapse
def test_it_ends_where_forks_get_no_faster(tmp_path):
    program = """
held = hold(32)
pages = HugePages()
for _ in range(1000):
    pages.forked(0.01)
before = huge()
more = hold(64)
for _ in range(1000):
    pages.forked(0.01)
print(before, huge())
"""
    before, after = map(int, run(tmp_path, program))
    assert before > 0
    assert after == before


WORKER = """
import luigi_clone as luigi
from luigi_clone._worker import running

running.SLOW_FORK = 0.0002  # what a fork of so little memory takes on any machine

class NoOp(luigi.Task):
    n = luigi.IntParameter()

    def complete(self):
        return False

held = hold(64)
luigi.build([NoOp(n) for n in range(20)], local_scheduler=True, workers=2, log_level="ERROR")
print(huge())
"""


@needs_collapse
@pytest.mark.parametrize(("option", "is_moved"), [("", True), ("huge_pages = false", False)])
def test_a_worker_does_it_unless_it_is_told_not_to(tmp_path, option, is_moved):
    (tmp_path / "luigi.cfg").write_text(f"[worker]\n{option}\n")
    (amount,) = run(tmp_path, WORKER)
    assert (int(amount) > 0) == is_moved


def test_a_quick_fork_changes_nothing():
    from luigi_clone.scheduler import Scheduler
    from luigi_clone.worker import Worker

    with Worker(scheduler=Scheduler()) as worker:
        worker._note_fork(0.0001)
        assert worker._huge_pages is None


def test_elsewhere_nothing_is_tried(monkeypatch):
    monkeypatch.setattr(sys, "platform", "darwin")
    pages = HugePages()
    pages.forked(1.0)
    assert pages._left == []
