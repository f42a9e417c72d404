"""Workers: the real loop, client and pings, in processes of the simulation."""

from __future__ import annotations

import queue
from collections import deque
from typing import TYPE_CHECKING, Any

from luigi_clone._client.outbox import Outbox
from luigi_clone.rpc import RemoteScheduler, RPCError
from luigi_clone.task_status import DONE, FAILED, PENDING
from luigi_clone.testing.simulation.network import SimulatedFetcher
from luigi_clone.testing.simulation.tasks import class_of
from luigi_clone.testing.simulation.threads import Bell, Flag, Process, Thread, current, pause
from luigi_clone.worker import KeepAliveThread, Worker

if TYPE_CHECKING:
    from luigi_clone.testing.simulation.scenario import PlannedWorker
    from luigi_clone.testing.simulation.tasks import SimulatedTask
    from luigi_clone.testing.simulation.witness import Run
    from luigi_clone.testing.simulation.world import World


class SimulatedClient(RemoteScheduler):
    """The client of one worker; each of its threads has an outbox of its own."""

    def __init__(self, name: str, fetcher: SimulatedFetcher) -> None:
        self._outboxes: dict[Thread, Outbox] = {}
        super().__init__("http://luigid:8082")
        self._fetcher = fetcher
        self._own.name = name
        self._own.answered = Bell()  # type: ignore[assignment]

    @property
    def _outbox(self) -> Outbox:
        thread = current()
        outbox = self._outboxes.get(thread)
        if outbox is None:
            outbox = self._outboxes[thread] = Outbox()
        return outbox

    @_outbox.setter
    def _outbox(self, _: Outbox) -> None:
        """Threads get theirs when they first need it."""


class Results:
    """The queue of results, with what the worker's loop needs of it."""

    def __init__(self) -> None:
        self._results: deque[Any] = deque()
        self._waiting: Thread | None = None

    def put(self, result: Any) -> None:
        """Add a result, and wake who waits for one."""
        self._results.append(result)
        if self._waiting is not None:
            self._waiting.wake(None)

    def empty(self) -> bool:
        """Tell whether there is none."""
        return not self._results

    def get(self, timeout: float | None = None) -> Any:
        """Return the oldest result; wait for one if there is none."""
        if not self._results and timeout:
            self._waiting = current()
            pause(timeout)
            self._waiting = None
        if not self._results:
            raise queue.Empty
        return self._results.popleft()


class SimulatedAttempt:
    """The process of a task: it takes a while, and ends as chance has it."""

    use_multiprocessing = True
    worker_timeout = 0
    timeout_time = None

    def __init__(self, task: SimulatedTask, process: WorkerProcess) -> None:
        self.task = task
        self.exitcode: int | None = None
        self._process = process
        self._is_alive = False
        self._run: Run | None = None

    def start(self) -> None:
        """Begin."""
        process, world = self._process, self._process.world
        members: Any = process.worker._batch_running_tasks.get(self.task.task_id) or [self.task]
        self._numbers = [member.number for member in members]
        ids = tuple(dict.fromkeys([self.task.task_id, *(member.task_id for member in members)]))
        lease = process.client._grants._leases.get(self.task.task_id, (None, None))[1]
        self._is_alive = True
        self._run = world.witness.begun(process.name, ids, lease)
        seconds = world.plan.tasks[self.task.number].seconds * process.rng.uniform(0.5, 1.5)
        world.clock.after(seconds, self._end)

    def is_alive(self) -> bool:
        """Tell whether it runs."""
        return self._is_alive

    def terminate(self) -> None:
        """End before it is done."""
        self._is_alive = False

    def _end(self) -> None:
        process, world = self._process, self._process.world
        if not process.is_alive or not self._is_alive:
            return
        self._is_alive = False
        assert self._run is not None
        world.witness.ended(self._run)
        planned, task_id = world.plan.tasks[self.task.number], self.task.task_id
        asks = [number for number in planned.asks if number not in world.targets]
        chance = process.rng.random()
        if not world.is_calm and chance < planned.fails / 3:
            self.exitcode = 1  # it dies without a result
            return
        self.exitcode = 0
        if asks:
            wanted = [class_of(world.plan, number)(number=number) for number in asks]
            told = [(task.task_module, task.task_family, task.to_str_params()) for task in wanted]
            process.results.put((task_id, PENDING, "", [], told))
        elif not world.is_calm and chance < planned.fails:
            process.results.put((task_id, FAILED, "chance", [], []))
        else:
            world.targets.update(self._numbers)
            process.results.put((task_id, DONE, "", [], []))


class SimulatedWorker(Worker):
    """The real worker, with tasks that run in processes of the simulation."""

    def __init__(self, process: WorkerProcess, **options: Any) -> None:
        self._process = process
        super().__init__(
            process.client,
            worker_id=process.name,
            no_install_shutdown_handler=True,
            send_failure_email=False,
            wait_jitter=0.0,
            **options,
        )
        self._task_result_queue = process.results
        self.host = "simulated"

    def _generate_worker_info(self) -> list[tuple[str, Any]]:
        return [("workers", self.worker_processes)]

    def _create_task_process(self, task: Any) -> Any:
        return SimulatedAttempt(task, self._process)


class WorkerProcess(Process):
    """The process of a worker, from its start to its end."""

    def __init__(self, world: World, name: str, planned: PlannedWorker) -> None:
        super().__init__(world.clock, world.raised)
        self.world = world
        self.name = name
        self.rng = world.chance.of("worker", name)
        self.fetcher = SimulatedFetcher(world.network)
        self.results = Results()
        self._planned = planned
        self.wanted_slots = planned.slots

    def begin(self) -> None:
        """Start the worker and its pings."""
        self.start(self._main)

    def _main(self) -> None:
        self.client = SimulatedClient(self.name, self.fetcher)
        planned = self._planned
        self.worker = SimulatedWorker(self, worker_processes=planned.slots, **planned.options)
        pings: Any = KeepAliveThread(
            self.client, self.name, planned.options["ping_interval"], self.worker._handle_rpc_message
        )
        pings._should_stop = Flag()
        self.start(lambda: KeepAliveThread.run(pings))
        try:
            for number in planned.roots:
                self.worker.add(class_of(self.world.plan, number)(number=number))
            self.worker.run()
        except RPCError:
            pass  # its patience is over: it leaves, and what it ran ends with it
        else:
            self.world.left(self.name, planned)
        pings.stop()
        self.is_alive = False
        self.world.witness.gone(self.name)

    def die(self) -> None:
        """End without a word, and with it all that it runs."""
        if self.is_alive:
            self.kill()
            self.world.witness.gone(self.name)
