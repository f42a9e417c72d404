"""Figures for a scheduler object; run by bench_scheduler.py on either engine.  Prints one JSON object.

``workload_scheduler.py FIGURE SIZE``: only the calls that the figure is about are timed, in blocks long
enough for reading the CPU clock to cost nothing, until enough were made or a second has gone by.
"""

from __future__ import annotations

import json
import random
import sys
import time
import tracemalloc

from luigi.scheduler import Scheduler

NO_POLICY = {"retry_count": None, "disable_hard_timeout": None, "disable_window": None}


def register(scheduler, worker, task_id, **fields):
    """Tell of a task as a worker does."""
    scheduler.add_task(
        **{
            "worker": worker,
            "task_id": task_id,
            "status": "PENDING",
            "runnable": True,
            "deps": None,
            "priority": 0,
            "resources": {},
            "params": {"x": "1"},
            "family": "Task",
            "module": "pipe",
            "batchable": False,
            "retry_policy_dict": NO_POLICY,
            "accepts_messages": False,
            "owners": [],
            "param_visibilities": {"x": 0},
            **fields,
        }
    )


def blocks(run, count, limit=1.0):
    """Return the CPU microseconds of one call: ``run(n)`` makes n calls, in blocks, until time is up."""
    spent, made, block = 0.0, 0, 1
    while made < count and spent < limit:
        start = time.process_time()
        done = run(min(block, count - made))
        spent += time.process_time() - start
        made += done
        block *= 4
    return spent / made * 1e6


