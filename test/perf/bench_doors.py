"""What the doors cost each request of the server: microseconds of CPU, without the network.

    python test/perf/bench_doors.py

Stock Luigi has no doors, so there is no ratio: the figures stand beside the limits that were set for them.
"""

from __future__ import annotations

import os
import statistics
import sys
import time
from pathlib import Path
from types import SimpleNamespace

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tornado.httputil import HTTPHeaders

from luigi_clone._web.doors import Doors, DoorSettings, cors
from luigi_clone._web.doors.cors import Sharing
from luigi_clone._wire.roles import Role

ROUNDS = int(os.environ.get("BENCH_ROUNDS", "15"))
CALLS = 20_000
TOKENS = {letter * 40: role for letter, role in zip("rwa", Role, strict=True)}


def asking(**headers):
    """Return a request as a worker sends it."""
    usual = {
        "Host": "localhost:8082",
        "User-Agent": "python-requests/2.32",
        "Accept-Encoding": "gzip, deflate",
        "Accept": "*/*",
        "Connection": "keep-alive",
        "Content-Length": "120",
        "Content-Type": "application/x-www-form-urlencoded",
    }
    return SimpleNamespace(
        headers=HTTPHeaders({**usual, **headers}), method="POST", path="/api/ping", remote_ip="127.0.0.1"
    )


def cost(action):
    """Return the median of the CPU time of one call, in microseconds."""
    rounds = []
    for _ in range(ROUNDS):
        start = time.process_time()
        for _ in range(CALLS):
            action()
        rounds.append((time.process_time() - start) / CALLS)
    return statistics.median(rounds) * 1e6


def main() -> None:
    """Print one row for each case."""
    sharing = Sharing(cors())
    plain = Doors(DoorSettings(), sharing, bound_to_loopback=True)
    closed = Doors(DoorSettings(tokens=TOKENS), sharing, bound_to_loopback=False)
    limited = Doors(DoorSettings(requests_per_second=1e9), sharing, bound_to_loopback=True)
    worker, bearer = asking(), asking(Authorization="Bearer " + "w" * 40)
    wrong = asking(Authorization="Bearer " + "x" * 40)
    assert plain.refuse(worker, Role.WORKER) is None
    assert closed.refuse(bearer, Role.WORKER) is None
    assert closed.role_of(wrong) is None
    rows = [
        ("refuse, no tokens", lambda: plain.refuse(worker, Role.WORKER), 3.0),
        ("refuse, bearer token", lambda: closed.refuse(bearer, Role.WORKER), 6.0),
        ("refuse, limit of requests", lambda: limited.refuse(worker, Role.WORKER), 6.0),
        ("response_headers", lambda: plain.response_headers(worker), 3.0),
    ]
    print(f"load {os.getloadavg()[0]:.1f}; median of {ROUNDS} rounds of {CALLS:,} requests")
    print(f"{'':28}{'µs':>8}{'must':>8}")
    for title, action, must in rows:
        print(f"{title:28}{cost(action):8.2f}{must:8.1f}")


if __name__ == "__main__":
    main()
