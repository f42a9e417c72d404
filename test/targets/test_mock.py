"""Targets in memory: as stores go, and seen by child processes."""

from __future__ import annotations

import gc
import multiprocessing
import os
import subprocess
import sys
import threading

import pytest

from luigi_clone.format import UTF8, Bzip2, Gzip, MixedUnicodeBytes, Nop
from luigi_clone.mock import MockFileSystem, MockTarget

FS = MockTarget.fs


def put(**data):
    FS.get_all_data().update(data)


def test_attributes():
    target = MockTarget("a", is_tmp=True, format=Nop)
    assert (target.path, target.format) == ("a", Nop)
    assert MockTarget(3).path == 3
    assert isinstance(FS, MockFileSystem)


def test_the_data_is_one_for_all():
    data = FS.get_all_data()
    assert MockFileSystem().get_all_data() is data is MockFileSystem._data
    data["a"] = b"x"
    assert MockTarget("a").exists()
    assert FS.get_data("a") == b"x"
    with pytest.raises(KeyError):
        FS.get_data("b")
    FS.clear()
    assert dict(data) == data == {}


def test_a_test_may_replace_the_data():
    FS.get_all_data()["a"] = b"x"
    MockFileSystem._data = {"b": b"y"}
    assert FS.listdir("") == ["b"]
    MockFileSystem._data = None
    assert FS.listdir("") == []


def test_the_mapping_is_one():
    data = FS.get_all_data()
    data.update(a=b"1", b=b"2")
    for key in data.keys():  # noqa: SIM118 - may be deleted from while iterating, as a manager's keys
        if key == "a":
            del data[key]
    assert (list(data), list(data.values()), list(data.items())) == (["b"], [b"2"], [("b", b"2")])
    assert (len(data), "b" in data, "a" in data, data.get("a"), data.pop("b")) == (1, True, False, None, b"2")
    assert data.setdefault("c", b"3") == b"3"
    assert repr(data) == "{'c': b'3'}"
    assert data.copy() == {"c": b"3"}
    with pytest.raises(KeyError):
        data["a"]


def test_move_and_copy():
    put(a=b"1", b=b"2")
    for method in (FS.move, FS.copy, FS.rename):
        with pytest.raises(KeyError):
            method("missing", "x")
        with pytest.raises(RuntimeError, match=r"^Destination exists: a$"):
            method("a", "b", raise_if_exists=True)
    FS.copy("a", "c")
    FS.move("a", "b")
    FS.move("b", "b")
    assert FS.get_all_data() == {"b": b"1", "c": b"1"}
    MockTarget("b").move("d")
    MockTarget("d").rename("e", raise_if_exists=True)
    MockTarget("c").remove()
    assert FS.get_all_data() == {"e": b"1"}


def test_names_that_begin_alike_are_no_directories():
    data = {"/a": b"", "/ab": b"", "/a/b": b"", "/a/b/c": b"", "/abc/d": b""}
    FS.get_all_data().update(data)
    assert sorted(FS.listdir("/a")) == ["/a", "/a/b", "/a/b/c"]
    assert sorted(FS.listdir("/a/")) == ["/a/b", "/a/b/c"]
    assert sorted(FS.listdir("")) == sorted(FS.listdir("/")) == sorted(data)
    assert [FS.isdir(path) for path in ("/a", "/a/", "/ab", "/abc", "/a/b/c", "", "/x")] == [
        *(True, True, False, True, False, True, False)
    ]
    FS.remove("/a")
    assert sorted(FS.listdir("")) == ["/ab", "/abc/d"]
    FS.remove("/x")
    with pytest.raises(KeyError):
        FS.remove("/x", recursive=False)
    FS.remove("/ab", recursive=False, skip_trash=True)
    FS.mkdir("/whatever", parents=True, raise_if_exists=True)
    assert FS.listdir("") == ["/abc/d"]


def test_a_pattern_is_not_warned_about(caplog):
    assert not MockTarget("a*").exists()
    assert not caplog.records


@pytest.mark.parametrize("kind", [Nop, Gzip, Bzip2, MixedUnicodeBytes >> Gzip])
def test_bytes(kind):
    with MockTarget("a", format=kind).open("w") as handle:
        assert handle.write(b"\xff") in (1, None)
    with MockTarget("a", format=kind).open("r") as handle:
        assert handle.read() == b"\xff"


@pytest.mark.parametrize("kind", [None, UTF8, UTF8 >> Gzip])
def test_text(kind):
    with MockTarget("a", format=kind).open("wb") as handle:
        handle.write("é\n")
    with MockTarget("a", format=kind).open("anything") as handle:
        assert list(handle) == ["é\n"]


def test_nop_tells_how_much_it_wrote():
    with MockTarget("a", format=Nop).open("w") as handle:
        assert handle.write(b"abc") == 3
        assert handle.name == "a"


def test_what_is_missing_cannot_be_read():
    with pytest.raises(KeyError):
        MockTarget("a").open()


