"""Group commit, and what happens when nothing can be stored any more."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
from urllib.parse import urlencode

import pytest

from luigi_clone import server
from luigi_clone._journal.base import JournalError
from luigi_clone._web.turns import Turns
from luigi_clone._wire.tickets import RefusedError, Ticket
from luigi_clone.scheduler import Scheduler
from test.server.serving import Server


class Journalled(Scheduler):
    """Counts what would be stored."""

    def __init__(self, fails=False):
        super().__init__()
        self.commits = self.waiting = self.dumps = 0
        self.fails = fails

    def load(self):
        pass

    def dump(self):
        self.dumps += 1

    @property
    def is_settled(self):
        return not self.waiting

    def add_task(self, **arguments):
        super().add_task(**arguments)
        self.waiting += 1

    def commit(self):
        if self.waiting and self.fails:
            raise JournalError("disk full")
        self.commits += bool(self.waiting)
        self.waiting = 0


def _request(call, **arguments):
    body = urlencode({"data": json.dumps(arguments)})
    kind = "Host: localhost\r\nContent-Type: application/x-www-form-urlencoded"
    return f"POST /api/{call} HTTP/1.1\r\n{kind}\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()


def test_the_calls_of_a_turn_are_committed_together():
    scheduler = Journalled()

    async def main():
        turns = Turns(scheduler, lambda error: None)
        answered = []
        for number in range(20):
            turns.make("add_task", {"worker": "w", "task_id": f"T{number}"}, Ticket())
            turns.after_commit(lambda loss, number=number: answered.append((number, loss, scheduler.commits)))
        # it saw what is not stored yet, so it waits as well
        turns.make("ping", {"worker": "w"}, Ticket())
        turns.after_commit(lambda loss: answered.append(("ping", loss, scheduler.commits)))
        assert not answered
        await asyncio.sleep(0)
        assert answered == [*((number, None, 1) for number in range(20)), ("ping", None, 1)]
        turns.make("ping", {"worker": "w"}, Ticket())
        turns.after_commit(lambda loss: answered.append("at once"))
        assert answered[-1] == "at once"

    asyncio.run(main())


def test_an_answer_that_cannot_be_sent_keeps_no_other_back(caplog):
    async def main():
        scheduler = Journalled()
        turns = Turns(scheduler, lambda error: None)
        turns.make("add_task", {"worker": "w", "task_id": "T"}, Ticket())
        answered = []
        turns.after_commit(lambda loss: 1 / 0)
        turns.after_commit(answered.append)
        await asyncio.sleep(0)
        assert answered == [None]

    asyncio.run(main())
    assert "ZeroDivisionError" in caplog.text


def test_after_a_loss_nothing_is_acknowledged_and_no_call_is_made(caplog):
    scheduler = Journalled(fails=True)

    async def main():
        losses, answered = [], []
        turns = Turns(scheduler, losses.append)
        assert turns.can_serve
        turns.make("add_task", {"worker": "w", "task_id": "T"}, Ticket())
        turns.after_commit(answered.append)
        await asyncio.sleep(0)
        assert [refused.status for refused in answered] == [503]
        assert [str(loss) for loss in losses] == ["disk full"]
        refused = turns.make("add_task", {"worker": "w", "task_id": "U"}, Ticket())
        assert isinstance(refused, RefusedError) and refused.status == 503
        assert "U" not in scheduler._machine.tasks
        assert not turns.can_serve

    asyncio.run(main())
    assert [record.levelno for record in caplog.records if "disk full" in record.message] == [
        logging.CRITICAL
    ]


def test_a_server_that_cannot_store_answers_503_and_ends():
    scheduler = Journalled(fails=True)

    async def main():
        ended = asyncio.Event()
        http, names = server._listen(
            scheduler, 0, "127.0.0.1", None, Turns(scheduler, lambda error: ended.set())
        )
        reader, writer = await asyncio.open_connection("127.0.0.1", names[0][1])
        writer.write(_request("add_task", worker="w", task_id="T"))
        await asyncio.wait_for(ended.wait(), 20)
        answer = await asyncio.wait_for(reader.readuntil(b"</html>"), 20)
        assert answer.startswith(b"HTTP/1.1 503") and b"cannot store" in answer
        writer.close()
        http.stop()
        await http.close_all_connections()

    asyncio.run(main())


def test_run_ends_with_the_error_and_saves_nothing(monkeypatch):
    """What is in memory is ahead of what was stored: a dump would acknowledge it."""
    scheduler = Journalled(fails=True)
    scheduler.waiting = 1
    monkeypatch.setattr(server, "_PRUNE_EVERY", 1)
    with pytest.raises(JournalError, match="disk full"):
        server.run(0, "127.0.0.1", scheduler=scheduler)
    assert scheduler.dumps == 0


def test_the_health_check_follows_the_scheduler(monkeypatch, caplog):
    with Server() as served:
        assert served.ask("HEAD", "/")[0] == 204
        monkeypatch.setattr(served.scheduler, "get_work", lambda **arguments: 1 / 0, raising=False)
        assert served.call("get_work", worker="w")[0] == 500
        assert served.ask("HEAD", "/")[0] == 503
        monkeypatch.undo()
        assert served.call("get_work", worker="w")[0] == 200
        assert served.ask("HEAD", "/")[0] == 204


def test_calls_sent_in_one_go_are_answered_in_order():
    with Server() as served, socket.create_connection(("127.0.0.1", served.names[0][1])) as client:
        client.sendall(b"".join(_request("add_task", worker="w", task_id=f"T{n}") for n in range(50)))
        client.sendall(_request("task_list", status="PENDING"))
        data = b""
        while b'"T49"' not in data:
            data += client.recv(1 << 16)
        assert data.count(b'{"response": null}') == 50


def test_the_access_log_names_no_arguments(caplog):
    caplog.set_level(logging.INFO, "tornado.access")
    with Server() as served:
        served.ask("GET", "/api/task_list?data=%7B%22status%22%3A%22secret%22%7D")
        served.call("ping", worker="w")
        served.ask("GET", "/api/none?data=secret")
        served.ask("GET", "/?secret")
    lines = [record.message for record in caplog.records if record.name == "tornado.access"]
    assert [line.split(" (")[0] for line in lines] == [
        "200 GET /api/task_list",
        "404 GET /api/none",
        "302 GET /",
    ]
    assert "secret" not in caplog.text


@pytest.mark.parametrize(("which", "count"), [("calls", 1), ("all", 2), ("errors", 0)])
def test_which_requests_are_logged(caplog, which, count):
    from luigi_clone.configuration import get_config

    get_config().set("luigid", "access_log", which)
    caplog.set_level(logging.INFO, "tornado.access")
    with Server() as served:
        served.call("ping", worker="w")
        served.call("is_paused")
    assert sum(record.name == "tornado.access" for record in caplog.records) == count


def test_an_access_log_that_there_is_not():
    from luigi_clone.configuration import get_config

    get_config().set("luigid", "access_log", "some")
    with pytest.raises(server.SettingError, match="access_log has to be"):
        server._access_log()
