"""How long workers wait while people look on: open pages that follow the news, filter and page.

``python test/perf/bench_pages.py [--tasks 100000] [--pages 50] [--seconds 20]``

A luigid with its journal on disk, filled over the network; real connections; the pages are another process. A
page is open with 50 tasks on view and asks for a page of the list every ten seconds, each time by another
query. Meanwhile one worker pings, asks for work and reports, a hundred times a second at most.
Goal: p99 of ``ping`` and of ``get_work`` at most 20 ms with 50 pages and 100,000 tasks.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from urllib.parse import urlencode

ROOT = Path(__file__).resolve().parents[2]
SERVER = """
import sys
sys.path.insert(0, sys.argv.pop(1))
from luigi_clone.cmdline import luigid
luigid(sys.argv[1:])
"""
QUERIES = ("", "status:failed", "family:F1*", "is:attention", "number>50000", "7 family:F2", "is:waiting")
SORTS = ("state", "updated", "family", "priority")
EVERY = 10.0


class Client:
    """One kept connection to make calls by."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=120)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.file = self.socket.makefile("rb")

    def ask(self, name, **arguments):
        """Make a call; return the response."""
        body = json.dumps(arguments).encode()
        head = f"POST /api/{name} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        self.socket.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        status, length = int(self.file.readline().split()[1]), 0
        while (line := self.file.readline()) not in (b"\r\n", b""):
            if line.lower().startswith(b"content-length:"):
                length = int(line.split(b":")[1])
        text = self.file.read(length)
        if status != 200:
            raise RuntimeError(f"{name}: {status} {text[:300]!r}")
        return json.loads(text)["response"]


def fill(client, tasks):
    """Register tasks of twenty families; each tenth has failed, each second is done, the others wait."""
    client.ask("add_worker", worker="w", info={"workers": 8})
    for start in range(0, tasks, 500):
        calls = []
        for number in range(start, min(tasks, start + 500)):
            status = "DONE" if number % 2 else "FAILED" if number % 10 == 0 else "PENDING"
            arguments = {"task_id": f"F{number % 20}_{number}", "worker": "w", "family": f"F{number % 20}"}
            arguments |= {"params": {"number": str(number)}, "status": status}
            if status == "PENDING" and number % 4:
                arguments["deps"] = [f"F{(number - 2) % 20}_{number - 2}"]
            calls.append({"call": "add_task", "arguments": arguments})
        _batch(client, calls)


def _batch(client, calls):
    body = json.dumps({"calls": calls}).encode()
    head = "POST /api/batch HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    client.socket.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
    length = 0
    while (line := client.file.readline()) not in (b"\r\n", b""):
        if line.lower().startswith(b"content-length:"):
            length = int(line.split(b":")[1])
    client.file.read(length)


async def page(port, tasks, seed, every, until, counted):
    """Be a page until a time: follow the news, and filter."""
    chance = random.Random(seed)
    first = chance.randrange(tasks - 50)
    view = {
        "ids": [f"F{number % 20}_{number}" for number in range(first, first + 50)],
        "query": chance.choice(QUERIES),
    }
    if seed % 5 == 0:
        view["topics"] = ["workers", "resources"]
    following = asyncio.create_task(follow(port, view, counted))
    await asyncio.sleep(max(0.0, min(chance.random() * every, until - time.time())))
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=2**24)
    while time.time() < until:
        asked = {
            "query": chance.choice(QUERIES),
            "sort": chance.choice(SORTS),
            "offset": 50 * chance.randrange(5),
        }
        body = json.dumps({**asked, "limit": 50}).encode()
        head = "POST /api/task_page HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        begun = time.perf_counter()
        writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        answer = (await reader.readuntil(b"\r\n\r\n")).lower()
        if b" 200 " not in answer.split(b"\r\n")[0]:
            raise RuntimeError(answer.decode())
        await reader.readexactly(int(answer.split(b"content-length:")[1].split(b"\r\n")[0]))
        counted["pages"].append(time.perf_counter() - begun)
        await asyncio.sleep(max(0.0, min(every, until - time.time())))
    following.cancel()
    writer.close()


