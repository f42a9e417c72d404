"""Running tasks from a program, and what the command line does once it is parsed."""

from __future__ import annotations

import logging
import os
import sys
import warnings
from collections.abc import Iterable
from contextlib import AbstractContextManager, ExitStack, nullcontext
from typing import TYPE_CHECKING, Any, Literal, overload

from luigi_clone import lock, parameter, task
from luigi_clone._startup import few_collections
from luigi_clone.cmdline_parser import CmdlineParser, note_misuse
from luigi_clone.configuration import get_config
from luigi_clone.setup_logging import InterfaceLogging

if TYPE_CHECKING:
    from luigi_clone import execution_summary as execution_summary
    from luigi_clone import rpc as rpc
    from luigi_clone import scheduler as scheduler
    from luigi_clone import worker as worker
    from luigi_clone._terminal.progress import Progress
    from luigi_clone.execution_summary import LuigiRunResult as LuigiRunResult
    from luigi_clone.rpc import RemoteScheduler
    from luigi_clone.scheduler import Scheduler
    from luigi_clone.worker import Worker

_LOADED_ON_USE = ("rpc", "scheduler", "worker", "execution_summary")


def _temporary_directory() -> str:
    """Return what ``tempfile.gettempdir()`` does; that module takes longer to import than all of this one."""
    loaded = sys.modules.get("tempfile")
    if loaded is not None:
        return str(loaded.gettempdir())
    named = [os.environ[name] for name in ("TMPDIR", "TEMP", "TMP") if os.environ.get(name)]
    for candidate in (*named, "/tmp", "/var/tmp", "/usr/tmp"):  # noqa: S108 -- where the system keeps them
        if os.path.isdir(candidate) and os.access(candidate, os.W_OK | os.X_OK):
            return os.path.abspath(candidate)
    import tempfile

    return tempfile.gettempdir()


class core(task.Config):  # noqa: N801 -- the name of the configuration section
    """The options of a run: flags without prefix, keywords of :func:`build`, keys of ``[core]``."""

    use_cmdline_section = False
    ignore_unconsumed = {  # noqa: RUF012 -- as Luigi has it
        "autoload_range",
        "no_configure_logging",
        # read by the client of the scheduler; new, so that nobody misses the warning about them
        "rpc_patience",
        "scheduler_token",
        "scheduler_ca_certificate",
        "scheduler_client_certificate",
        "scheduler_client_key",
    }

    local_scheduler = parameter.BoolParameter(
        default=False,
        description="Use an in-memory central scheduler. Useful for testing.",
        always_in_help=True,
    )
    scheduler_host = parameter.Parameter(
        default="localhost",
        description="Hostname of machine running remote scheduler",
        config_path={"section": "core", "name": "default-scheduler-host"},
    )
    scheduler_port = parameter.IntParameter(
        default=8082,
        description="Port of remote scheduler api process",
        config_path={"section": "core", "name": "default-scheduler-port"},
    )
    scheduler_url = parameter.Parameter(
        default="",
        description="Full path to remote scheduler",
        config_path={"section": "core", "name": "default-scheduler-url"},
    )
    lock_size = parameter.IntParameter(
        default=1, description="Maximum number of workers running the same command"
    )
    no_lock = parameter.BoolParameter(
        default=False, description="Ignore if similar process is already running"
    )
    lock_pid_dir = parameter.Parameter(
        default=os.path.join(_temporary_directory(), "luigi"), description="Directory to store the pid file"
    )
    take_lock = parameter.BoolParameter(
        default=False, description="Signal other processes to stop getting work if already running"
    )
    workers = parameter.IntParameter(default=1, description="Maximum number of parallel tasks to run")
    logging_conf_file = parameter.Parameter(default="", description="Configuration file for logging")
    log_level = parameter.ChoiceParameter(
        default="DEBUG",
        choices=["NOTSET", "DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"],
        description="Default log level to use when logging_conf_file is not set",
    )
    module = parameter.Parameter(
        default="", description="Used for dynamic loading of modules", always_in_help=True
    )
    parallel_scheduling = parameter.BoolParameter(
        default=False, description="Use multiprocessing to do scheduling in parallel."
    )
    parallel_scheduling_processes = parameter.IntParameter(
        default=0,
        description="The number of processes to use for scheduling in parallel."
        " By default the number of available CPUs will be used",
    )
    assistant = parameter.BoolParameter(default=False, description="Run any task from the scheduler.")
    help = parameter.BoolParameter(
        default=False,
        description="Show most common flags and all task-specific flags",
        always_in_help=True,
    )
    help_all = parameter.BoolParameter(
        default=False, description="Show all command line flags", always_in_help=True
    )


