"""What a worker tells of the families of its tasks, and whom."""

from __future__ import annotations

import json
from typing import Any

import luigi
import pytest

from luigi_clone._worker.announcing import description_of
from luigi_clone.parameter import ParameterVisibility
from test.rpc.test_batches import Counted
from test.server.test_calls import Server as Luigid


class Described(luigi.Task):
    """What it is for."""

    day = luigi.IntParameter(default=3, description="which day")
    token = luigi.Parameter(
        default="s3cret", visibility=ParameterVisibility.PRIVATE, description="for the store"
    )
    level = luigi.Parameter(visibility=ParameterVisibility.HIDDEN, default="low")
    needed = luigi.BoolParameter()

    def complete(self):
        return False

    def requires(self):
        return [Other(number=number) for number in range(3)] if self.day == 3 else []


class Other(luigi.Task):
    number = luigi.IntParameter()

    def complete(self):
        return True


@pytest.fixture
def luigid():
    with Luigid() as running:
        yield running


@pytest.fixture
def client(luigid):
    made = luigi.RemoteScheduler(luigid.url)
    yield made
    made.close()


class Sent(Counted):
    """Keeps what is sent."""

    def __init__(self, client: Any) -> None:
        super().__init__(client)
        self.documents: list[str] = []

    def fetch(self, full_url: str, body: Any, timeout: float) -> Any:
        document = getattr(body, "document", None)
        self.documents.append(json.dumps(dict(body)) if document is None else document.decode())
        return super().fetch(full_url, body, timeout)

    def count(self, text: str) -> int:
        return sum(document.count(text) for document in self.documents)


def test_description():
    told = description_of(Described())
    assert told["doc"] == "What it is for."
    assert told["module"] == __name__
    assert told["parameters"] == [
        {"name": "day", "visibility": "public", "description": "which day", "default": "3"},
        {"name": "token", "visibility": "private", "description": "for the store", "default": None},
        {"name": "level", "visibility": "hidden", "description": None, "default": "low"},
        {"name": "needed", "visibility": "public", "description": None, "default": "False"},
    ]


def test_each_family_is_told_once_and_with_other_calls(client):
    sent = Sent(client)
    with luigi.worker.Worker(scheduler=client, worker_id="W") as worker:
        worker.add(Described())
        worker.add(Described(day=4))
    assert sent.count('"announce_family"') == 2
    assert "announce_family" not in sent.paths
    assert sent.count("s3cret") == 0
    told = client.describe_family("Described")
    assert (told["announced"], told["module"]) == (True, __name__)
    assert told["doc"] == [{"t": "p", "c": [{"t": "text", "text": "What it is for."}]}]
    assert [one["name"] for one in told["parameters"]] == ["day", "token", "level", "needed"]
    assert client.describe_family("Other")["doc"] == []


def test_a_worker_that_registers_again_tells_again(client):
    with luigi.worker.Worker(scheduler=client, worker_id="W") as worker:
        worker.add(Described())
        sent = Sent(client)
        with client.collecting():
            worker._register_again()
    assert sent.count('"announce_family"') == 2


def test_a_server_without_batches_is_never_told(client, luigid, monkeypatch):
    sent = Sent(client)
    fetch = sent.fetch

    def refusing(full_url: str, body: Any, timeout: float) -> Any:
        return fetch(full_url.replace("/api/batch", "/api/no_batch"), body, timeout)

    monkeypatch.setattr(client._fetcher, "fetch", refusing)
    with luigi.worker.Worker(scheduler=client, worker_id="W") as worker:
        assert worker.add(Described())
    assert sent.count("announce_family") == sent.documents[0].count("announce_family")
    assert "announce_family" not in sent.paths
    assert client.describe_family("Described")["announced"] is False
    assert client.task_list("PENDING", "").keys() == {Described().task_id}


def test_a_server_that_does_not_know_the_call_loses_nothing(client, monkeypatch):
    from luigi_clone.scheduler import Scheduler

    monkeypatch.setattr(Scheduler, "announce_family", None)
    with luigi.worker.Worker(scheduler=client, worker_id="W") as worker:
        assert worker.add(Described())
    assert client.task_list("PENDING", "").keys() == {Described().task_id}


def test_a_scheduler_in_memory_is_not_told():
    scheduler = luigi.scheduler.Scheduler()
    with luigi.worker.Worker(scheduler=scheduler, worker_id="W") as worker:
        assert worker.add(Described())
    assert scheduler.describe_family("Described")["announced"] is False
