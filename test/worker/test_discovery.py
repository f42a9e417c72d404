"""The scheduling phase: what is asked, in which order, and what the scheduler is told."""

from __future__ import annotations

import logging
import sys
import time
from itertools import pairwise
from typing import Any

import luigi
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from luigi_clone._worker.discovery import find_cycles
from luigi_clone.event import Event
from luigi_clone.parameter import ParameterVisibility
from luigi_clone.task import Task
from luigi_clone.worker import TaskException, Worker


def statuses(worker: Worker) -> dict[str, tuple[Any, Any]]:
    return {str(task): (status, runnable) for task, status, runnable in worker._add_task_history}


class Log:
    lines: list[str] = []


@pytest.fixture(autouse=True)
def _fresh_log() -> None:
    Log.lines = []


class Node(luigi.Task):
    n = luigi.IntParameter()
    fan = luigi.IntParameter(default=0)
    ready = luigi.BoolParameter()

    def requires(self) -> Any:
        Log.lines.append(f"requires {self.n}")
        return [Node(n=10 * self.n + i) for i in range(self.fan)]

    def complete(self) -> bool:
        Log.lines.append(f"complete {self.n}")
        return self.ready

    @property
    def priority(self) -> int:  # type: ignore[override]
        Log.lines.append(f"registered {self.n}")
        return 0


def test_siblings_are_all_asked_before_one_is_registered(make_worker: Any) -> None:
    assert make_worker().add(Node(n=1, fan=3))
    assert Log.lines == [
        "complete 1",
        "requires 1",
        *("complete 10", "complete 11", "complete 12"),
        "registered 1",
        *("requires 12", "registered 12", "requires 11", "registered 11", "requires 10", "registered 10"),
    ]


def test_complete_task_is_not_expanded(make_worker: Any) -> None:
    worker = make_worker()
    assert worker.add(Node(n=1, fan=3, ready=True))
    assert Log.lines == ["complete 1", "registered 1"]
    [call] = worker._scheduler.named("add_task")
    assert (call["status"], call["runnable"], call["deps"]) == ("DONE", False, None)


def test_fields_of_a_registration(make_worker: Any) -> None:
    class Full(luigi.Task):
        x = luigi.IntParameter()
        quiet = luigi.Parameter(default="q", significant=False)
        hid = luigi.Parameter(default="h", visibility=ParameterVisibility.HIDDEN)
        secret = luigi.Parameter(default="s", visibility=ParameterVisibility.PRIVATE)
        resources = {"db": 1}
        priority = 7
        owner_email = "a@b.c"
        retry_count = 2
        accepts_messages = True

        def complete(self) -> bool:
            return False

    worker = make_worker()
    assert worker.add(Full(x=2))
    [call] = worker._scheduler.named("add_task")
    assert call == {
        "worker": worker._id,
        "task_id": Full(x=2).task_id,
        "status": "PENDING",
        "runnable": True,
        "deps": [],
        "priority": 7,
        "resources": {"db": 1},
        "params": {"x": "2", "quiet": "q", "hid": "h"},
        "param_visibilities": {"x": 0, "quiet": 0, "hid": 1},
        "family": "Full",
        "module": __name__,
        "batchable": False,
        "retry_policy_dict": {"retry_count": 2, "disable_hard_timeout": None, "disable_window": None},
        "accepts_messages": True,
        "owners": ["a@b.c"],
    }


def test_task_without_parameters_sends_no_visibilities(make_worker: Any) -> None:
    class Bare(luigi.Task):
        def complete(self) -> bool:
            return False

    worker = make_worker()
    assert worker.add(Bare())
    [call] = worker._scheduler.named("add_task")
    assert call["params"] == {}
    assert "param_visibilities" not in call


def test_batcher_is_announced_once_per_family(make_worker: Any) -> None:
    class Batched(luigi.Task):
        k = luigi.IntParameter(batch_method=max)
        other = luigi.Parameter(default="o")
        max_batch_size = 5

        def complete(self) -> bool:
            return False

    worker = make_worker()
    for k in range(3):
        assert worker.add(Batched(k=k))
    assert worker._scheduler.named("add_task_batcher") == [
        {"worker": worker._id, "task_family": "Batched", "batched_args": ["k"], "max_batch_size": 5}
    ]
    assert worker._scheduler.calls[0][0] == "add_task_batcher"