class _WorkerSchedulerFactory:
    """Makes the scheduler and the worker of a run.  Any object with these three methods will do."""

    def create_local_scheduler(self) -> Scheduler:
        """Return a scheduler in this process."""
        from luigi_clone import scheduler

        return scheduler.Scheduler(prune_on_get_work=True, record_task_history=False)

    def create_remote_scheduler(self, url: str) -> RemoteScheduler:
        """Return the client of the scheduler at ``url``."""
        from luigi_clone import rpc

        return rpc.RemoteScheduler(url)

    def create_worker(self, scheduler: Any, worker_processes: int, assistant: bool = False) -> Worker:
        """Return a worker of ``scheduler`` with room for ``worker_processes`` tasks at a time."""
        from luigi_clone import worker

        return worker.Worker(scheduler=scheduler, worker_processes=worker_processes, assistant=assistant)


class PidLockAlreadyTakenExit(SystemExit):
    """Enough processes with the same command line are running already."""


def _schedule_and_run(
    tasks: Iterable[Any],
    worker_scheduler_factory: Any = None,
    override_defaults: dict[str, Any] | None = None,
) -> LuigiRunResult:
    """Run tasks and all they require; the options come from ``override_defaults`` and then from ``core``.

    Raises :class:`PidLockAlreadyTakenExit` when the lock is refused.  However it ends, the lock is given
    back, the worker is left and the scheduler is closed.
    """
    from luigi_clone import execution_summary

    get_config()  # so that a file that cannot be parsed is reported as such and not as a bad option
    try:
        options = core(**(override_defaults or {}))
    except ValueError as error:
        note_misuse(error, "an option of luigi, or in the section [core] of the configuration")
        raise
    InterfaceLogging.setup(options)
    factory = _WorkerSchedulerFactory() if worker_scheduler_factory is None else worker_scheduler_factory
    logger = logging.getLogger("luigi-interface")

    with ExitStack() as undo:
        if not options.no_lock:
            _take_lock(options, undo)
        with few_collections():  # this is where scheduler and worker are imported
            scheduler = _create_scheduler(options, factory)
            if hasattr(scheduler, "close"):
                undo.callback(scheduler.close)
            worker: Any = factory.create_worker(
                scheduler=scheduler, worker_processes=options.workers, assistant=options.assistant
            )
        success = True
        with worker, _progress_of(worker) as progress:
            for each in tasks:
                success &= worker.add(
                    each, options.parallel_scheduling, options.parallel_scheduling_processes
                )
            logger.info("Done scheduling tasks")
            if progress is not None:
                progress.begin_run()
            success &= worker.run()
        result = execution_summary.LuigiRunResult(worker, success)
        logger.info(result.summary_text)
    return result


def _progress_of(worker: Any) -> AbstractContextManager[Progress | None]:
    """Return a context that shows the progress of ``worker`` where standard error is a terminal."""
    stream = sys.stderr
    try:
        on_terminal = stream.isatty()
    except (AttributeError, ValueError):  # there is none, or it is closed
        on_terminal = False
    if not on_terminal:
        return nullcontext()
    from luigi_clone._terminal.progress import progress_of

    return progress_of(worker, stream)


def _take_lock(options: core, undo: ExitStack) -> None:
    kill_signal: int | None = None
    if options.take_lock:
        from signal import SIGUSR1

        kill_signal = SIGUSR1
    if not lock.acquire_for(options.lock_pid_dir, options.lock_size, kill_signal):
        raise PidLockAlreadyTakenExit
    undo.callback(lock.release, options.lock_pid_dir)


