"""Random sequences of calls: what must always hold holds, the choice is the looker's, and facts suffice."""

from __future__ import annotations

import json
import os

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from luigi_clone._scheduling import views
from luigi_clone._scheduling.arguments import ConflictError
from luigi_clone._scheduling.facts import replay, story
from luigi_clone._scheduling.invariants import validate

from . import machines

WORKERS = st.sampled_from(["X", "Y", "Z"])
TASKS = st.sampled_from([f"T{i}" for i in range(7)])
NEEDS = st.sampled_from(
    [
        {},
        {},
        {"r": 1},
        {"r": 2},
        {"s": 1},
        {"r": 1, "s": 1},
        {"r": 1, "m1": 1},
        {"m2": 1},
        {"r": 0},
        {"f": 0.5},
    ]
)
PAUSES = st.sampled_from([0, 0.5, 3, 11, 30])


class Rules(RuleBasedStateMachine):
    """Three workers, seven tasks, few resources: enough to get into every corner."""

    @initialize(
        retry_count=st.sampled_from([1, 2, 99]),
        retry_delay=st.sampled_from([-1, 0, 5]),
        hard_timeout=st.sampled_from([20, 10**9]),
        remove_delay=st.sampled_from([0, 15]),
        disconnect=st.sampled_from([10, 10**6]),
        cooldown=st.sampled_from([0, 10]),
        prunes=st.booleans(),
        mails=st.booleans(),
    )
    def start(
        self, retry_count, retry_delay, hard_timeout, remove_delay, disconnect, cooldown, prunes, mails
    ):
        self.now = 1000.0
        self.options = {
            "retry_count": retry_count,
            "retry_delay": retry_delay,
            "disable_hard_timeout": hard_timeout,
            "disable_window": 25,
            "disable_persist": 25,
            "remove_delay": remove_delay,
            "worker_disconnect_delay": disconnect,
            "stable_done_cooldown_secs": cooldown,
            "prune_on_get_work": prunes,
            "batch_emails": mails,
        }
        self.machine = machines.machine({"r": 2, "f": 1}, **self.options)
        self.machine.wants_metrics = self.machine.wants_history = True
        for worker in ("X", "Y", "Z"):
            self.machine.add_task_batcher(worker, "F", ["k"], 2 if worker == "X" else float("inf"))
            self.machine.add_worker(self.now, worker, {"workers": 2})
        self.given = {"X": [], "Y": [], "Z": []}
        self.leases = {}

    @rule(pause=PAUSES)
    def wait(self, pause):
        self.now += pause

    @rule(
        worker=WORKERS,
        task=TASKS,
        status=st.sampled_from(
            ["PENDING"] * 8 + ["DONE", "FAILED", "DISABLED", "UNKNOWN", "RUNNING", "SUSPENDED"]
        ),
        deps=st.none() | st.lists(TASKS, max_size=3),
        needs=st.none() | NEEDS,
        priority=st.sampled_from([0, 0, 1, 2.5, -1]),
        assistant=st.sampled_from([False, False, False, True]),
        runnable=st.sampled_from([True, True, True, False, None]),
        batchable=st.sampled_from([True, True, False, None]),
        family=st.sampled_from(["F", "F", "G", ""]),
        params=st.sampled_from([{"k": "1", "g": "1"}, {"k": "2", "g": "1"}, {"g": "2"}, {}]),
        policy=st.sampled_from([None, {"retry_count": None}, {"retry_count": 2}]),
        tracking_url=st.sampled_from([None, None, "http://x/"]),
    )
    def register(self, worker, task, needs, policy, **told):
        self.machine.add_task(
            self.now,
            task_id=task,
            worker=worker,
            resources=needs,
            retry_policy_dict=policy,
            module="m",
            param_visibilities={"k": 0, "g": 1},
            owners=["a@b"],
            **told,
        )

    @rule(
        worker=WORKERS, assistant=st.booleans(), told=st.sampled_from(["all", "all", "all", "none", "null"])
    )
    def ask(self, worker, assistant, told):
        given = self.given[worker]
        current = {"all": list(given), "none": [], "null": None}[told]
        record = self.machine.workers.get(worker)
        free = current is None or record is None or not (record.runs.keys() - set(current) or record.batches)
        if record is not None and free and not self.machine.paused and not record.disabled:
            if not self.options["prune_on_get_work"]:
                asked, record.last_get_work = record.last_get_work, self.now
                expected = machines.lookers_choice(self.machine, worker, assistant, self.now)
                record.last_get_work = asked
        else:
            expected = None
        if self.options["prune_on_get_work"]:
            expected = None
        reply = self.machine.get_work(self.now, "host", assistant, current, worker)
        chosen = reply.get("batch_task_ids") or ([reply["task_id"]] if reply["task_id"] else [])
        if expected is not None:
            assert chosen == expected
        json.dumps(reply)
        self.batch = reply.get("batch_id"), worker, chosen
        assert (self.machine.granted is not None) == bool(chosen)
        for task in chosen:
            self.leases[worker, task] = self.machine.granted
        if chosen and len(self.leases) % 3 == 0:
            self.machine.keep_answer(
                f"c{worker}", len(self.leases), worker, None, self.machine.granted, False
            )
        if reply["task_id"] and reply["task_id"] not in given:
            given.append(reply["task_id"])

    @precondition(lambda self: getattr(self, "batch", (None,))[0])
    @rule(own_head=st.booleans())
    def claim(self, own_head):
        batch_id, worker, members = self.batch
        head = members[-1] if own_head else "H"
        try:
            self.machine.add_task(
                self.now, task_id=head, status="RUNNING", family="F", worker=worker, batch_id=batch_id
            )
        except ValueError:
            assert batch_id not in self.machine.batches
            return
        if head not in self.given[worker]:
            self.given[worker].append(head)

    @rule(
        worker=WORKERS,
        which=st.integers(0, 3),
        status=st.sampled_from(["DONE", "DONE", "FAILED", "PENDING"]),
        dep=TASKS,
        assistant=st.booleans(),
        leased=st.booleans(),
        again=st.booleans(),
    )
    def report(self, worker, which, status, dep, assistant, leased, again):
        given = self.given[worker]
        if given:
            task = given[which % len(given)]
            if not again:
                given.remove(task)
            lease = self.leases.get((worker, task)) if leased else None
            record = self.machine.tasks.get(task)
            runner = None if record is None or record.status != "RUNNING" else record.worker_running
            anew = record is not None and lease is not None and abs(record.lease) > lease
            try:
                self.machine.add_task(
                    self.now,
                    task_id=task,
                    status=status,
                    worker=worker,
                    expl='"text"',
                    runnable=None,
                    assistant=assistant,
                    new_deps=[dep] if status == "PENDING" else [],
                    lease=lease,
                )
            except ConflictError:
                assert anew or record.status == "DONE"
            else:
                assert not anew
            if anew:
                assert runner is None or record.worker_running == runner

    @rule(worker=WORKERS)
    def ask_again(self, worker):
        for _, _, owner, answer in list(self.machine.answers.all()):
            if owner == worker:
                reply = self.machine.grant_again(self.now, worker, answer.lease)
                if reply is not None and reply["task_id"]:
                    record = self.machine.tasks[reply["task_id"]]
                    assert (record.status, record.worker_running) == ("RUNNING", worker)

    @rule(worker=WORKERS)
    def ping(self, worker):
        self.machine.ping(self.now, worker)

    @rule()
    def prune(self):
        self.machine.prune(self.now)

    @rule(task=TASKS, action=st.sampled_from(["forgive_failures", "mark_as_done", "re_enable_task"]))
    def act(self, task, action):
        getattr(self.machine, action)(self.now, task)

    @rule(worker=WORKERS)
    def disable(self, worker):
        self.machine.disable_worker(self.now, worker)

    @rule(name=st.sampled_from(["r", "s", "m1", "f"]), amount=st.integers(0, 3))
    def limit(self, name, amount):
        self.machine.update_resources({name: amount})

    @rule(task=TASKS, name=st.sampled_from(["r", "s"]), amount=st.integers(-1, 2))
    def decrease(self, task, name, amount):
        self.machine.decrease_running_task_resources(task, {name: amount})

    @rule(task=TASKS)
    def tell(self, task):
        self.machine.tell_progress(task, "status_message", "half")
        self.machine.add_response(task, "1", "yes")
        self.machine.send_message("X", "hello", {"task": task})

    @rule(paused=st.booleans())
    def pause(self, paused):
        self.machine.set_paused(paused)

    @rule(worker=WORKERS, slots=st.integers(0, 3))
    def resize(self, worker, slots):
        self.machine.add_worker(self.now, worker, {"workers": slots})

    @rule(option=st.sampled_from(["retry_delay", "worker_disconnect_delay", "disable_persist"]))
    def reconfigure(self, option):
        setattr(self.machine.settings, option, self.options[option] + 1)

    @invariant()
    def holds(self):
        if hasattr(self, "machine"):
            validate(self.machine)
            assert self.machine.facts is not None
            upstream = views.Upstream(self.machine)
            for task_id in self.machine.tasks:
                upstream.of(task_id)

    def teardown(self):
        if not hasattr(self, "machine"):
            return
        json.dumps([views.whole(views.graph(self.machine)), views.worker_list(self.machine, True)])
        again = machines.machine({"r": 2, "f": 1}, **self.options)
        facts = self.machine.facts
        replay(again, facts)
        validate(again)
        expected, actual = machines.fields(self.machine), machines.fields(again)
        for task_id in expected["tasks"]:
            assert actual["tasks"].get(task_id) == expected["tasks"][task_id], story(facts, task_id)
        assert actual == expected


TestRules = Rules.TestCase
TestRules.settings = settings(
    max_examples=int(os.environ.get("RULES_EXAMPLES", "60")),
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
pytestmark = pytest.mark.timeout(300)
