"""The ``[worker]`` section."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from luigi_clone.parameter import (
    BoolParameter,
    FloatParameter,
    IntParameter,
    OptionalIntParameter,
    OptionalParameter,
    Parameter,
    TimeDeltaParameter,
)
from luigi_clone.task import Config

if TYPE_CHECKING:
    from luigi_clone._parameters.base import ConfigPath


def _core(name: str) -> ConfigPath:
    return {"section": "core", "name": name}


class worker(Config):  # noqa: N801 - named after its section
    """Options of a worker; each can also be given as a keyword of :class:`luigi_clone.worker.Worker`."""

    __module__ = "luigi_clone.worker"

    id = Parameter(default="", description="Override the auto-generated worker_id")
    ping_interval = FloatParameter(default=1.0, config_path=_core("worker-ping-interval"))
    keep_alive = BoolParameter(default=False, config_path=_core("worker-keep-alive"))
    count_uniques = BoolParameter(
        default=False,
        config_path=_core("worker-count-uniques"),
        description="with keep_alive: stay only while a pending task is known to this worker alone",
    )
    count_last_scheduled = BoolParameter(
        default=False,
        description="with keep_alive: stay only while this worker was the last to register some pending task",
    )
    wait_interval = FloatParameter(default=1.0, config_path=_core("worker-wait-interval"))
    wait_jitter = FloatParameter(default=5.0)
    max_keep_alive_idle_duration = TimeDeltaParameter(
        default=timedelta(0), description="with keep_alive: leave after being idle this long; 0 means never"
    )
    max_reschedules = IntParameter(default=1, config_path=_core("worker-max-reschedules"))
    timeout = IntParameter(default=0, config_path=_core("worker-timeout"))
    task_limit = OptionalIntParameter(default=None, config_path=_core("worker-task-limit"))
    retry_external_tasks = BoolParameter(
        default=False,
        config_path=_core("retry-external-tasks"),
        description="test incomplete external tasks again while the worker runs",
    )
    send_failure_email = BoolParameter(
        default=True, description="send an e-mail when a task fails or cannot be scheduled"
    )
    no_install_shutdown_handler = BoolParameter(
        default=False,
        description="do not install the handlers of SIGUSR1, which lets the worker phase out, and of SIGTERM,"
        " which takes the task processes along",
    )
    check_unfulfilled_deps = BoolParameter(
        default=True, description="test that the dependencies are complete before a task runs"
    )
    check_complete_on_run = BoolParameter(
        default=False, description="a task that ran is done only when complete() returns true"
    )
    force_multiprocessing = BoolParameter(
        default=False, description="run each task in a process of its own even with one worker slot"
    )
    task_process_context = OptionalParameter(
        default=None,
        description="dotted name of a context manager class put around each run of a task process",
    )
    cache_task_completion = BoolParameter(
        default=False, description="remember that a task is complete for all task processes of this worker"
    )
    executor = Parameter(
        default="auto",
        description="how task processes are made: auto (a child where needed), in-process, process (always a"
        " child), pool (processes that stay for further tasks), dask (a Dask cluster), an entry point of"
        " the group luigi_clone.executors, or a dotted name",
    )
    log_dir = Parameter(
        default="",
        description="folder for what each attempt at a task writes; none: it is not kept. By default it is"
        " kept in the user's cache directory if the scheduler is a remote one",
    )
    log_max_days = FloatParameter(default=7.0, description="logs of tasks are deleted after so many days")
    log_max_size = FloatParameter(
        default=1024.0, description="the oldest logs of tasks are deleted where there are more MiB than this"
    )
    assistant_modules = Parameter(
        default="*",
        description="modules and packages, separated by commas, whose tasks this worker runs for others, as"
        " an assistant does; * stands for any text",
    )
    huge_pages = BoolParameter(
        default=True,
        description="with executor = process: where the worker is large, have its memory mapped in huge pages"
        " (Linux 6.1), which makes forks cheap; until older children end it may take twice the room",
    )
    pool_start_method = Parameter(
        default="forkserver",
        description="with executor = pool: how its processes start, forkserver or spawn",
    )
    pool_max_tasks = IntParameter(
        default=1000,
        description="with executor = pool: a process is replaced after so many tasks; 0 means never",
    )
    pool_max_memory = IntParameter(
        default=0,
        description="with executor = pool: a process is replaced after a task that leaves it with more memory"
        " than so many MiB; 0 means never",
    )
    parallel_scheduling_threads = IntParameter(
        default=0,
        description="with parallel scheduling: ask complete() in this many threads instead of in"
        " processes; for stores that take long to answer (0: in processes)",
    )
    complete_in_bulk = BoolParameter(
        default=False,
        description="ask the tasks of one class that a task requires by its bulk_complete, where it has one,"
        " instead of by the complete() of each",
    )
