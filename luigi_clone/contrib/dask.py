"""Run tasks on a Dask cluster: ``[worker] executor = dask``.

The worker hands each attempt to the scheduler of the cluster that ``[dask] scheduler_address`` names; without
one it makes a cluster on its own machine. An attempt is made in a process of its own kind beside a Dask
worker, so that a timeout or a crash ends the task and not the Dask worker. It is made at most once: what Dask
would begin a second time because a machine was lost has failed, and the scheduler of the pipeline decides
whether it is tried again.

Needs ``distributed``: ``pip install luigi_clone[dask]``, also on the machines of the cluster.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

from luigi_clone._task_processes.results import ResultQueue
from luigi_clone.contrib._dask.process import DaskError
from luigi_clone.parameter import FloatParameter, IntParameter, Parameter
from luigi_clone.task import Config

if TYPE_CHECKING:
    from luigi_clone.contrib._dask.engine import Engine

__all__ = ["DaskError", "dask", "open_engine"]


class dask(Config):  # noqa: N801 - named after its section
    """Options of the cluster."""

    scheduler_address = Parameter(
        default="",
        description="address of the Dask scheduler, such as tcp://host:8786; none: a cluster on this machine",
    )
    scheduler_file = Parameter(
        default="", description="file in which the Dask scheduler has written its address, instead of that"
    )
    connect_timeout = FloatParameter(
        default=30.0, description="seconds in which the Dask scheduler must answer at the start"
    )
    environment = Parameter(
        default="LUIGI_*",
        description="environment variables, separated by commas, that tasks on other machines get from the"
        " worker; * stands for any text. On this machine they get all",
    )
    patience = FloatParameter(
        default=60.0,
        description="seconds after which tasks are ended whose worker the cluster hears nothing of",
    )
    local_threads = IntParameter(
        default=0,
        description="without a scheduler: how many tasks the cluster on this machine runs at once; 0: as many"
        " as there are processors",
    )

    @property
    def is_local(self) -> bool:
        """Whether the worker makes a cluster of its own."""
        return not self.scheduler_address and not self.scheduler_file

    @property
    def shown_address(self) -> str:
        """What to call the cluster in a message."""
        return str(self.scheduler_address or self.scheduler_file or "this machine")

    @property
    def environment_patterns(self) -> list[str]:
        """The patterns of names of variables that travel."""
        return [name.strip() for name in str(self.environment).split(",") if name.strip()]

    @contextlib.asynccontextmanager
    async def connect(self) -> AsyncIterator[Any]:
        """Return a client of the cluster, in the running event loop."""
        from distributed import Client, LocalCluster

        options: dict[str, Any] = {
            "asynchronous": True,
            "timeout": self.connect_timeout,
            "set_as_default": False,
        }
        if self.scheduler_file:
            async with Client(scheduler_file=str(self.scheduler_file), **options) as client:
                yield client
        elif self.scheduler_address:
            async with Client(str(self.scheduler_address), **options) as client:
                yield client
        else:
            # Its workers are threads: the tasks have processes of their own.
            async with (
                LocalCluster(
                    processes=False,
                    n_workers=1,
                    threads_per_worker=self.local_threads or os.cpu_count() or 1,
                    # They listen in any case: by default to everybody, on a port that may be taken.
                    dashboard_address="127.0.0.1:0",
                    worker_dashboard_address="127.0.0.1:0",
                    asynchronous=True,
                ) as cluster,
                Client(cluster, **options) as client,
            ):
                yield client


def open_engine(options: Any, results: Any) -> Engine:
    """Return what makes the task processes of a worker with these options, connected to the cluster."""
    if not isinstance(results, ResultQueue):
        raise TypeError("[worker] executor = dask needs the worker's own result queue")
    try:
        import distributed  # noqa: F401
    except ImportError as error:
        raise DaskError(
            "[worker] executor = dask needs distributed: pip install luigi_clone[dask]"
        ) from error
    from luigi_clone.contrib._dask.engine import Engine

    return Engine(options, results, dask())
