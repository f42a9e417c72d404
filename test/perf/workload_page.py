"""Seconds that a scheduler takes for what its page asks: ``python workload_page.py TASKS``.

On Luigi the page asks for eight lists; here it asks for one page of them, by a query and in an order. The
last line is a JSON object: seconds of CPU; ``slice`` is the longest time for which nobody else is served,
``survey`` what the look at all tasks costs that goes on beside the calls, ``first word`` what a word costs
for which the texts have to be gathered first.
"""

from __future__ import annotations

import gc
import json
import sys
import time
from typing import Any

from luigi.scheduler import Scheduler

_LISTS = (
    *(("PENDING", ""), ("RUNNING", ""), ("BATCH_RUNNING", ""), ("DONE", ""), ("FAILED", "")),
    *(("PENDING", "UPSTREAM_FAILED"), ("DISABLED", ""), ("PENDING", "UPSTREAM_DISABLED")),
)
_PAGES: dict[str, dict[str, Any]] = {
    "all": {},
    "failed": {"query": "status:failed"},
    "family": {"query": "family:Step1*"},
    "word": {"query": "2013-07-10"},
    "word again": {"query": "2013-07-10", "offset": 50},
    "attention": {"query": "is:attention"},
    "updated": {"sort": "updated", "descending": True},
    "parameter": {"query": "region:eu priority>=0"},
}


def fill(scheduler: Any, number: int) -> None:
    """Register chains of twenty steps: of half of them all is done, of one in fifty the first step failed."""
    for each in range(number // 20):
        chain, day = each // 20, f"2013-{each % 12 + 1:02}-{each % 28 + 1:02}"
        before = None
        for step in range(20):
            task_id = f"Step{step}_{day}_eu_{each}_{step:010x}"
            status = "DONE" if each % 2 or step < (each % 5) * 4 else "PENDING"
            scheduler.add_task(
                worker=f"w{each % 8}",
                task_id=task_id,
                status=status,
                family=f"Step{step}",
                params={"day": day, "region": ("eu", "us")[each % 2], "chain": str(chain)},
                deps=None if before is None else [before],
            )
            if status == "PENDING" and step == (each % 5) * 4 and not each % 25:
                scheduler.add_task(worker=f"w{each % 8}", task_id=task_id, status="FAILED", expl="no")
            before = task_id


def cpu(action: Any) -> float:
    """Return the seconds of CPU of an action, the least of three."""
    found = []
    for _ in range(3):
        begun = time.process_time()
        action()
        found.append(time.process_time() - begun)
    return min(found)


def lists_of_luigi(scheduler: Any) -> None:
    """Ask what Luigi's page asks when it is opened."""
    for status, upstream in _LISTS:
        scheduler.task_list(status, upstream)


def measure(scheduler: Any) -> dict[str, float]:
    """Measure what this engine's page asks, with a survey that is made beside the calls."""
    beside: list[Any] = []
    surveyor = scheduler._surveyor
    surveyor.background = beside.append
    longest = 0.0

    def made(name: str, arguments: dict[str, Any]) -> None:
        nonlocal longest
        steps = scheduler.in_steps(name)(**arguments)
        while True:
            begun = time.thread_time()
            try:
                next(steps)
            except StopIteration:
                return
            finally:
                longest = max(longest, time.thread_time() - begun)

    begun = time.process_time()
    made("overview", {})
    figures = {"survey": time.process_time() - begun}
    begun = time.process_time()
    made("task_page", _PAGES["word"])
    figures["first word"] = time.process_time() - begun
    for name, arguments in _PAGES.items():

        def ask(arguments: dict[str, Any] = arguments, name: str = name) -> None:
            if scheduler._finds is not None and not name.endswith("again"):
                scheduler._finds._found.clear()  # what words are found by stays
            made("task_page", arguments)

        figures[name] = cpu(ask)
    figures["overview"] = cpu(lambda: made("overview", {}))
    figures["detail"] = cpu(lambda: made("task_detail", {"task_id": next(iter(scheduler._machine.tasks))}))
    figures["slice"] = longest
    return figures


def main() -> None:
    """Fill a scheduler and print the figures."""
    scheduler = Scheduler()
    fill(scheduler, int(sys.argv[1]))
    gc.collect()
    gc.freeze()  # as luigid does
    if hasattr(scheduler, "task_page"):
        figures = measure(scheduler)
    else:
        figures = {"all": cpu(lambda: lists_of_luigi(scheduler))}
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
