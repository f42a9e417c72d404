"""Task processes under every Python that is found here, with every start method."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
VERSIONS = ("3.10", "3.11", "3.12", "3.13", "3.14")


def _version(command: str) -> str | None:
    """Return the version of an interpreter, ``None`` when it does not run (as the shims of pyenv may not)."""
    try:
        done = subprocess.run(
            [command, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"],
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
    except OSError:
        return None
    return done.stdout.strip() if done.returncode == 0 else None


@functools.cache
def interpreters() -> dict[str, str]:
    """Return version → path of one interpreter for each version, on PATH or kept by pyenv."""
    found = {f"{sys.version_info[0]}.{sys.version_info[1]}": sys.executable}
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    for version in VERSIONS:
        candidates = [shutil.which(f"python{version}"), *map(str, pyenv.glob(f"{version}.*/bin/python"))]
        for command in filter(None, candidates):
            if version not in found and _version(command) == version:
                found[version] = command
    return found


PIPELINE = """
import functools
import os
import luigi

class Leaf(luigi.Task):
    n = luigi.IntParameter()

    def output(self):
        return luigi.LocalTarget(f"leaf-{self.n}")

    def run(self):
        self.set_status_message(f"leaf {self.n}")
        with self.output().open("w") as out:
            out.write(f"{os.getpid()}")

class Top(luigi.Task):
    def requires(self):
        return [Leaf(n=1), Leaf(n=2)]

    def output(self):
        return luigi.LocalTarget("top")

    def run(self):
        yield Leaf(n=3)
        with self.output().open("w") as out:
            out.write("x")

class Dies(luigi.Task):
    def complete(self):
        return False

    def run(self):
        os._exit(0)

class Late(luigi.Task):
    worker_timeout = 1

    def complete(self):
        return False

    def run(self):
        import time
        time.sleep(60)
"""

# The threads of the pings and of discovery run while children are started: Python warns of that since 3.12.
MAIN = """
import sys
sys.path.insert(0, {root!r})

if __name__ == "__main__":
    import multiprocessing
    pooled = {method!r} == "pool"
    if not pooled:
        multiprocessing.set_start_method({method!r})
    from luigi_clone import alias
    alias.install()
    import luigi
    import pipeline
    from luigi.scheduler import Scheduler

    class Hears(Scheduler):
        texts = []

        def set_task_status_message(self, task_id, status_message):
            self.texts.append(status_message)

    options = dict(worker_processes=2, wait_interval=0.05, ping_interval=0.05)
    if pooled:
        options["executor"] = "pool"
    with luigi.worker.Worker(scheduler=Hears(), **options) as worker:
        assert worker.add(pipeline.Top(), multiprocess=True, processes=2)
        assert worker.run()
    assert sorted(Hears.texts) == ["leaf 1", "leaf 2", "leaf 3"], Hears.texts
    with luigi.worker.Worker(scheduler=Scheduler(), **options) as worker:
        assert worker.add(pipeline.Dies()) and worker.add(pipeline.Late())
        assert not worker.run()
    failed = sorted(type(task).__name__ for task, status, _ in worker._add_task_history if status == "FAILED")
    assert failed == ["Dies", "Late"], failed
    print("all well")
"""


@pytest.mark.slow
@pytest.mark.timeout(60)
@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver", "pool"])
@pytest.mark.parametrize("version", VERSIONS)
def test_every_interpreter_and_start_method(tmp_path: Path, version: str, method: str) -> None:
    interpreter = interpreters().get(version)
    if interpreter is None:
        pytest.skip(f"Python {version} is not installed here")
    (tmp_path / "pipeline.py").write_text(PIPELINE)
    (tmp_path / "main.py").write_text(MAIN.format(root=str(ROOT), method=method))
    # a range task is looked for otherwise, which warns
    (tmp_path / "luigi.cfg").write_text("[core]\nautoload_range = false\n")
    done = subprocess.run(
        [interpreter, "-W", "default", "main.py"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "LUIGI_CONFIG_PATH": "luigi.cfg"},
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout == "all well\n"
    assert "Warning: " not in done.stderr
