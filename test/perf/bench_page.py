"""Server time of what the page asks, on this engine and on an installed Luigi.

``python test/perf/bench_page.py --stock VENV [--rounds N] [--tasks 100000]``

Luigi's page asks for all tasks, in eight lists, whatever it shows; the ratio is to that. Goals: the first
page of a list at most 50 ms at 100,000 tasks and 100 ms at 1,000,000, the overview 20 ms at 100,000; nobody
waits for more than about 10 ms meanwhile.
"""

from __future__ import annotations

from pathlib import Path

from peers import alternate, engines_of, parser

ROWS = {
    "all": "the list",
    "failed": "status:failed",
    "family": "family:Step1*",
    "word": "a free word",
    "first word": "the first free word, for which texts are gathered",
    "word again": "its second page",
    "attention": "is:attention",
    "updated": "sorted by the last change",
    "parameter": "a parameter and a number",
    "overview": "the overview",
    "detail": "one task",
    "survey": "the look at all tasks (beside the calls)",
    "slice": "longest time for which nobody else is served",
}


def main() -> None:
    """Print a row for each thing that is asked for."""
    arguments = parser(__doc__ or "")
    arguments.add_argument("--tasks", type=int, default=100_000, help="tasks (default 100,000)")
    options = arguments.parse_args()
    script = Path(__file__).with_name("workload_page.py")
    medians = alternate(engines_of(options), script, [str(options.tasks)], options.rounds)
    theirs = medians.get("luigi", {}).get("all")
    print(f"{options.tasks:,} tasks" + (f"; Luigi's eight lists: {theirs * 1000:,.0f} ms" if theirs else ""))
    for row, what in ROWS.items():
        ours = medians["luigi_clone"][row]
        ratio = f"   ratio {theirs / ours:10,.0f}" if theirs and row not in ("survey", "slice") else ""
        print(f"{what:52s} {ours * 1000:10.1f} ms{ratio}")


if __name__ == "__main__":
    main()
