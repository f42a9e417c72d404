"""Real processes that end in the middle of writing, each in its own way: nothing partial becomes visible."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time

import pytest

from luigi_clone.local_target import LocalTarget, sweep_temporary_files
from test.console import ROOT

PREAMBLE = """
import os, signal, sys, threading
sys.path.insert(0, {root!r})
from luigi_clone.format import UTF8, Gzip, Nop
from luigi_clone.local_target import LocalTarget

def wait_to_be_ended():
    print("ready", flush=True)
    sys.stdin.read()
    signal.pause()
"""

WRITERS = {
    "text": """
        with LocalTarget("out").open("w") as handle:
            handle.write("half " * 100_000)
            {end}
    """,
    "nop": """
        with LocalTarget("out", format=Nop).open("w") as handle:
            handle.write(b"half " * 100_000)
            {end}
    """,
    "gzip": """
        with LocalTarget("out", format=UTF8 >> Gzip).open("w") as handle:
            handle.write("half " * 100_000)
            {end}
    """,
    "no-block": """
        handle = LocalTarget("out").open("w")
        handle.write("half " * 100_000)
        {end}
    """,
    "global": """
        handle = [LocalTarget("out", format=UTF8 >> Gzip).open("w")]
        handle.append(handle)  # only the cycle collector would find it
        handle[0].write("half " * 100_000)
        {end}
    """,
    "directory": """
        with LocalTarget("out/").temporary_path() as path:
            os.mkdir(path)
            open(path + "part", "w").close()
            {end}
    """,
}


def start(folder, writer, end=""):
    """Run one of `WRITERS`, or code, with ``end`` where it has half written."""
    code = textwrap.dedent(PREAMBLE.format(root=str(ROOT)))
    code += textwrap.dedent(WRITERS.get(writer, writer)).replace("{end}", end)
    return subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=folder,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def end_of(process):
    _, errors = process.communicate(timeout=60)
    return process.returncode, errors


@pytest.mark.parametrize("writer", WRITERS)
@pytest.mark.parametrize(
    ("end", "status"),
    [("raise RuntimeError('oh')", 1), ("sys.exit(3)", 3), ("raise KeyboardInterrupt", -signal.SIGINT)],
    ids=["exception", "exit", "interrupt"],
)
def test_a_process_that_ends_by_an_exception_leaves_nothing(tmp_path, writer, end, status):
    returncode, errors = end_of(start(tmp_path, writer, end))
    assert returncode == status
    assert "Exception ignored" not in errors
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("writer", WRITERS)
def test_ctrl_c_leaves_nothing(tmp_path, writer):
    process = start(tmp_path, writer, "wait_to_be_ended()")
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGINT)
    returncode, errors = end_of(process)
    assert returncode == -signal.SIGINT
    assert "Exception ignored" not in errors
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("writer", ["no-block", "global"])
def test_a_process_that_forgets_its_handle_leaves_nothing(tmp_path, writer):
    returncode, errors = end_of(start(tmp_path, writer, "pass"))
    assert (returncode, errors) == (0, "")
    assert os.listdir(tmp_path) == []


def test_a_process_that_ends_beside_a_writing_thread_leaves_nothing(tmp_path):
    code = """
        def write():
            with LocalTarget("out").open("w") as handle, LocalTarget("dir").temporary_path() as path:
                os.mkdir(path)
                handle.write("half")
                ready.set()
                threading.Event().wait()
        ready = threading.Event()
        threading.Thread(target=write, daemon=True).start()
        ready.wait()
    """
    returncode, errors = end_of(start(tmp_path, code))
    assert (returncode, errors) == (0, "")
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
@pytest.mark.parametrize("writer", WRITERS)
def test_a_killed_process_leaves_what_a_sweep_takes(tmp_path, writer, number):
    (tmp_path / "neighbour").touch()
    process = start(tmp_path, writer, "wait_to_be_ended()")
    assert process.stdout.readline() == "ready\n"
    target = LocalTarget(tmp_path / "out")
    assert not target.exists()
    assert sweep_temporary_files(str(tmp_path)) == []
    if writer != "directory":
        assert sweep_temporary_files(str(tmp_path), older_than=-60) == [], "it is being written"
    process.send_signal(number)
    assert end_of(process)[0] == -number
    assert not target.exists()
    (left,) = set(os.listdir(tmp_path)) - {"neighbour"}
    assert sweep_temporary_files(str(tmp_path)) == [], "it is young"
    assert sweep_temporary_files(str(tmp_path), older_than=-60) == [str(tmp_path / left)]
    assert os.listdir(tmp_path) == ["neighbour"]


def test_kills_at_any_moment_show_all_or_nothing(tmp_path):
    """A writer that publishes over and over is killed at twenty moments: each time the file is whole."""
    code = """
        print("ready", flush=True)
        for round in range(1_000_000):
            with LocalTarget("out", format=(Nop, Gzip)[round % 2]).open("w") as handle:
                for _ in range(20):
                    handle.write(b"%09d\\n" % round * 1000)
    """
    for moment in range(20):
        process = start(tmp_path, code)
        assert process.stdout.readline() == "ready\n"
        deadline = time.monotonic() + 0.003 * moment
        while time.monotonic() < deadline:
            check_whole(tmp_path / "out")
        process.kill()
        end_of(process)
        check_whole(tmp_path / "out")
    sweep_temporary_files(str(tmp_path), older_than=-60)
    assert os.listdir(tmp_path) == ["out"]


def check_whole(path):
    import gzip

    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return
    if data.startswith(b"\x1f\x8b"):
        data = gzip.decompress(data)
    assert len(data) == 200_000
    assert len(set(data.split(b"\n"))) == 2, "rounds do not mix"


# ---- the sweep


def test_a_sweep_takes_only_what_is_stale_and_temporary(tmp_path):
    old = time.time() - 100
    keep = [
        "a",
        "a-luigi-tmp-",
        "a-luigi-tmp-12345678",
        "a-luigi-tmp-1234567890.bak",
        "b-luigi-tmp-0123456789",
    ]
    take = ["c-luigi-tmp-0123456789", "c-luigi-tmp-012345678", "sub/d-luigi-tmp-9999999999", "luigi-tmp-123"]
    (tmp_path / "sub").mkdir()
    for name in keep + take:
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (old, old))
    (tmp_path / "b-luigi-tmp-0123456789").touch()  # young
    (tmp_path / "tree-luigi-tmp-0123456789" / "deep").mkdir(parents=True)
    (tmp_path / "young-luigi-tmp-0123456789" / "deep").mkdir(parents=True)
    (tmp_path / "young-luigi-tmp-0123456789" / "deep" / "file").touch()
    for name in ("tree-luigi-tmp-0123456789/deep", "tree-luigi-tmp-0123456789", "young-luigi-tmp-0123456789"):
        os.utime(tmp_path / name, (old, old))
    outside = tmp_path.parent / f"{tmp_path.name}-outside"
    outside.mkdir()
    (outside / "precious").touch()
    os.symlink(outside, tmp_path / "link-luigi-tmp-0123456789")
    os.utime(tmp_path / "link-luigi-tmp-0123456789", (old, old), follow_symlinks=False)

    taken = ["c-luigi-tmp-012345678", "c-luigi-tmp-0123456789", "link-luigi-tmp-0123456789"]
    expected = sorted(str(tmp_path / name) for name in [*taken, "tree-luigi-tmp-0123456789"])
    assert sweep_temporary_files(str(tmp_path), older_than=50, recursive=False) == expected
    assert sweep_temporary_files(str(tmp_path), older_than=50) == [
        str(tmp_path / "sub/d-luigi-tmp-9999999999")
    ]
    assert (outside / "precious").exists()
    left = {*keep, "luigi-tmp-123", "sub", "young-luigi-tmp-0123456789"}
    assert set(os.listdir(tmp_path)) == left


def test_a_sweep_of_nothing(tmp_path):
    assert sweep_temporary_files(str(tmp_path / "missing")) == []