def _create_scheduler(options: core, factory: Any) -> Any:
    if options.local_scheduler:
        return factory.create_local_scheduler()
    url = options.scheduler_url or f"http://{options.scheduler_host}:{options.scheduler_port:d}/"
    return factory.create_remote_scheduler(url=url)


def run(*args: Any, **kwargs: Any) -> Any:
    """Run what a command line asks for.

    :param cmdline_args: list or tuple of arguments; those of the process when absent
    :param main_task_cls: the task class to run, so that the arguments need not name one
    :param worker_scheduler_factory: see :func:`build`
    :param local_scheduler: use a scheduler in this process
    :param detailed_summary: return a :class:`LuigiRunResult`
    :returns: whether everything could be scheduled and no task failed
    """
    result = _run(*args, **kwargs)
    return result if kwargs.get("detailed_summary") else result.scheduling_succeeded


def _run(
    cmdline_args: list[str] | tuple[str, ...] | None = None,
    main_task_cls: Any = None,
    worker_scheduler_factory: Any = None,
    use_dynamic_argparse: Any = None,
    local_scheduler: bool = False,
    detailed_summary: bool = False,
) -> LuigiRunResult:
    """Do the same as :func:`run` and always return the :class:`LuigiRunResult`."""
    if use_dynamic_argparse is not None:
        warnings.warn("use_dynamic_argparse is deprecated, don't set it.", DeprecationWarning, stacklevel=2)
    if cmdline_args is None:
        cmdline_args = sys.argv[1:]
    if not isinstance(cmdline_args, list | tuple):
        raise TypeError(
            "cmdline_args must be a list or tuple of command-line arguments, "
            f"got {type(cmdline_args).__name__!r}. Example: ['MyTask', '--param', 'value']"
        )
    arguments = list(cmdline_args)
    if main_task_cls:
        arguments.insert(0, main_task_cls.task_family)
    if local_scheduler:
        arguments.append("--local-scheduler")
    with CmdlineParser.global_instance(arguments) as command_line:
        return _schedule_and_run([command_line.get_task_obj()], worker_scheduler_factory)


@overload
def build(
    tasks: Iterable[Any],
    worker_scheduler_factory: Any = None,
    detailed_summary: Literal[False] = False,
    **env_params: Any,
) -> bool: ...
@overload
def build(
    tasks: Iterable[Any],
    worker_scheduler_factory: Any = None,
    *,
    detailed_summary: Literal[True],
    **env_params: Any,
) -> LuigiRunResult: ...
@overload
def build(
    tasks: Iterable[Any],
    worker_scheduler_factory: Any = None,
    detailed_summary: bool = False,
    **env_params: Any,
) -> Any: ...


def build(
    tasks: Iterable[Any],
    worker_scheduler_factory: Any = None,
    detailed_summary: bool = False,
    **env_params: Any,
) -> Any:
    """Run tasks and all they require.

    :param tasks: the tasks to run
    :param worker_scheduler_factory: an object that makes scheduler and worker, with the methods of
        ``_WorkerSchedulerFactory``
    :param detailed_summary: return a :class:`LuigiRunResult` instead of the boolean
    :param env_params: options of :class:`core`; ``no_lock`` is true unless given
    :returns: whether everything could be scheduled and no task failed.  Missing external data, and tasks that
        the scheduler did not grant, do not count as failures: ``detailed_summary`` tells them apart
    :raises UnknownParameterException: when an option does not exist
    """
    env_params.setdefault("no_lock", True)
    result = _schedule_and_run(tasks, worker_scheduler_factory, override_defaults=env_params)
    return result if detailed_summary else result.scheduling_succeeded


def _load_on_use(name: str) -> Any:
    if name in _LOADED_ON_USE:
        from importlib import import_module

        return import_module(f"luigi_clone.{name}")
    if name == "LuigiRunResult":
        from luigi_clone import execution_summary

        return execution_summary.LuigiRunResult
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


if not TYPE_CHECKING:  # to a checker a module with this function has every name
    __getattr__ = _load_on_use
