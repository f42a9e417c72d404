"""One worker process of a siege: ``python -m test.chaos.worker URL ROUND NUMBER WORKERS``."""

from __future__ import annotations

import logging
import os
import sys

from luigi_clone.rpc import RemoteScheduler, RPCError
from luigi_clone.worker import Worker
from test.chaos import pipeline
from test.chaos.plan import Plan

NO_SCHEDULER = 3
"""Exit code of a worker that has not found a scheduler when it began."""


def _ways(number: int) -> dict[str, object]:
    """Return how the worker with this number runs tasks: most fork, one does not, one keeps processes."""
    if number == 6:
        return {"worker_processes": 1}
    return {"worker_processes": 2, "executor": "pool" if number == 7 else "process"}


def main() -> int:
    """Find the scheduler and work for it; return the exit code."""
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s.%(msecs)03d %(levelname)s %(message)s", datefmt="%H:%M:%S"
    )
    scheduler = RemoteScheduler(sys.argv[1])
    try:
        # later on a scheduler that is away is waited for
        scheduler.is_paused()
    except (RPCError, OSError) as error:
        print(f"no scheduler: {error}", file=sys.stderr)
        return NO_SCHEDULER
    work(scheduler)
    return 0


def work(scheduler: RemoteScheduler) -> None:
    """Work on the areas of this worker, and on those of its neighbour, until there is nothing left to do."""
    round_number, number, workers = map(int, sys.argv[2:5])
    seed, tasks = map(int, os.environ[pipeline.PLAN].split())
    plan = Plan(seed, tasks)
    # where dependencies are missing the task says so itself
    with Worker(
        scheduler=scheduler, keep_alive=True, check_unfulfilled_deps=False, **_ways(number)
    ) as worker:
        for area in range(plan.areas):
            if number in (area % workers, (area + 1) % workers):
                for key in plan.roots(round_number, area):
                    worker.add(pipeline.task_of(key))
        worker.run()


if __name__ == "__main__":
    sys.exit(main())