def plain(size):
    """One worker, tasks without resources: give work, again and again."""
    scheduler = Scheduler()
    for number in range(size):
        register(scheduler, "W", f"Task_{number}_abcdef0123")

    def run(count):
        for _ in range(count):
            assert scheduler.get_work(worker="W", host="h", current_tasks=None)["task_id"]
        return count

    return blocks(run, min(500, size // 2))


class Cluster:
    """Workers with many slots, of which all are taken; some finish, then ask."""

    def __init__(self, limits, workers, assistants=(), slots=100):
        self.scheduler = Scheduler(resources=limits)
        self.workers, self.assistants, self.slots = workers, set(assistants), slots
        self.running = {worker: [] for worker in workers}
        self.random = random.Random(1)
        for worker in workers:
            self.scheduler.add_worker(worker, {"workers": slots, "host": "h", "pid": 1})
            self.scheduler.get_work(worker=worker, assistant=worker in self.assistants)

    def start(self, worker, task_id):
        """Let a worker run a task without looking for one."""
        self.scheduler.add_task(
            worker=worker,
            task_id=task_id,
            status="RUNNING",
            assistant=worker in self.assistants,
            resources=self.needs[task_id],
        )
        self.running[worker].append(task_id)

    def finish(self, count):
        """End runs; return the workers that have a free slot then."""
        free = []
        for _ in range(count):
            busy = [worker for worker in self.workers if self.running[worker]]
            if not busy:
                break
            worker = self.random.choice(busy)
            mine = self.running[worker]
            task_id = mine.pop(self.random.randrange(len(mine)))
            self.scheduler.add_task(
                worker=worker,
                task_id=task_id,
                status="DONE",
                expl="null",
                runnable=None,
                resources=self.needs[task_id],
                assistant=worker in self.assistants,
            )
            free.append(worker)
        return free

    def asking(self, block=100, count=2000, limit=1.0):
        """Return the CPU microseconds of one get_work: workers with free slots ask until there is nothing."""
        spent, made = 0.0, 0
        while made < count and spent < limit:
            free = dict.fromkeys(self.finish(block))
            if not free:
                break
            start = time.process_time()
            for worker in free:
                mine, assistant = self.running[worker], worker in self.assistants
                while len(mine) < self.slots:
                    task_id = self.scheduler.get_work(
                        worker=worker, host="h", assistant=assistant, current_tasks=mine
                    )["task_id"]
                    made += 1
                    if not task_id:
                        break
                    mine.append(task_id)
            spent += time.process_time() - start
        return spent / made * 1e6


def mutexes(size, block=100):
    """A mutex for each task, 2,000 running, ten workers and ten assistants."""
    workers = [f"W{number}" for number in range(20)]
    cluster = Cluster({}, workers, assistants=workers[1::2])
    cluster.needs = {f"T{number}": {f"mutex_{number}": 1} for number in range(size)}
    for number, (task_id, needs) in enumerate(cluster.needs.items()):
        register(cluster.scheduler, workers[number % 10 * 2], task_id, resources=needs)
    for number, task_id in enumerate(list(cluster.needs)[: min(2000, size // 2)]):
        cluster.start(workers[number % 20], task_id)
    return cluster.asking(block)


LIMITS = {"db": 100, "gpu": 40, "net": 200}
NEEDS = [{}, {"db": 1}, {"db": 2}, {"gpu": 1}, {"net": 1, "db": 1}, {"gpu": 1, "net": 5}]


def contended(size, owners, block=50):
    """Three resources that many tasks want, ten priorities; ``owners(number)`` registers a task."""
    workers = [f"W{number}" for number in range(10)]
    cluster = Cluster(LIMITS, workers, slots=20)
    choose = random.Random(2)
    cluster.needs = {f"T{number}": choose.choice(NEEDS) for number in range(size)}
    for number, (task_id, needs) in enumerate(cluster.needs.items()):
        for worker in owners(workers, number):
            register(cluster.scheduler, worker, task_id, resources=needs, priority=number * 7919 % 10)
    for number, task_id in enumerate(list(cluster.needs)[: min(120, size // 4)]):
        cluster.start(workers[number % 10], task_id)
    return cluster.asking(block)


def shared(size):
    """Every worker registered every task."""
    return contended(size, lambda workers, number: workers)


def single(size):
    """One worker registered the tasks."""
    return contended(size, lambda workers, number: workers[:1] if number >= 120 else workers)


def disjoint(size):
    """Every worker has tasks of its own, which want the resources of the others' tasks."""
    return contended(size, lambda workers, number: [workers[number % 10]])


def add(size):
    """Register tasks."""
    ids = [f"Task_{number}_abcdef0123" for number in range(size)]

    def once():
        scheduler = Scheduler()
        start = time.process_time()
        for task_id in ids:
            register(scheduler, "W", task_id)
        return (time.process_time() - start) / size * 1e6

    return min(once() for _ in range(3))


def building_the_call(size):
    """What the loop of ``add`` costs without a scheduler."""

    class Nothing:
        def add_task(self, **fields):
            pass

    def once():
        start = time.process_time()
        for number in range(size):
            register(Nothing(), "W", "Task")
        return (time.process_time() - start) / size * 1e6

    return min(once() for _ in range(3))


def memory(size):
    """Bytes of a pending task, its id and parameters included."""
    scheduler = Scheduler()
    register(scheduler, "W", "first")
    tracemalloc.start()
    for number in range(size):
        register(scheduler, "W", f"Task_{number}_abcdef0123", params={"x": str(number)})
    return tracemalloc.get_traced_memory()[0] / size


def drain(size):
    """Give and finish all tasks, as a local scheduler does."""
    scheduler = Scheduler(prune_on_get_work=True)
    for number in range(size):
        register(scheduler, "W", f"T{number}")
    start = time.process_time()
    for _ in range(size):
        task_id = scheduler.get_work(worker="W", host="h", current_tasks=[])["task_id"]
        scheduler.add_task(worker="W", task_id=task_id, status="DONE", runnable=None)
    return (time.process_time() - start) / size * 1e6


def chain(size):
    """Register a chain and raise the priority of its top: the seconds of the latter."""
    scheduler = Scheduler()
    for number in range(size):
        scheduler.add_task(worker="W", task_id=f"T{number}", deps=[f"T{number + 1}"])
    start = time.process_time()
    scheduler.add_task(worker="W", task_id="T0", priority=1)
    assert scheduler.task_list("UNKNOWN", limit=False)[f"T{size}"]["priority"] == 1
    return time.process_time() - start


def edges(size):
    """Register and drain ten layers, each depending on all of the one below: microseconds for each edge."""
    width = int((size / 9) ** 0.5)
    scheduler = Scheduler()
    start = time.process_time()
    for layer in range(10):
        deps = [f"L{layer + 1}_{number}" for number in range(width)] if layer < 9 else []
        for number in range(width):
            scheduler.add_task(worker="W", task_id=f"L{layer}_{number}", deps=deps)
    for _ in range(10 * width):
        task_id = scheduler.get_work(worker="W", current_tasks=[])["task_id"]
        scheduler.add_task(worker="W", task_id=task_id, status="DONE", runnable=None)
    return (time.process_time() - start) / (9 * width * width) * 1e6


if __name__ == "__main__":
    figure, size = sys.argv[1], int(sys.argv[2])
    print(json.dumps({"value": globals()[figure](size)}))