class Bad(luigi.Task):
    how = luigi.Parameter()

    def complete(self) -> Any:
        if self.how == "complete":
            raise ValueError("broken complete")
        return None if self.how == "none" else False

    def requires(self) -> Any:
        if self.how == "deps":
            raise ValueError("broken deps")
        return []


@pytest.mark.parametrize(
    ("how", "event", "where", "reason"),
    [
        ("complete", Event.DEPENDENCY_MISSING, "complete", "broken complete"),
        ("none", Event.DEPENDENCY_MISSING, "complete", "must be boolean (was None)"),
        ("deps", Event.BROKEN_TASK, "deps", "broken deps"),
    ],
)
def test_scheduling_error(
    make_worker: Any,
    mails: list[Any],
    caplog: pytest.LogCaptureFixture,
    how: str,
    event: str,
    where: str,
    reason: str,
) -> None:
    fired: list[Any] = []
    Bad.event_handler(event)(lambda *args: fired.append(args))
    task = Bad(how=how)
    worker = make_worker()
    assert not worker.add(task)
    [call] = worker._scheduler.named("add_task")
    assert (call["status"], call["runnable"], call["deps"]) == ("UNKNOWN", False, None)
    assert fired[0][0] is task
    assert f"Will not run {task} or any dependencies due to error in {where}() method:\n" in caplog.text
    assert reason in caplog.text
    [announcement] = worker._scheduler.named("announce_scheduling_failure")
    assert reason in announcement.pop("expl")
    assert announcement == {
        "worker": worker._id,
        "task_name": str(task),
        "family": "Bad",
        "params": {"how": how},
        "owners": [],
    }
    [(subject, body, recipients)] = mails
    assert subject == f"Luigi: {task} failed scheduling. Host: {worker.host}"
    assert body.startswith(f"Will not run {task} or any dependencies due to error in {where}() method\n")
    assert reason in body
    assert recipients is None


def test_send_failure_email_suppresses_the_mail_but_not_the_announcement(
    make_worker: Any, mails: list[Any]
) -> None:
    worker = make_worker(send_failure_email=False)
    assert not worker.add(Bad(how="deps"))
    assert mails == []
    assert len(worker._scheduler.named("announce_scheduling_failure")) == 1


class NeedsBad(luigi.Task):
    def requires(self) -> Any:
        return [Bad(how="complete"), Node(n=5)]

    def complete(self) -> bool:
        return False


def test_error_of_one_dependency_does_not_stop_the_walk(make_worker: Any) -> None:
    worker = make_worker()
    assert not worker.add(NeedsBad())
    assert statuses(worker) == {
        "NeedsBad()": ("PENDING", True),
        "Bad(how=complete)": ("UNKNOWN", False),
        "Node(n=5, fan=0, ready=False)": ("PENDING", True),
    }
    assert worker.add(Node(n=6)), "the next call starts afresh"


class Missing(luigi.ExternalTask):
    def complete(self) -> bool:
        return False


@pytest.mark.parametrize("retry", [False, True])
def test_missing_external_task(make_worker: Any, caplog: pytest.LogCaptureFixture, retry: bool) -> None:
    worker = make_worker(retry_external_tasks=retry)
    assert worker.add(Missing())
    assert statuses(worker) == {"Missing()": ("PENDING", retry)}
    assert (
        "Data for Missing() does not exist (yet?). The task is an external data dependency, so it cannot be"
        " run from this luigi process." in caplog.text
    )


def test_disabled_wins_over_every_status(make_worker: Any, mails: list[Any]) -> None:
    class Off(Bad):
        disabled = True

    worker = make_worker()
    worker.add(Off(how="complete"))
    worker.add(Off(how="fine"))
    assert statuses(worker) == {
        "Off(how=complete)": ("DISABLED", False),
        "Off(how=fine)": ("DISABLED", True),
    }


def test_root_that_is_no_task(make_worker: Any) -> None:
    with pytest.raises(TaskException, match="Can not schedule non-task 5"):
        make_worker().add(5)


def test_root_without_base_constructor(make_worker: Any) -> None:
    class Forgot(luigi.Task):
        def __init__(self) -> None:
            pass

    message = (
        "Task of class Forgot not initialized. Did you override __init__ and forget to call"
        " super(...).__init__?"
    )
    with pytest.raises(TaskException) as caught:
        make_worker().add(Forgot())
    assert str(caught.value) == message


class Requires(luigi.Task):
    what: Any = None

    def requires(self) -> Any:
        return self.what

    def complete(self) -> bool:
        return False


