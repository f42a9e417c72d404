"""CPU, waits and memory of luigid on this engine and on an installed Luigi, over loopback.

``python test/perf/bench_server.py --stock VENV [--rounds N] [--tasks 50000] [ROW …]``

Both servers run at the same time and are asked turn about. CPU is the server's, user and system; ours keeps
its journal on disk. An empty Tornado handler beside them tells what the machine is worth.
Goals (issue 4): a single call at most 320 µs where an empty handler takes 255 to 309; 2,800 calls a second by
one client and 3,200 by fifty; 25 µs a task in a batch; get_work and a report 0.7 ms at 50,000 pending; a
view of 50,000 tasks 0.5 s, with nobody waiting more than 100 ms meanwhile; 120 MiB then.
"""

from __future__ import annotations

import json
import os
import resource
import selectors
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlencode

from peers import ROOT, parser, stock_engine, this_engine

_EMPTY = """
import asyncio, logging, sys
import tornado.web
class Empty(tornado.web.RequestHandler):
    def post(self):
        self.write({"response": None})
async def main():
    logging.disable(logging.CRITICAL)
    app = tornado.web.Application([("/api/.*", Empty)], compress_response=True)
    app.listen(int(sys.argv[1]), "127.0.0.1")
    await asyncio.Event().wait()
asyncio.run(main())
"""
_OURS = """
import sys
sys.path.insert(0, sys.argv.pop(1))
from luigi_clone.cmdline import luigid
luigid(sys.argv[1:])
"""
_TICK = os.sysconf("SC_CLK_TCK")


class Served(NamedTuple):
    """A running server: its name, where it listens, its process id."""

    name: str
    port: int
    pid: int

    def cpu(self) -> float:
        """Return the seconds of CPU that it has used."""
        fields = Path(f"/proc/{self.pid}/schedstat").read_text().split()
        threads = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return max(int(fields[0]) / 1e9, (int(threads[11]) + int(threads[12])) / _TICK)

    def rss(self) -> float:
        """Return MiB of memory that it holds."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0]) / 1024


class Client:
    """One kept connection, quick enough to leave the machine to the server."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=120)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def send(self, request: bytes) -> None:
        self.socket.sendall(request)

    def receive(self) -> bytes:
        """Return the body of the next answer."""
        data = b""
        while b"\r\n\r\n" not in data:
            data += self._more()
        head, _, body = data.partition(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n", 1)[0])
        pieces = [body]
        missing = length - len(body)
        while missing > 0:
            pieces.append(self._more())
            missing -= len(pieces[-1])
        assert head.split(b" ", 2)[1] == b"200", head
        return b"".join(pieces)

    def _more(self) -> bytes:
        data = self.socket.recv(1 << 20)
        assert data, "the server closed the connection"
        return data

    def ask(self, request: bytes) -> Any:
        self.send(request)
        return json.loads(self.receive())["response"]


def post(call: str, **arguments: Any) -> bytes:
    """Return the request that a stock client makes for a call."""
    body = urlencode({"data": json.dumps(arguments)})
    return (
        f"POST /api/{call} HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: bench\r\nAccept: */*\r\n"
        f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(body)}\r\n\r\n{body}"
    ).encode()


def registration(number: int, worker: str = "W", **more: Any) -> dict[str, Any]:
    """Return the arguments of ``add_task`` as a worker sends them."""
    return {
        "task_id": f"Piece_{number}_{number % 16**10:010x}",
        "status": "PENDING",
        "runnable": True,
        "deps": [],
        "new_deps": None,
        "expl": None,
        "resources": {},
        "priority": 0,
        "family": "Piece",
        "module": "pipe",
        "params": {"number": str(number), "date": "2026-11-24"},
        "param_visibilities": {"number": 0, "date": 0},
        "accepts_messages": False,
        "assistant": False,
        "tracking_url": None,
        "worker": worker,
        "batchable": False,
        "batch_id": None,
        "retry_policy_dict": {"retry_count": None, "disable_hard_timeout": None, "disable_window": None},
        "owners": [],
        **more,
    }


