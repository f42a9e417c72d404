"""Pings and messages between scheduler, worker and running tasks."""

from __future__ import annotations

import logging
import os
import threading
import time
from typing import Any

import luigi
import pytest

from luigi_clone.scheduler import Scheduler
from luigi_clone.worker import KeepAliveThread, SchedulerMessage, Worker, rpc_message_callback


class Listens(luigi.Task):
    accepts_messages = True
    got: list[Any] = []
    started = threading.Event()
    in_child = luigi.BoolParameter()

    def complete(self) -> bool:
        return False

    def run(self) -> None:
        Listens.started.set()
        message = self.scheduler_messages.get(timeout=10)
        Listens.got.append((str(message), message.content, message.payload, message == "hello"))
        message.respond(f"got {message}")
        if self.in_child:
            self.set_status_message(str(message))


def wait_until(condition: Any, seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.005)


def test_message_to_a_task_in_this_process_and_its_answer(make_worker: Any) -> None:
    Listens.got, Listens.started = [], threading.Event()
    worker = make_worker(ping_interval=0.01)
    task = Listens()
    worker.add(task)
    sent: list[Any] = []

    def send() -> None:
        Listens.started.wait(10)
        answer = worker._scheduler.send_scheduler_message(
            worker=worker._id, task=task.task_id, content="hello"
        )
        sent.append(answer["message_id"])

    thread = threading.Thread(target=send)
    thread.start()
    assert worker.run()
    thread.join()
    assert Listens.got == [("hello", "hello", {}, True)]
    answer = worker._scheduler.get_scheduler_message_response(task_id=task.task_id, message_id=sent[0])
    assert answer == {"response": "got hello"}


@pytest.mark.timeout(30)
def test_message_to_a_task_in_a_child(make_worker: Any) -> None:
    worker = make_worker(worker_processes=2, ping_interval=0.01)
    task = Listens(in_child=True)
    worker.add(task)

    sent: list[Any] = []

    def send() -> None:
        wait_until(lambda: task.task_id in worker._running_tasks)
        answer = worker._scheduler.send_scheduler_message(
            worker=worker._id, task=task.task_id, content="hello"
        )
        sent.append(answer["message_id"])

    thread = threading.Thread(target=send)
    thread.start()
    assert worker.run()
    thread.join()
    answer = worker._scheduler.get_scheduler_message_response(task_id=task.task_id, message_id=sent[0])
    assert answer == {"response": "got hello"}


def test_scheduler_message() -> None:
    calls: list[Any] = []

    class Takes:
        def add_scheduler_message_response(self, **kwargs: Any) -> None:
            calls.append(kwargs)

    message = SchedulerMessage(Takes(), "t", "m", "content", extra=1)
    assert str(message) == "content"
    assert message == "content"
    assert message != "other"
    assert message.payload == {"extra": 1}
    message.respond("yes")
    assert calls == [{"task_id": "t", "message_id": "m", "response": "yes"}]


class Extended(Worker):
    heard: list[Any] = []

    @rpc_message_callback
    def shout(self, text: str) -> None:
        self.heard.append(text)

    def private(self) -> None:
        raise AssertionError("not for messages")