async def follow(port, view, counted):
    """Follow the stream of news, and count what comes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=2**24)
    try:
        target = "/api/stream?" + urlencode({"view": json.dumps(view)})
        writer.write(f"GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        while line := await reader.readline():
            counted["events"] += line.startswith(b"event:")
            counted["bytes"] += len(line)
    finally:
        writer.close()


def look_on(port, tasks, pages, every, until):
    """Be all pages; print what they saw."""
    counted = {"pages": [], "events": 0, "bytes": 0}

    async def run():
        await asyncio.gather(*(page(port, tasks, seed, every, until, counted) for seed in range(pages)))

    asyncio.run(run())
    print(json.dumps(counted))


def work(port, until):
    """Be a worker; return the seconds of each ping and each get_work."""
    client, ping, get_work = Client(port), [], []
    while time.time() < until:
        begun = time.perf_counter()
        client.ask("ping", worker="w")
        ping.append(time.perf_counter() - begun)
        begun = time.perf_counter()
        given = client.ask("get_work", worker="w", current_tasks=[])
        get_work.append(time.perf_counter() - begun)
        if given["task_id"]:
            client.ask("add_task", worker="w", task_id=given["task_id"], status="DONE")
        time.sleep(max(0.0, 0.01 - (time.perf_counter() - begun)))
    return ping, get_work


def cpu_of(pid):
    """Return the seconds of CPU that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def told(name, seconds):
    """Return a line about waits."""
    ordered = sorted(1000 * one for one in seconds)
    p99 = ordered[int(0.99 * (len(ordered) - 1))]
    median, most = statistics.median(ordered), ordered[-1]
    return f"{name:10} n {len(ordered):6}  median {median:7.2f}  p99 {p99:7.2f}  most {most:7.2f} ms"


def main():
    """Measure without pages, then with them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tasks", type=int, default=100_000)
    parser.add_argument("--pages", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--filter-every", type=float, default=EVERY, help="seconds")
    parser.add_argument("--look-on", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.look_on:
        port, every, until = options.look_on
        look_on(int(port), options.tasks, options.pages, float(every), float(until))
        return
    with tempfile.TemporaryDirectory() as folder:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
        command = [sys.executable, "-c", SERVER, str(ROOT), "--port", str(port), "--address", "127.0.0.1"]
        environment = {**os.environ, "LUIGI_CONFIG_PATH": os.devnull}
        with open(Path(folder) / "log", "w") as log:
            server = subprocess.Popen(
                [*command, "--state-path", f"{folder}/state"], stderr=log, cwd=folder, env=environment
            )
        try:
            while True:
                try:
                    client = Client(port)
                    break
                except OSError:
                    time.sleep(0.05)
            fill(client, options.tasks)
            print(f"{options.tasks:,} tasks")
            for name, seconds in zip(
                ("ping", "get_work"), work(port, time.time() + options.seconds / 2), strict=True
            ):
                print("no page    " + told(name, seconds))
            until, cpu = time.time() + options.seconds, cpu_of(server.pid)
            again = [sys.executable, __file__, "--tasks", str(options.tasks), "--pages", str(options.pages)]
            pages = subprocess.Popen(
                [*again, "--look-on", str(port), str(options.filter_every), str(until)],
                stdout=subprocess.PIPE,
            )
            for name, seconds in zip(("ping", "get_work"), work(port, until - 1), strict=True):
                print(f"{options.pages:3} pages  " + told(name, seconds))
            seen = json.loads(pages.communicate(timeout=120)[0])
            print(f"CPU of the server: {100 * (cpu_of(server.pid) - cpu) / options.seconds:.0f} %")
            if seen["pages"]:
                print(told("task_page", seen["pages"]))
            print(f"{seen['events']} events, {seen['bytes'] / 1024:,.0f} KiB")
        finally:
            server.terminate()
            server.wait(60)


if __name__ == "__main__":
    main()
