"""luigi-monitor: its event handlers tell a chat what a run did."""

from __future__ import annotations

import engine

# isort: split
import luigi
import monitored_tasks
from luigi_monitor import luigi_monitor, monitor
from slack import slack


def run(task, url, **options):
    luigi_monitor.m.recorded_events.clear()
    with monitor(slack_url=url, host="here", **options):
        return luigi.run(main_task_cls=task, cmdline_args=["--local-scheduler", "--no-lock"])


def main():
    with slack() as (url, messages):
        results = {
            "good": run(monitored_tasks.AllGood, url, username="Monitor"),
            "failing": run(monitored_tasks.Everything, url, max_print=10),
            "failures only": run(monitored_tasks.Everything, url, events=["FAILURE"]),
        }
    engine.report(
        returned=results,
        messages=messages,
        handlers=sorted(str(event) for event in luigi.Task._event_callbacks.get(luigi.Task, {})),
    )


if __name__ == "__main__":
    main()
