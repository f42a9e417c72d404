"""What the path of every task costs, in operations that do not depend on the machine."""

from __future__ import annotations

import subprocess
import sys

from luigi_clone.local_target import LocalTarget
from test.console import ROOT


def test_looking_whether_a_file_exists_takes_few_calls(tmp_path):
    path = str(tmp_path / "a")
    calls = []

    def note(frame, event, argument):
        if event == "call":
            calls.append(frame.f_code.co_name)
        elif event == "c_call" and argument.__name__ in ("stat", "lstat", "open", "getpid"):
            calls.append(argument.__name__)

    sys.setprofile(note)
    try:
        LocalTarget(path).exists()
    finally:
        sys.setprofile(None)
    assert calls.count("stat") == 1
    assert len(calls) <= 8, calls


def test_what_few_pipelines_need_is_loaded_when_it_is_used():
    code = (
        "import sys; before = set(sys.modules)\n"
        "import luigi_clone.local_target, luigi_clone.mock, luigi_clone.format\n"
        "luigi_clone.local_target.LocalTarget('no-such-file').exists()\n"
        "print(*sorted(set(sys.modules) - before))"
    )
    done = subprocess.run(
        [sys.executable, "-S", "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    heavy = {
        *("asyncio", "bz2", "ctypes", "fcntl", "gzip", "inspect", "locale", "multiprocessing", "pathlib"),
        *("random", "secrets", "shutil", "subprocess", "tempfile", "tornado"),
        *("luigi_clone._formats.codecs", "luigi_clone._formats.pipes", "luigi_clone._local_storage.renaming"),
    }
    assert heavy & set(done.stdout.split()) == set()
