"""In clusters with many resources and priorities, the choice is that of a look at every task."""

from __future__ import annotations

import random

import pytest

from luigi_clone._scheduling import assignment
from luigi_clone._scheduling.explain import explain
from luigi_clone._scheduling.invariants import validate

from . import machines


class Cluster:
    """Workers that register, run and finish tasks at random."""

    def __init__(self, seed):
        self.random = choose = random.Random(seed)
        self.now = 1000.0
        self.machine = machines.machine({"a": 3, "b": 5, "c": 1}, worker_disconnect_delay=300)
        self.workers = [f"W{number}" for number in range(choose.choice([2, 5, 12]))]
        self.assistants = set(choose.sample(self.workers, choose.choice([0, 0, 1, 2])))
        self.running = {worker: [] for worker in self.workers}
        self.owners = choose.choice([1, 2, 4])
        self.mutexes = choose.choice([2, 40])
        for worker in self.workers:
            self.machine.add_worker(self.now, worker, {"workers": choose.choice([1, 2, 5])})

    def needs(self):
        choose = self.random
        needs = {name: choose.choice([1, 1, 2]) for name in "abc" if choose.random() < 0.25}
        if choose.random() < 0.4:
            needs[f"m{choose.randrange(self.mutexes)}"] = 1
        return needs

    def register(self, number):
        choose = self.random
        for worker in choose.sample(self.workers, min(len(self.workers), choose.randint(1, self.owners))):
            self.machine.add_task(
                self.now,
                task_id=f"T{number}",
                worker=worker,
                resources=self.needs(),
                priority=choose.choice([0, 0, 1, 2, 3]),
                deps=[f"T{number + 1}"] if choose.random() < 0.1 else None,
            )

    def ask(self):
        worker = self.random.choice(self.workers)
        mine, assistant = self.running[worker], worker in self.assistants
        record = self.machine.workers[worker]
        asked, record.last_get_work = record.last_get_work, self.now
        expected = machines.lookers_choice(self.machine, worker, assistant, self.now)
        record.last_get_work = asked
        task_id = self.machine.get_work(self.now, "h", assistant, mine, worker)["task_id"]
        assert [task_id] == (expected or [None])
        if task_id:
            mine.append(task_id)
        return task_id

    def finish(self):
        worker = self.random.choice(self.workers)
        mine = self.running[worker]
        if mine:
            task_id = mine.pop(self.random.randrange(len(mine)))
            task = self.machine.tasks[task_id]
            self.machine.add_task(
                self.now,
                task_id=task_id,
                worker=worker,
                status="DONE",
                runnable=None,
                resources=dict(task.needs.amounts),
                assistant=worker in self.assistants,
            )


@pytest.mark.parametrize("seed", range(40))
def test_choice_is_that_of_a_look_at_every_task(seed):
    cluster = Cluster(seed)
    for number in range(60):
        cluster.now += 0.01
        cluster.register(number)
    for step in range(250):
        cluster.now += cluster.random.choice([0.01, 0.01, 10])
        action = cluster.random.random()
        if action < 0.6:
            # several in a row use what the first one's walk has found
            for _ in range(cluster.random.choice([1, 1, 1, 6])):
                cluster.ask()
        elif action < 0.85:
            cluster.finish()
        elif action < 0.95:
            cluster.register(cluster.random.randrange(80))
        else:
            cluster.machine.update_resources({cluster.random.choice("abc"): cluster.random.randint(0, 4)})
        if step % 50 == 0:
            validate(cluster.machine)
    for task_id in cluster.machine.tasks:
        assert explain(cluster.machine, task_id).text
    validate(cluster.machine)


@pytest.fixture
def walks(monkeypatch):
    """Return a list that gets an entry for each walk."""
    made = []
    walk = assignment.GreedyWalk.run
    monkeypatch.setattr(
        assignment.GreedyWalk, "run", lambda self, *rest: made.append(self) or walk(self, *rest)
    )
    return made


def test_workers_that_fill_their_slots_share_a_few_walks(walks):
    cluster = Cluster(1)
    cluster.machine = machines.machine({"a": 60})
    cluster.workers, cluster.assistants, cluster.running = ["V", "W", "X", "Y"], set(), {}
    for number, worker in enumerate(cluster.workers):
        cluster.machine.add_worker(1000.0, worker, {"workers": 20})
        cluster.machine.get_work(1000.0, worker=worker)
        cluster.running[worker] = []
        for position in range(100):
            cluster.machine.add_task(
                1000.0,
                task_id=f"{worker}{position}",
                worker=worker,
                resources={"a": 1 + position % 2},
                priority=(position * 7 + number) % 10,
            )
    cluster.now = 1001.0
    given = [cluster.ask() for _ in range(120)]
    assert 30 <= len([task_id for task_id in given if task_id]) <= 60
    assert 0 < len(walks) < 20
