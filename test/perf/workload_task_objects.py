"""Figures for making task objects; run by bench_task_objects.py on either engine.  Prints one JSON object."""

from __future__ import annotations

import datetime
import gc
import json
import time
import tracemalloc

import luigi

COUNT = 4_000


class Three(luigi.Task):
    a = luigi.Parameter()
    b = luigi.IntParameter()
    c = luigi.IntParameter(default=7)


class Ten(luigi.Task):
    d = luigi.DateParameter()
    s = luigi.Parameter(default="x")
    p0 = luigi.IntParameter(default=0)
    p1 = luigi.IntParameter(default=1)
    p2 = luigi.IntParameter(default=2)
    p3 = luigi.IntParameter(default=3)
    p4 = luigi.IntParameter(default=4)
    p5 = luigi.IntParameter(default=5)
    p6 = luigi.IntParameter(default=6)
    p7 = luigi.IntParameter(default=7)


DAY = datetime.date(2020, 1, 1)
REST = {"s": "s", "p1": 1, "p2": 2, "p3": 3, "p4": 4, "p5": 5, "p6": 6, "p7": 7}


def microseconds(make, count=COUNT, repeat=3):
    """Return the least CPU time of a call, over some rounds."""
    best = float("inf")
    for round_ in range(repeat):
        gc.collect()
        start = time.process_time()
        for number in range(count):
            make(round_ * count + number)
        best = min(best, time.process_time() - start)
    return best / count * 1e6


def bytes_per_task():
    gc.collect()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    kept = [Three(a="memory", b=10_000 + number) for number in range(COUNT)]
    gc.collect()
    used = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    return used / len(kept)


def main():
    Three(a="x", b=0)
    Ten(d=DAY)
    task = Three(a="x", b=0)
    figures = {
        "new_3_given": microseconds(lambda n: Three(a="given", b=n, c=1)),
        "new_3_default": microseconds(lambda n: Three(a="default", b=n)),
        "new_10_given": microseconds(lambda n: Ten(d=DAY, p0=n, **REST)),
        "new_10_default": microseconds(lambda n: Ten(d=DAY, p0=-n)),
        "hit_3_given": microseconds(lambda n: Three(a="x", b=0, c=7)),
        "hit_3_default": microseconds(lambda n: Three(a="x", b=0)),
        "hit_10_given": microseconds(lambda n: Ten(d=DAY, p0=0, **REST)),
        "hit_10_default": microseconds(lambda n: Ten(d=DAY, p0=0)),
        "repr_3": microseconds(lambda n: repr(task)),
        "to_str_params_3": microseconds(lambda n: task.to_str_params()),
    }
    luigi.task_register.Register.clear_instance_cache()
    figures["bytes_3"] = bytes_per_task()
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