@pytest.mark.parametrize(
    ("what", "message"),
    [
        (
            luigi.LocalTarget("/nowhere"),
            "requires() can not return Target objects. Wrap it in an ExternalTask class",
        ),
        ("abc", "requires() must return Task objects but abc is a <class 'str'>"),
    ],
)
def test_dependency_that_is_no_task(
    make_worker: Any,
    mails: list[Any],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    what: Any,
    message: str,
) -> None:
    broken: list[Any] = []
    Requires.event_handler(Event.BROKEN_TASK)(lambda task, error: broken.append((task, str(error))))
    monkeypatch.setattr(Requires, "what", what)
    worker = make_worker(send_failure_email=False)
    with pytest.raises(Exception) as caught:
        worker.add(Requires())
    assert str(caught.value) == message
    assert not worker.add_succeeded
    assert broken == [(Requires(), message)]
    assert "Luigi unexpected framework error while scheduling Requires()" in caplog.text
    assert [mail[0] for mail in mails] == [
        f"Luigi: Framework error while scheduling Requires(). Host: {worker.host}"
    ]
    assert mails[0][1].startswith("Luigi framework error\n")


def test_system_exit_of_complete_leaves_at_once(make_worker: Any, mails: list[Any]) -> None:
    class Leaves(luigi.Task):
        def complete(self) -> bool:
            sys.exit(3)

    worker = make_worker()
    with pytest.raises(SystemExit):
        worker.add(Leaves())
    assert worker._add_task_history == []
    assert mails == []


def test_deps_may_be_any_iterable(make_worker: Any) -> None:
    class Lazy(luigi.Task):
        def complete(self) -> bool:
            return False

        def deps(self) -> Any:
            return (Node(n=n) for n in (1, 2))

    worker = make_worker()
    assert worker.add(Lazy())
    assert worker._scheduler.named("add_task")[0]["deps"] == [Node(n=1).task_id, Node(n=2).task_id]


def test_overridden_add_may_return_a_list(make_worker: Any) -> None:
    class Quiet(Worker):
        def _add(self, task: Any, is_complete: Any) -> Any:
            Log.lines.append(f"_add {task.n} {is_complete}")
            return []

    assert make_worker(cls=Quiet).add(Node(n=1, fan=2))
    assert Log.lines == ["complete 1", "_add 1 False"]


def test_first_task_is_set_once(make_worker: Any) -> None:
    worker = make_worker()
    worker.add(Node(n=1))
    worker.add(Node(n=2))
    assert worker._first_task == Node(n=1).task_id


# -- in parallel ---------------------------------------------------


class Counts(luigi.Task):
    n = luigi.IntParameter()

    def complete(self) -> bool:
        self.seen = self.n + 1
        if self.n == 13:
            raise ValueError("unlucky")
        return False

    def requires(self) -> Any:
        return [Counts(n=n) for n in (11, 12, 13)] if self.n == 0 else []


@pytest.mark.parametrize("processes", [0, 2])
def test_parallel_discovery(
    make_worker: Any, mails: list[Any], caplog: pytest.LogCaptureFixture, processes: int
) -> None:
    worker = make_worker()
    assert not worker.add(Counts(n=0), True, processes)
    assert str(worker._add_task_history[0][0]) == "Counts(n=0)"
    assert statuses(worker) == {
        "Counts(n=0)": ("PENDING", True),
        "Counts(n=11)": ("PENDING", True),
        "Counts(n=12)": ("PENDING", True),
        "Counts(n=13)": ("UNKNOWN", False),
    }
    assert "ValueError: unlucky" in caplog.text
    # the very object that the pipeline knows, with what complete() left on it
    assert worker._scheduled_tasks[Counts(n=11).task_id] is Counts(n=11)
    assert Counts(n=11).seen == 12


def test_parallel_discovery_fills_the_completion_cache(make_worker: Any) -> None:
    worker = make_worker(cache_task_completion=True)
    assert worker.add(Node(n=1, ready=True), multiprocess=True, processes=1)
    assert worker._task_completion_cache == {Node(n=1, ready=True).task_id: True}
    assert worker.add(Node(n=1, ready=True), multiprocess=True, processes=1)
    assert Log.lines == ["registered 1", "registered 1"], "complete() ran in the pool"


# -- cycles --------------------------------------------------------


