"""The server of this process, with a scheduler that has seen something of everything."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from typing import Any
from urllib.parse import quote, urlencode

from luigi_clone import server
from luigi_clone.scheduler import Scheduler

FORM = "application/x-www-form-urlencoded"


class Loop:
    """An event loop on a thread of its own, on which one server after the other listens."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()

    def close(self) -> None:
        """End the thread."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    @contextmanager
    def serving(self, scheduler: Scheduler) -> Iterator[Client]:
        """Serve ``scheduler`` and give a client of it."""
        http, (name, *_) = self._wait(self._listen(scheduler))
        client = Client(name[1])
        try:
            yield client
        finally:
            client.close()
            self._wait(self._end(http))

    def _wait(self, coroutine: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(30)

    async def _listen(self, scheduler: Scheduler) -> Any:
        return server._listen(scheduler, 0, "127.0.0.1", None)

    async def _end(self, http: Any) -> None:
        http.stop()
        await http.close_all_connections()


class Client:
    """Asks over one connection."""

    def __init__(self, port: int) -> None:
        self._http = HTTPConnection("127.0.0.1", port, timeout=30)

    def close(self) -> None:
        """Close the connection."""
        self._http.close()

    def ask(self, path: str, body: bytes, kind: str = FORM) -> tuple[int, str]:
        """Return the status and the body of an answer."""
        self._http.request("POST", path, body, {"Content-Type": kind})
        answer = self._http.getresponse()
        return answer.status, answer.read().decode("utf-8")

    def call(self, name: str, data: str) -> tuple[int, str]:
        """Make a call with the JSON text of its arguments."""
        return self.ask(f"/api/{quote(name)}", urlencode({"data": data}).encode())

    def response(self, name: str, **arguments: Any) -> Any:
        """Make a call that has to be answered, and return the response."""
        status, body = self.call(name, json.dumps(arguments))
        assert status == 200, (name, arguments, status, body)
        return json.loads(body)["response"]


def lived_in(**options: Any) -> Scheduler:
    """Return a scheduler with tasks in every status, a batch, a message, holders of resources."""
    made = Scheduler(resources={"r": 2}, retry_count=5, **options)
    for worker in ("X", "Y"):
        made.add_worker(worker, {"workers": 2, "host": "h"})
    made.add_task_batcher("X", "F", ["k"], 2)
    _add(made, "B_1", resources={"r": 1}, accepts_messages=True, priority=9)
    assert made.get_work(worker="X", host="h")["task_id"] == "B_1"
    _add(made, "A_1", deps=["B_1", "räume.G_☃"], owners=["a@b.c"])
    _add(made, "A_1", worker="Y")
    for task_id, status in (("C_1", "FAILED"), ("D_1", "FAILED"), ("E_1", "DONE"), ("U_1", "UNKNOWN")):
        policy = {"retry_count": 1} if task_id == "D_1" else None
        _add(made, task_id, retry_policy_dict=policy)
        _add(made, task_id, status=status, expl='"why"', retry_policy_dict=policy)
    for n in range(3):
        _add(made, f"F_{n}", batchable=True, params={"k": str(n)}, family="F")
    batch = made.get_work(worker="X", host="h", current_tasks=["B_1"])
    _add(made, "F_2", status="RUNNING", batch_id=batch["batch_id"], params={"k": "2"}, family="F")
    made.send_scheduler_message("X", "B_1", "hello")
    made.add_scheduler_message_response("B_1", "id", "answer")
    return made


def _add(made: Scheduler, task_id: str, worker: str = "X", **more: Any) -> None:
    family = task_id.partition("_")[0]
    told: dict[str, Any] = {"family": family, "module": "m", "params": {"x": task_id[-1]}}
    made.add_task(task_id=task_id, worker=worker, **{**told, **more})
