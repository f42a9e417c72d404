"""What it costs to lose nothing: CPU of the journal for each call, stalls by snapshots, starts, and a kill.

``python test/perf/bench_journal.py [--stock VENV] [--rounds N] [--tasks 50000,1000000] [--postgres URL]``

Goals (issue 5): journal CPU per acknowledged call with 1 / 50 clients at most 60 / 30 µs, aim 20 / 12;
longest stall by a snapshot at 1,000,000 tasks at most 100 ms, aim 20; start with 50,000 / 1,000,000 tasks at
most 0.8 / 15 s, aim 0.4 / 8; of 1,000 tasks 1,000 are left after kill -9. All but the
kill is CPU time of one thread. ``--postgres`` adds the journal in a database, in a schema that is made and
dropped again: CPU of this process (all threads), and seconds until a second process has taken over after
kill -9 of the first, at most 10.
The folder is that of temporary files, or ``BENCH_FOLDER``.
"""

from __future__ import annotations

import argparse
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

WORKER = "Worker(salt=8686314458, workers=1, host=h1, username=u, pid=13743)"

STOCK = """
import sys, time
from luigi.scheduler import Scheduler
scheduler = Scheduler(state_path=sys.argv[1])
for number in range(int(sys.argv[2])):
    scheduler.add_task(worker="w", task_id=f"Task{number}", family="Task", params={"number": str(number)})
begun = time.process_time(); scheduler.dump(); dumped = time.process_time() - begun
begun = time.process_time(); Scheduler(state_path=sys.argv[1]).load()
print(dumped, time.process_time() - begun)
"""


def started(path: Path | str | None) -> Any:
    """Return a scheduler as a server uses it, with a journal at ``path`` if that is not None."""
    from luigi_clone.scheduler import Scheduler

    scheduler = Scheduler(state_path=str(path))
    if path is not None:
        scheduler.load()
    scheduler.hold()
    return scheduler


def add(scheduler: Any, number: int) -> None:
    """Register one task as a worker does; nine of ten depend on the one before."""
    scheduler.add_task(
        task_id=f"Task_2026_01_01_{number:07d}",
        worker=WORKER,
        family="Task",
        module="pipeline.tasks",
        params={"date": "2026-01-01", "number": str(number)},
        deps=[f"Task_2026_01_01_{number - 1:07d}"] if number % 10 else [],
        resources={"db": 1} if number % 5 == 0 else {},
        retry_policy_dict={"retry_count": None, "disable_hard_timeout": None, "disable_window": None},
    )