class Ring(luigi.Task):
    n = luigi.IntParameter()
    size = luigi.IntParameter()

    def complete(self) -> bool:
        return False

    def requires(self) -> Any:
        return [Ring(n=(self.n + 1) % self.size, size=self.size), Node(n=self.n)]


class AboveRing(luigi.Task):
    def complete(self) -> bool:
        return False

    def requires(self) -> Any:
        return [Ring(n=0, size=2), Ring(n=0, size=1)]


def test_cycles_are_scheduling_errors(
    make_worker: Any, mails: list[Any], caplog: pytest.LogCaptureFixture
) -> None:
    broken: list[Any] = []
    Task.event_handler(Event.BROKEN_TASK)(lambda task, error: broken.append((str(task), str(error))))
    worker = make_worker()
    assert not worker.add(AboveRing())
    assert statuses(worker) == {
        "AboveRing()": ("PENDING", True),
        "Ring(n=0, size=1)": ("UNKNOWN", False),
        "Ring(n=0, size=2)": ("UNKNOWN", False),
        "Ring(n=1, size=2)": ("UNKNOWN", False),
        "Node(n=0, fan=0, ready=False)": ("PENDING", True),
        "Node(n=1, fan=0, ready=False)": ("PENDING", True),
    }
    assert len(worker._add_task_history) == 6, "nothing but the final word on the members"
    assert sorted(text.partition(": ")[2] for _, text in broken) == [
        "Ring(n=0, size=1) -> Ring(n=0, size=1)",
        "Ring(n=0, size=2) -> Ring(n=1, size=2) -> Ring(n=0, size=2)",
    ]
    assert caplog.text.count("due to error in deps() method") == 2
    assert len(mails) == 2
    assert worker.run(), "the rest runs, and the worker leaves"


def test_long_cycle_is_shortened(make_worker: Any, mails: list[Any]) -> None:
    broken: list[str] = []
    Task.event_handler(Event.BROKEN_TASK)(lambda task, error: broken.append(str(error)))
    assert not make_worker().add(Ring(n=0, size=5000))
    assert "... 4981 more ..." in broken[0]
    assert len(broken[0]) < 1000


class Diamond(luigi.Task):
    n = luigi.IntParameter()

    def complete(self) -> bool:
        return False

    def requires(self) -> Any:
        return [Diamond(n=m) for m in (self.n + 1, self.n + 2) if m < 8]


def test_shared_dependencies_are_no_cycle(make_worker: Any) -> None:
    worker = make_worker()
    assert worker.add(Diamond(n=0))
    assert {status for _, status, _ in worker._add_task_history} == {"PENDING"}


graphs = st.dictionaries(
    st.integers(0, 7).map(str), st.lists(st.integers(0, 7).map(str), max_size=4), max_size=8
)


@given(graphs)
@settings(max_examples=300, deadline=None)
def test_found_cycles_are_cycles_and_none_is_missed(edges: dict[str, list[str]]) -> None:
    cycles = find_cycles(edges)
    for cycle in cycles:
        assert cycle[0] == cycle[-1]
        assert len(set(cycle)) == len(cycle) - 1
        assert all(b in edges[a] for a, b in pairwise(cycle))
    reach = {node: {t for t in targets if t in edges} for node, targets in edges.items()}
    for _ in edges:
        reach = {node: seen | {t for s in seen for t in reach[s]} for node, seen in reach.items()}
    members = {node for cycle in cycles for node in cycle}
    for node, seen in reach.items():
        if node in seen:
            assert members & seen, "every node on a cycle reaches a reported one"


class Chain(luigi.Task):
    n = luigi.IntParameter()

    def complete(self) -> bool:
        return False

    def requires(self) -> Any:
        return Chain(n=self.n - 1) if self.n else []


@pytest.mark.parametrize("length", [20_000, pytest.param(1_000_000, marks=pytest.mark.slow)])
@pytest.mark.timeout(300)
def test_long_chain_is_discovered_without_recursion(length: int) -> None:
    class Forgets:
        """Takes registrations and keeps their number only."""

        registered = 0

        def add_task(self, **_: Any) -> None:
            self.registered += 1

    logging.getLogger("luigi-interface").setLevel(logging.ERROR)
    luigi.task.Register.disable_instance_cache()
    scheduler = Forgets()
    worker = Worker(scheduler=scheduler)
    started = time.process_time()
    assert worker.add(Chain(n=length - 1))
    assert scheduler.registered == length
    assert time.process_time() - started < length * 200e-6