# ---- servers


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def _running(name: str, command: list[str], port: int, folder: Path) -> Iterator[Served]:
    environment = {**os.environ, "PYTHONWARNINGS": "ignore"}
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log, env=environment)
    try:
        deadline = time.monotonic() + 60
        while True:
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                break
            except OSError:
                assert process.poll() is None, (folder / "log").read_text()[-2000:]
                assert time.monotonic() < deadline
                time.sleep(0.05)
        yield Served(name, port, process.pid)
    finally:
        process.kill()
        process.wait()


@contextmanager
def servers(stock: Path | None, empty: bool = False) -> Iterator[list[Served]]:
    """Start ours, Luigi's if there is one, and a server with an empty handler if it is asked for."""
    with ExitStack() as stack:
        started = []
        for name in ["luigi_clone", *(["luigi"] if stock else []), *(["empty handler"] if empty else [])]:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            port = _free_port()
            # a worker that registers tasks for minutes and pings nobody is to be taken for alive
            (folder / "luigi.cfg").write_text("[scheduler]\nworker_disconnect_delay=100000\n")
            options = ["--port", str(port), "--address", "127.0.0.1", "--state-path", str(folder / "state")]
            command = {
                "luigi_clone": [sys.executable, "-c", _OURS, str(ROOT), *options],
                "luigi": [str((stock or folder) / "bin" / "luigid"), *options],
                "empty handler": [sys.executable, "-c", _EMPTY, str(port)],
            }[name]
            started.append(stack.enter_context(_running(name, command, port, folder)))
        yield started


def fill(served: Served, count: int, **more: Any) -> None:
    """Register so many pending tasks."""
    client = Client(served.port)
    if served.name == "luigi_clone":
        for start in range(0, count, 500):
            client.ask(bulk(range(start, min(start + 500, count)), **more))
        return
    window = 200
    for start in range(0, count, window):
        numbers = range(start, min(start + window, count))
        client.send(b"".join(post("add_task", **registration(number, **more)) for number in numbers))
        _receive_many(client, len(numbers))


def _receive_many(client: Client, count: int) -> None:
    """Take so many short answers that come one upon the other."""
    data, seen = b"", 0
    while seen < count:
        data += client._more()
        seen += data.count(b'{"response": null}')
        data = data[-17:]


def bulk(numbers: range, **more: Any) -> bytes:
    """Return a batch of registrations."""
    calls = [
        {
            "call": "add_task",
            "arguments": {
                name: value
                for name, value in registration(number, **more).items()
                if name in ("task_id", "worker", "family", "module", "params", "param_visibilities", "deps")
            },
            "request_id": f"bench-{number}",
        }
        for number in numbers
    ]
    body = json.dumps({"calls": calls})
    return (
        "POST /api/batch HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n{body}"
    ).encode()


# ---- what is measured


def cpu_per_call(served: Served, requests: list[bytes]) -> float:
    """Return µs of the server's CPU for each of some requests."""
    client = Client(served.port)
    before = served.cpu()
    for request in requests:
        client.send(request)
        client.receive()
    return (served.cpu() - before) / len(requests) * 1e6


def calls_a_second(served: Served, clients: int, seconds: float = 3.0) -> float:
    """Return how many pings a second a server answers to so many clients."""
    request = post("ping", worker="W")
    with selectors.DefaultSelector() as selector:
        for _ in range(clients):
            client = Client(served.port)
            selector.register(client.socket, selectors.EVENT_READ, client)
            client.send(request)
        done = 0
        began = time.perf_counter()
        while time.perf_counter() < began + seconds:
            for key, _ in selector.select():
                key.data.receive()
                key.data.send(request)
                done += 1
        return done / (time.perf_counter() - began)


def _view(name: str, **arguments: Any) -> bytes:
    query = urlencode({"data": json.dumps(arguments)})
    return (f"GET /api/{name}?{query} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept-Encoding: gzip\r\n\r\n").encode()