def calls(scheduler: Any, count: int, together: int) -> float:
    """Register, run and end tasks, ``together`` calls a commit; return CPU seconds for each call."""
    made = 0

    def commit() -> None:
        nonlocal made
        made += 1
        if made % together == 0:
            scheduler.commit()

    begun = time.process_time()
    for number in range(count // 3):
        add(scheduler, number)
        commit()
    while (task_id := scheduler.get_work(worker=WORKER)["task_id"]) is not None:
        commit()
        scheduler.add_task(worker=WORKER, task_id=task_id, status="DONE", runnable=None)
        commit()
    scheduler.commit()
    return (time.process_time() - begun) / made


def median(rounds: int, measure: Callable[[Path], float]) -> float:
    """Return the median over some rounds, each in a folder of its own."""
    found = []
    for _ in range(rounds):
        with tempfile.TemporaryDirectory(dir=os.environ.get("BENCH_FOLDER")) as folder:
            found.append(measure(Path(folder)))
    return statistics.median(found)


def bare_sync(folder: Path) -> float:
    """Return the CPU seconds of one small durable write, with nothing around it."""
    file = os.open(folder / "file", os.O_CREAT | os.O_WRONLY)
    begun = time.process_time()
    for _ in range(3000):
        os.write(file, bytes(4120))
        os.fdatasync(file)
    taken = (time.process_time() - begun) / 3000
    os.close(file)
    return taken


def snapshot_and_start(folder: Path, tasks: int) -> tuple[float, float, float, float]:
    """Return longest stall, CPU of a whole snapshot, megabytes of it, and CPU of a start from it."""
    path = folder / "state"
    scheduler = started(path)
    for number in range(tasks):
        add(scheduler, number)
        if number % 50 == 49:
            scheduler.commit()
    scheduler.commit()
    condenser = scheduler._condenser
    condenser._give_up()
    longest, begun = 0.0, time.thread_time()
    step = condenser._start
    while True:
        before = time.thread_time()
        step()
        longest = max(longest, time.thread_time() - before)
        if condenser._snapshot is None:
            break
        step = condenser._go_on
    whole = time.thread_time() - begun
    while True:
        before = time.thread_time()
        more = scheduler._journal.tidy()
        longest = max(longest, time.thread_time() - before)
        if not more:
            break
    size = scheduler._journal.condensed / 1e6
    scheduler._journal.close()
    script = (
        "import sys, time\nfrom luigi_clone.scheduler import Scheduler\n"
        "scheduler = Scheduler(state_path=sys.argv[1]); begun = time.process_time(); scheduler.load()\n"
        "print(time.process_time() - begun)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, path], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True
    )
    return longest, whole, size, float(done.stdout)


def left_after_kill(folder: Path) -> int:
    """Return how many of 1,000 registered tasks are there after a kill."""
    child = os.fork()
    if not child:
        scheduler = started(folder / "state")
        for number in range(1000):
            add(scheduler, number)
            scheduler.commit()
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(child, 0)
    return len(started(folder / "state")._machine.tasks)


class Schemas:
    """Schemas of a database, each for one measurement."""

    def __init__(self, url: str) -> None:
        import psycopg

        self._url = url
        self._connection = psycopg.connect(url, autocommit=True)

    def __call__(self, measure: Callable[[str], float]) -> float:
        """Measure with the URL of an empty schema."""
        name = f"bench_journal_{os.getpid()}"
        self._connection.execute(f"CREATE SCHEMA {name}")
        try:
            joint = "&" if "?" in self._url else "?"
            return measure(f"{self._url}{joint}options=-csearch_path%3D{name}")
        finally:
            self._connection.execute(f"DROP SCHEMA {name} CASCADE")


def calls_stored_at(url: str, together: int) -> float:
    """Return what :func:`calls` does for a journal in PostgreSQL."""
    scheduler = started(url)
    try:
        return calls(scheduler, 3000 if together == 1 else 9000, together)
    finally:
        scheduler._journal.close()


def start_in_database(url: str, tasks: int) -> float:
    """Return the CPU seconds of a start with so many tasks, from a snapshot."""
    scheduler = started(url)
    for number in range(tasks):
        add(scheduler, number)
        if number % 50 == 49:
            scheduler.commit()
    scheduler.commit()
    condenser = scheduler._condenser
    condenser._give_up()
    condenser._start()
    while condenser._snapshot is not None:
        condenser._go_on()
    scheduler._journal.close()
    begun = time.process_time()
    again = started(url)
    taken = time.process_time() - begun
    again._journal.close()
    return taken


def take_over(url: str) -> float:
    """Return the seconds from a kill of the owner until another process has all tasks."""
    owner = (
        "import sys, time; sys.path[:0] = ['test/perf', '.']; from bench_journal import add, started\n"
        "scheduler = started(sys.argv[1])\n"
        "for number in range(1000): add(scheduler, number)\n"
        "scheduler.commit(); print(flush=True); sys.stdin.read()"
    )
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", owner, url], cwd=ROOT, **pipes) as process:
        process.stdout.readline()
        threading.Timer(2, process.kill).start()
        killed: list[float] = []
        threading.Thread(target=lambda: (process.wait(), killed.append(time.monotonic()))).start()
        second = started(url)
        taken = time.monotonic() - killed[0]
    assert len(second._machine.tasks) == 1000
    second._journal.close()
    return taken


def tell_of_postgres(url: str, rounds: int, tasks: list[int], without: float) -> None:
    """Print the rows of the journal in PostgreSQL."""
    schemas = Schemas(url)
    for clients in (1, 50):
        found = [schemas(lambda place, many=clients: calls_stored_at(place, many)) for _ in range(rounds)]
        stored = statistics.median(found)
        print(f"PostgreSQL, for each call, {clients} clients: {(stored - without) * 1e6:.1f} µs", flush=True)
    for count in tasks:
        start = schemas(lambda place, many=count: start_in_database(place, many))
        print(f"PostgreSQL, start with {count:,} tasks: {start:.2f} s", flush=True)
    waits = [schemas(take_over) for _ in range(rounds)]
    longest = max(waits)
    print(f"PostgreSQL, taken over after kill -9 in: {statistics.median(waits):.1f} s, at most {longest:.1f}")


def main() -> None:
    """Print a row for each figure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stock", type=Path, help="virtual environment with Luigi")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--tasks", default="50000")
    parser.add_argument("--postgres", metavar="URL", help="a database to measure the journal in as well")
    options = parser.parse_args()
    print("load", *(f"{one:.1f}" for one in os.getloadavg()))
    print(f"a durable write of 4 KB by itself: {median(options.rounds, bare_sync) * 1e6:.1f} µs", flush=True)
    for clients in (1, 50):
        without = median(options.rounds, lambda _: calls(started(None), 9000, 1))
        stored = median(options.rounds, lambda folder, many=clients: calls(started(folder / "s"), 9000, many))
        print(f"journal for each call, {clients} clients: {(stored - without) * 1e6:.1f} µs", flush=True)
    print(f"left of 1,000 tasks after kill -9: {median(1, left_after_kill):.0f}", flush=True)
    for tasks in map(int, options.tasks.split(",")):
        with tempfile.TemporaryDirectory(dir=os.environ.get("BENCH_FOLDER")) as folder:
            stall, whole, size, start = snapshot_and_start(Path(folder), tasks)
        print(
            f"{tasks:,} tasks: longest stall {stall * 1e3:.1f} ms, whole snapshot {whole:.2f} s "
            f"({size:.0f} MB of "
            f"facts), start {start:.2f} s",
            flush=True,
        )
    if options.postgres:
        tell_of_postgres(options.postgres, options.rounds, [*map(int, options.tasks.split(","))], without)
    if options.stock:
        with tempfile.TemporaryDirectory() as folder:
            done = subprocess.run(
                [options.stock / "bin" / "python", "-c", STOCK, f"{folder}/state", "50000"],
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
                check=True,
            )
        dumped, loaded = map(float, done.stdout.split())
        print(f"Luigi, 50,000 tasks: stall at its end {dumped:.2f} s, start {loaded:.2f} s")


if __name__ == "__main__":
    main()
