"""Plays scheduler calls from standard input, a JSON text a line, to this interpreter's scheduler."""

from __future__ import annotations

import json
import logging
import sys
import time
from pathlib import Path


def main() -> None:
    clock = {"now": 1000.0, "reads": 0}

    def read_clock() -> float:
        clock["reads"] += 1
        return clock["now"] + clock["reads"] * 1e-7

    time.time = read_clock
    logging.disable(logging.CRITICAL)
    sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "scheduling"))
    from luigi.scheduler import Scheduler
    from scripts import comparable, task_view

    scheduler = None
    for line in sys.stdin:
        seconds, method, arguments = json.loads(line)
        clock["now"] += seconds
        if method == "new":
            clock.update(now=1000.0, reads=0)
            scheduler = Scheduler(**arguments)
            answer = None
        elif method == "view":
            answer = [task_view(scheduler._state, task_id) for task_id in arguments["ids"]]
        else:
            answer = comparable(method, getattr(scheduler, method)(**arguments))
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
