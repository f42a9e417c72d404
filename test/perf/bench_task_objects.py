"""CPU and memory of task objects on this engine and on an installed Luigi.

``python test/perf/bench_task_objects.py --stock VENV [--rounds N]``

Goals (issue 1): a new object with 3 / 10 parameters at most 20 / 50 µs, aim 14 / 28; one that the instance
cache has at most 4 / 8 µs, aim 2.5 / 5.
"""

from __future__ import annotations

from pathlib import Path

from peers import alternate, engines_of, line, parser

ROWS = [
    ("new object, 3 parameters given", "new_3_given", "µs"),
    ("new object, 3 parameters, one left to its default", "new_3_default", "µs"),
    ("new object, 10 parameters given", "new_10_given", "µs"),
    ("new object, 10 parameters, eight left to their defaults", "new_10_default", "µs"),
    ("cache hit, 3 parameters given", "hit_3_given", "µs"),
    ("cache hit, 3 parameters, one left to its default", "hit_3_default", "µs"),
    ("cache hit, 10 parameters given", "hit_10_given", "µs"),
    ("cache hit, 10 parameters, eight left to their defaults", "hit_10_default", "µs"),
    ("repr, 3 parameters", "repr_3", "µs"),
    ("to_str_params, 3 parameters", "to_str_params_3", "µs"),
    ("memory of a cached object with 3 parameters", "bytes_3", "B "),
]


def main() -> None:
    """Print a row for each figure."""
    options = parser(__doc__ or "").parse_args()
    script = Path(__file__).with_name("workload_task_objects.py")
    medians = alternate(engines_of(options), script, [], options.rounds)
    for what, figure, unit in ROWS:
        print(line(what, medians, figure, unit))


if __name__ == "__main__":
    main()