def view(served: Served, request: bytes) -> tuple[float, float, float]:
    """Return CPU and wall seconds of one view, and the longest wait of another client's pings meanwhile."""
    waits: list[float] = []
    ended = threading.Event()
    pings = threading.Thread(target=_ping_until, args=(served, ended, waits))
    client, other = Client(served.port), Client(served.port)
    other.ask(post("ping", worker="W"))
    before = served.cpu()
    client.send(request)
    client.receive()
    cpu = served.cpu() - before
    pings.start()
    while not waits:
        time.sleep(0.01)
    began = time.perf_counter()
    client.send(request)
    client.receive()
    wall = time.perf_counter() - began
    ended.set()
    pings.join()
    return cpu, wall, max(waits)


def _ping_until(served: Served, ended: threading.Event, waits: list[float]) -> None:
    client, request = Client(served.port), post("ping", worker="W")
    while not ended.wait(0.005):
        began = time.perf_counter()
        client.ask(request)
        waits.append(time.perf_counter() - began)


def work(served: Served, count: int) -> float:
    """Return ms of the server's CPU for getting a task and reporting it done."""
    client = Client(served.port)
    ask = post("get_work", worker="W", host="h", assistant=False, current_tasks=[])
    before = served.cpu()
    for _ in range(count):
        task_id = client.ask(ask)["task_id"]
        number = int(task_id.split("_")[1])
        client.ask(
            post("add_task", **registration(number, task_id=task_id, status="DONE", runnable=None, deps=None))
        )
    return (served.cpu() - before) / count * 1e3


# ---- rows


def print_row(what: str, unit: str, samples: dict[str, list[float]]) -> None:
    medians = {name: statistics.median(values) for name, values in samples.items() if values}
    ours = medians["luigi_clone"]
    text = f"{what:60s} {ours:10.2f} {unit}"
    if "luigi" in medians:
        theirs = medians["luigi"]
        text += (
            f"   Luigi {theirs:10.2f} {unit}   ratio {max(theirs, ours) / max(min(theirs, ours), 1e-9):8.1f}"
        )
        text += "" if theirs >= ours else " (more)"
    if "empty handler" in medians:
        text += f"   empty handler {medians['empty handler']:10.2f}"
    print(text, flush=True)


def sampled(
    running: list[Served], rounds: int, measure: Callable[[Served, int], float]
) -> dict[str, list[float]]:
    samples: dict[str, list[float]] = {served.name: [] for served in running}
    for number in range(rounds):
        for served in running:
            samples[served.name].append(measure(served, number))
    return samples


def single_calls(stock: Path | None, rounds: int, tasks: int) -> None:
    """Measure calls one by one, and how many a second."""
    with servers(stock, empty=True) as running:
        pings = [post("ping", worker="W")] * 2000
        for served in running:
            cpu_per_call(served, pings[:300])
        print_row("ping", "µs", sampled(running, rounds, lambda served, _: cpu_per_call(served, pings)))

        def add(served: Served, number: int) -> float:
            numbers = range(number * 1500, (number + 1) * 1500)
            return cpu_per_call(served, [post("add_task", **registration(n)) for n in numbers])

        print_row("add_task", "µs", sampled(running, rounds, add))
        for clients in (1, 50):
            rates = sampled(running, rounds, lambda served, _: calls_a_second(served, clients))
            print_row(f"calls a second, {clients} clients", "/s", rates)


def batches(stock: Path | None, rounds: int, tasks: int) -> None:
    """Measure registrations by 200; Luigi has no such thing, so it gets them one by one."""
    with servers(stock) as running:

        def add(served: Served, number: int) -> float:
            start = number * 4000
            if served.name == "luigi_clone":
                parts = [bulk(range(first, first + 200)) for first in range(start, start + 4000, 200)]
                return cpu_per_call(served, parts) / 200
            return cpu_per_call(
                served, [post("add_task", **registration(n)) for n in range(start, start + 1000)]
            )

        print_row("add_task in batches of 200, a task", "µs", sampled(running, rounds, add))