@pytest.mark.parametrize("kind", [None, Nop, Gzip, UTF8 >> Gzip])
def test_partial_content_is_never_stored(kind):
    data = "x" if kind not in (Nop, Gzip) else b"x"
    with pytest.raises(ZeroDivisionError), MockTarget("a", format=kind).open("w") as handle:
        handle.write(data)
        raise ZeroDivisionError
    handle.close()
    handle = MockTarget("a", format=kind).open("w")
    handle.write(data)
    del handle
    gc.collect()
    assert not MockTarget("a").exists()


def test_what_is_written_is_mirrored_line_by_line(capsys):
    with MockTarget("a", mirror_on_stderr=True).open("w") as handle:
        handle.write("1\n2")
        handle.flush()
        handle.write("3\n")
    with MockTarget("b", mirror_on_stderr=True, format=Nop).open("w") as handle:
        handle.write(b"1\n")
        handle.write(b"2\n\n")
    assert capsys.readouterr().err == "a: 1\na: 23\nb: 1\nb: 2\nb: \n"


@pytest.mark.filterwarnings("ignore:File system MockFileSystem client doesn't support atomic mv")
def test_temporary_path():
    with MockTarget("dir/a").temporary_path() as path:
        FS.get_all_data()[path] = b"x"
    assert FS.get_all_data() == {"dir/a": b"x"}


def test_a_single_process_starts_no_server():
    code = (
        "import sys; from luigi_clone.mock import MockTarget\n"
        "t = MockTarget('a')\n"
        "with t.open('w') as f: f.write('x')\n"
        "assert t.exists() and t.open().read() == 'x'\n"
        "assert 'multiprocessing' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=os.getcwd())


# ---- child processes

CONTEXT = multiprocessing.get_context("fork")


def in_child(function):
    process = CONTEXT.Process(target=function)
    process.start()
    process.join()
    assert process.exitcode == 0


def in_bare_fork(function):
    child = os.fork()
    if child == 0:
        status = 1
        try:
            function()
            status = 0
        finally:
            os._exit(status)
    assert os.waitpid(child, 0)[1] == 0


def write(path):
    with MockTarget(path).open("w") as handle:
        handle.write(path)


@pytest.mark.parametrize("run", [in_child, in_bare_fork])
def test_children_and_parent_see_each_others_data(run):
    FS.get_all_data()["before"] = b"x"
    held = FS.get_all_data()

    def child():
        assert MockTarget("before").exists()
        write("from child")
        FS.remove("before")

    run(child)
    assert MockTarget("from child").open().read() == "from child"
    assert not MockTarget("before").exists()
    assert held is FS.get_all_data()
    assert sorted(held) == ["from child"]
    write("from parent")

    def second():
        assert sorted(FS.listdir("")) == ["from child", "from parent"]
        run(lambda: write("from grandchild"))
        assert MockTarget("from grandchild").exists()

    run(second)
    assert MockTarget("from grandchild").exists()
    assert sorted(held.values()) == [b"from child", b"from grandchild", b"from parent"]
    assert held.copy()["from child"] == b"from child"
    held.clear()
    assert len(held) == 0


def test_bare_forks_do_not_share_a_connection():
    """Parent and children talk to the server at the same time: no answer goes astray."""
    FS.get_all_data()["x"] = b"x"
    in_bare_fork(lambda: None)
    children = []
    for number in range(3):
        child = os.fork()
        if child == 0:
            status = 1
            try:
                for turn in range(100):
                    key = f"{number}-{turn}"
                    FS.get_all_data()[key] = key.encode()
                    assert FS.get_data(key) == key.encode()
                status = 0
            finally:
                os._exit(status)
        children.append(child)
    for turn in range(100):
        assert FS.get_data("x") == b"x"
        FS.get_all_data()[f"parent-{turn}"] = b"p"
    assert [os.waitpid(child, 0)[1] for child in children] == [0, 0, 0]
    assert len(FS.get_all_data()) == 401


def test_data_untouched_before_the_fork_is_not_shared():
    assert MockFileSystem._data is None
    in_child(lambda: write("a"))
    assert not MockTarget("a").exists()


def test_forking_works_when_an_executor_is_used_later_than_the_target():
    code = (
        "import os\n"
        "from luigi_clone.mock import MockTarget\n"
        "MockTarget('p').open('w').close()\n"
        "from concurrent.futures import ThreadPoolExecutor\n"
        "child = os.fork()\n"
        "if child == 0:\n"
        "    MockTarget('c').open('w').close()\n"
        "    os._exit(0)\n"
        "assert os.waitpid(child, 0)[1] == 0\n"
        "assert MockTarget('c').exists()\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=20)


def test_writing_threads_lose_nothing_when_the_process_forks():
    data = FS.get_all_data()
    stop = threading.Event()
    written = []

    def keep_writing(name):
        count = 0
        while not stop.is_set():
            data[f"{name}-{count}"] = b"x"
            count += 1
        written.append(count)

    threads = [threading.Thread(target=keep_writing, args=(name,)) for name in range(2)]
    for thread in threads:
        thread.start()
    while len(data) < 10:
        pass
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # forking with threads, in Python 3.12
        in_bare_fork(lambda: write("child"))
    stop.set()
    for thread in threads:
        thread.join()
    assert len(data) == sum(written) + 1
