"""``luigi-grep``: look for tasks of a running scheduler by the beginning of their id or by status."""
# PYTHON_ARGCOMPLETE_OK

from __future__ import annotations

import argparse
import os
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any

_TIMEOUT = 30.0  # seconds


class LuigiGrep:
    """Searches the graph of the scheduler at ``host:port``."""

    def __init__(self, host: str, port: int | str) -> None:
        self._host = host
        self._port = port

    @property
    def graph_url(self) -> str:
        """Address of the scheduler's graph."""
        return f"http://{self._host}:{self._port}/api/graph"

    def prefix_search(self, job_name_prefix: str) -> Iterator[dict[str, Any]]:
        """Yield name, status and dependencies by status of the tasks whose id starts with the prefix."""
        return self._search(lambda task_id, _: task_id.startswith(job_name_prefix))

    def status_search(self, status: str) -> Iterator[dict[str, Any]]:
        """Yield the same for the tasks of a status; upper and lower case are equal."""
        wanted = status.lower()
        return self._search(lambda _, task: task["status"].lower() == wanted)

    def _search(self, wanted: Callable[[str, dict[str, Any]], bool]) -> Iterator[dict[str, Any]]:
        tasks: dict[str, dict[str, Any]] = self._fetch_json()["response"]
        for task_id, task in tasks.items():
            if wanted(task_id, task):
                yield {
                    "name": task_id,
                    "status": task["status"],
                    "deps_by_status": _by_status(task["deps"], tasks),
                }

    def _fetch_json(self) -> Any:
        """Return the answer of the scheduler; OSError when it cannot be reached."""
        import json
        from urllib.request import urlopen

        print("Fetching from url: " + self.graph_url)  # noqa: T201
        with urlopen(self.graph_url, timeout=_TIMEOUT) as answer:  # noqa: S310 - http, from an option
            return json.loads(answer.read().decode("utf-8"))


def _by_status(task_ids: list[str], tasks: dict[str, dict[str, Any]]) -> dict[str, list[str]]:
    grouped = defaultdict(list)
    for task_id in task_ids:
        grouped[tasks[task_id]["status"] if task_id in tasks else "UNKNOWN"].append(task_id)
    return grouped


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(
        "luigi-grep is used to search for workflows using the luigi scheduler's json api"
    )
    parser.add_argument("--scheduler-host", default="localhost", help="hostname of the luigi scheduler")
    parser.add_argument("--scheduler-port", default="8082", help="port of the luigi scheduler")
    parser.add_argument("--prefix", help="prefix of a task query to search for", default=None)
    parser.add_argument("--status", help="search for jobs with the given status", default=None)
    if "_ARGCOMPLETE" in os.environ:
        from luigi_clone._terminal import completion

        completion.complete_simple(parser)
    arguments = parser.parse_args()
    grep = LuigiGrep(arguments.scheduler_host, arguments.scheduler_port)
    try:
        if arguments.prefix:
            _print_results(grep.prefix_search(arguments.prefix))
        elif arguments.status:
            _print_results(grep.status_search(arguments.status))
    except OSError as error:
        sys.exit(f"luigi-grep: no answer from the scheduler at {grep.graph_url}: {error}")


def _print_results(results: Iterator[dict[str, Any]]) -> None:
    for job in results:
        print(f"{job['name']}: {job['status']}, Dependencies:")  # noqa: T201
        for status, names in job["deps_by_status"].items():
            print(f"  status={status}")  # noqa: T201
            for name in names:
                print(f"    {name}")  # noqa: T201


if __name__ == "__main__":
    main()