def many_tasks(stock: Path | None, rounds: int, tasks: int) -> None:
    """Measure work, views and memory with many pending tasks."""
    with servers(stock) as running:
        for served in running:
            fill(served, tasks)
        print_row(f"memory with {tasks:,} tasks", "MiB", {s.name: [s.rss()] for s in running})
        counts = {"luigi_clone": 500, "luigi": 10}
        timed = sampled(running, rounds, lambda served, _: work(served, counts[served.name]))
        print_row(f"get_work and a report, {tasks:,} pending", "ms", timed)
        root = registration(tasks, task_id="All", deps=[registration(n)["task_id"] for n in range(tasks)])
        for served in running:
            Client(served.port).ask(post("add_task", **root))
        for name, request in {
            "task_list": _view("task_list", status="PENDING", upstream_status="", limit=False),
            "dep_graph": _view("dep_graph", task_id="All"),
        }.items():
            taken = {
                served.name: [
                    view(served, request) for _ in range(rounds if served.name == "luigi_clone" else 1)
                ]
                for served in running
            }
            for figure, number in {"CPU": 0, "wall": 1, "longest wait of a ping": 2}.items():
                figures = {
                    server: [sample[number] for sample in samples] for server, samples in taken.items()
                }
                print_row(f"{name} of {tasks:,}, {figure}", "s", figures)
        print_row("memory after the views", "MiB", {s.name: [s.rss()] for s in running})


_FAN_IN = """
import sys
import luigi
class Leaf(luigi.Task):
    number = luigi.IntParameter()
    is_done = False
    def complete(self):
        return self.is_done
    def run(self):
        self.is_done = True
class All(luigi.Task):
    first = luigi.IntParameter()
    count = luigi.IntParameter()
    is_done = False
    def complete(self):
        return self.is_done
    def requires(self):
        return [Leaf(self.first + number) for number in range(self.count)]
    def run(self):
        self.is_done = True
assert luigi.build([All(int(sys.argv[2]), int(sys.argv[3]))], scheduler_url=sys.argv[1], log_level="WARNING")
"""


def fan_in(stock: Path | None, rounds: int, tasks: int) -> None:
    """Measure a worker and its scheduler together: 1,000 tasks that do nothing, and one that needs them.

    What a worker costs that has one such task, its start above all, is taken off.
    """
    count = 1_000
    engines = {engine.name: engine for engine in [this_engine(), *([stock_engine(stock)] if stock else [])]}
    with tempfile.TemporaryDirectory() as folder, servers(stock) as running:
        script = Path(folder) / "fan_in.py"
        script.write_text(_FAN_IN)

        def run(served: Served, first: int, count: int) -> float:
            url = f"http://127.0.0.1:{served.port}"
            command = [*engines[served.name].command, str(script), url, str(first), str(count)]
            before, spent = served.cpu(), _of_children()
            subprocess.run(command, check=True, timeout=600, stderr=subprocess.DEVNULL)
            return served.cpu() - before + _of_children() - spent

        def more(served: Served, number: int) -> float:
            alone = run(served, -1 - number, 1)
            return (run(served, number * count, count) - alone) / (count - 1) * 1e3

        print_row("worker and daemon, fan-in of 1,000, a task", "ms", sampled(running, rounds, more))


def _of_children() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def million(stock: Path | None, rounds: int, tasks: int) -> None:
    """Measure the memory of a million tasks, on this engine alone."""
    with servers(None) as running:
        fill(running[0], 1_000_000)
        print_row("memory with 1,000,000 tasks", "MiB", {"luigi_clone": [running[0].rss()]})


ROWS = {"single": single_calls, "batch": batches, "many": many_tasks, "fan_in": fan_in, "million": million}


def main() -> None:
    """Print the rows that were asked for."""
    arguments = parser(__doc__ or "")
    arguments.add_argument("--tasks", type=int, default=50_000, help="pending tasks (default 50,000)")
    arguments.add_argument("row", nargs="*", choices=[[], *ROWS], help="default: all but million")
    options = arguments.parse_args()
    print(f"load {os.getloadavg()[0]:.1f}", flush=True)
    for name in options.row or [name for name in ROWS if name != "million"]:
        ROWS[name](options.stock, options.rounds, options.tasks)


if __name__ == "__main__":
    main()
