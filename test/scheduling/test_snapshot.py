"""A snapshot made while the machine goes on is the state of the moment at which it was started."""

from __future__ import annotations

import copy
import random
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from luigi_clone._journal.encoding import decode, encode
from luigi_clone._scheduling.facts import FACTS, replay
from luigi_clone._scheduling.invariants import validate
from luigi_clone._scheduling.machine import Machine
from luigi_clone._scheduling.model import More, TaskRecord
from luigi_clone._scheduling.restoring import TOLD_OF_TASKS
from luigi_clone._scheduling.snapshot import Snapshot
from luigi_clone.scheduler import Scheduler
from test.scheduling.machines import fields
from test.scheduling.machines import settings as options
from test.scheduling.scripts import claim, random_script

OPTIONS: dict[str, Any] = {
    "retry_delay": 20.0,
    "remove_delay": 100.0,
    "worker_disconnect_delay": 60.0,
    "disable_window": 60,
    "disable_persist": 50,
    "stable_done_cooldown_secs": 2,
}


def rebuilt(facts):
    made = Machine(options(**OPTIONS), {})
    made.configure_resources({"s": 2})
    replay(made, decode(encode(facts)))
    validate(made)
    return made


def everything(machine):
    found = fields(machine)
    for name in ("workers", "batchers", "limits", "lapsed", "absent", "attempts"):  # the live objects
        found[name] = copy.deepcopy(found[name])
    return {**found, "order": list(machine.tasks), "arrivals": machine._arrivals}


class Watcher:
    """Takes snapshots of a scheduler while a script is played, and checks each."""

    def __init__(self, scheduler, rng):
        self.machine = scheduler._machine
        self.rng = rng
        self.snapshot = None
        self.whole = 0

    def step(self):
        if self.snapshot is None:
            if self.rng.random() < 0.3:
                self.before = everything(self.machine)
                self.seen = len(self.machine.facts)
                self.snapshot, self.facts = Snapshot(self.machine), []
            return
        while self.rng.random() < 0.5:
            part = self.snapshot.part(self.rng.randint(1, 4))
            self.facts += part
            if not part:
                self.check()
                return

    def check(self):
        assert everything(rebuilt(self.facts)) == self.before
        later = self.machine.facts[self.seen :]
        assert everything(rebuilt([*self.facts, *later])) == everything(self.machine)
        assert type(self.machine.facts) is list
        self.snapshot = None
        self.whole += 1

    def end(self):
        while self.snapshot is not None:
            part = self.snapshot.part(3)
            self.facts += part
            if not part:
                self.check()


def play(script, rng, prune_on_get_work):
    scheduler = Scheduler(resources={"s": 2}, prune_on_get_work=prune_on_get_work, **OPTIONS)
    scheduler._machine.facts = []
    now = 1000.0
    scheduler._clock = lambda: now
    watcher = Watcher(scheduler, rng)
    todo = list(script)
    while todo:
        seconds, method, arguments = todo.pop(0)
        now += seconds
        reply = getattr(scheduler, method)(**arguments)
        if method == "get_work":
            claiming = claim(reply, arguments["worker"])
            if claiming is not None:
                todo.insert(0, claiming)
        watcher.step()
    watcher.end()
    return watcher.whole


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.randoms(use_true_random=False), st.integers(5, 80), st.booleans())
def test_any_script(rng, length, prune_on_get_work):
    play(random_script(rng, length), rng, prune_on_get_work)


def test_long_scripts():
    whole = 0
    for seed in range(8):
        rng = random.Random(seed)
        whole += play(random_script(rng, 200), rng, prune_on_get_work=seed % 2 == 0)
    assert whole > 80


def test_a_snapshot_that_is_given_up_leaves_no_trace():
    scheduler = Scheduler()
    scheduler._machine.facts = []
    scheduler.add_task(task_id="A", worker="w")
    snapshot = Snapshot(scheduler._machine)
    scheduler.add_task(task_id="A", worker="w", status="FAILED")
    recorded = list(scheduler._machine.facts)
    snapshot.give_up()
    assert scheduler._machine.facts == recorded
    assert type(scheduler._machine.facts) is list


def test_every_field_of_a_task_is_told_or_follows_from_others():
    told = {name for name in FACTS["task_known"].fields if name not in ("task", "crew", "shape", "rest")}
    told |= {"id", "crew", "more", *TOLD_OF_TASKS}
    told |= {"family", "module", "visibilities", "hidden_params", "policy", "needs"}
    told |= {"accepts_messages", "batchable"}
    follows = {"dependents", "unmet", "severed", "rank"}
    assert set(TaskRecord.__slots__) == told | follows
    assert not set(More.__slots__) & set(TOLD_OF_TASKS)