def test_messages_call_marked_methods_only(make_worker: Any, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    Extended.heard = []
    worker = make_worker(cls=Extended)
    worker._handle_rpc_message({"name": "shout", "kwargs": {"text": "hey"}})
    worker._handle_rpc_message({"name": "private", "kwargs": {}})
    worker._handle_rpc_message({"name": "nothing", "kwargs": {}})
    assert Extended.heard == ["hey"]
    assert caplog.messages[-3:] == [
        f"Worker {worker._id} successfully dispatched rpc message to function 'shout'",
        f"Worker {worker._id} function 'private' is not available as rpc message callback",
        f"Worker {worker._id} has no function 'nothing'",
    ]
    assert [record.levelname for record in caplog.records[-3:]] == ["INFO", "ERROR", "ERROR"]


def test_message_for_a_task_that_does_not_run_here_is_dropped(make_worker: Any) -> None:
    make_worker().dispatch_scheduler_message("nobody", "m", "content")


class Unsteady(Scheduler):
    pings = 0

    def ping(self, **kwargs: Any) -> Any:
        self.pings += 1
        if self.pings == 1:
            raise ConnectionError("not now")
        return super().ping(**kwargs)


def test_failed_ping_is_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    scheduler = Unsteady()
    thread = KeepAliveThread(scheduler, "W", 0.005, lambda _: None)
    thread.start()
    wait_until(lambda: scheduler.pings > 2)
    thread.stop()
    thread.join(10)
    assert not thread.is_alive()
    assert caplog.messages[-2:] == [
        "Failed pinging scheduler",
        "Worker W was stopped. Shutting down Keep-Alive thread",
    ]


def test_pings_keep_a_busy_worker_known(make_worker: Any) -> None:
    class Busy(luigi.Task):
        def complete(self) -> bool:
            return False

        def run(self) -> None:
            before = worker._scheduler._state.get_worker(worker._id).last_active
            wait_until(lambda: worker._scheduler._state.get_worker(worker._id).last_active > before)

    worker = make_worker(ping_interval=0.01)
    worker.add(Busy())
    assert worker.run()


class Tells(luigi.Task):
    """Says much about itself, from several threads and from a process of its own."""

    resources = {"db": 5}

    def complete(self) -> bool:
        return False

    def run(self) -> None:
        self.set_tracking_url("http://here")
        self.decrease_running_resources({"db": 3})
        threads = [threading.Thread(target=self._say, args=(n,)) for n in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.set_status_message(lambda: "cannot be sent")
        pid = os.fork()
        if pid == 0:
            self.set_status_message("not from here")
            os._exit(0)
        os.waitpid(pid, 0)
        self.set_progress_percentage(66)
        self.set_status_message("the last words")

    def _say(self, number: int) -> None:
        for _ in range(20):
            self.set_status_message(str(number) * 100_000)


class Hears(Scheduler):
    """Notes what the worker's process is told."""

    def __init__(self) -> None:
        super().__init__(resources={"db": 5})
        self.texts: list[str] = []
        self.freed: list[Any] = []

    def set_task_status_message(self, task_id: str, status_message: str) -> Any:
        self.texts.append(status_message)
        return super().set_task_status_message(task_id=task_id, status_message=status_message)

    def decrease_running_task_resources(self, task_id: str, decrease_resources: Any) -> Any:
        self.freed.append(decrease_resources)
        return super().decrease_running_task_resources(task_id=task_id, decrease_resources=decrease_resources)


@pytest.mark.timeout(30)
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_what_a_child_says_reaches_a_scheduler_in_memory(make_worker: Any) -> None:
    scheduler = Hears()
    worker = make_worker(scheduler=scheduler, worker_processes=2)
    task = Tells()
    worker.add(task)
    assert worker.run()
    assert scheduler.texts.pop() == "the last words"
    assert sorted(scheduler.texts) == sorted(str(n) * 100_000 for n in range(4) for _ in range(20))
    assert scheduler.freed == [{"db": 3}]
    told = scheduler.task_list()[task.task_id]
    assert told["status"] == "DONE"
    assert told["tracking_url"] == "http://here"
    assert told["progress_percentage"] == 66


class RefusesProgress(Scheduler):
    def set_task_progress_percentage(self, **kwargs: Any) -> Any:
        raise RuntimeError("no progress")


class HalfWay(luigi.Task):
    def complete(self) -> bool:
        return False

    def run(self) -> None:
        self.set_progress_percentage(50)


def test_call_that_the_scheduler_refuses_costs_the_task_nothing(
    make_worker: Any, caplog: pytest.LogCaptureFixture
) -> None:
    worker = make_worker(scheduler=RefusesProgress(), worker_processes=2)
    worker.add(HalfWay())
    assert worker.run()
    assert "Could not tell the scheduler what task HalfWay" in caplog.text
