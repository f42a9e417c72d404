"""One simulation from its beginning to its end."""

from __future__ import annotations

import zlib
from typing import Any, NamedTuple

from luigi_clone.testing.simulation.clock import Chance, Clock
from luigi_clone.testing.simulation.network import Network
from luigi_clone.testing.simulation.patching import on_clock
from luigi_clone.testing.simulation.scenario import Fault, Plan, PlannedWorker, Scenario
from luigi_clone.testing.simulation.server import Server
from luigi_clone.testing.simulation.tasks import SimulatedTask, class_of
from luigi_clone.testing.simulation.witness import Violation, Witness
from luigi_clone.testing.simulation.workers import WorkerProcess

PATIENCE = 2_000.0
"""Seconds after the last fault until all tasks have to be done and all workers to have ended."""
_LAST_WORKERS_EVERY = 150.0
_MOST_STEPS = 200_000
_EVERY_SO_OFTEN = 64


class Outcome(NamedTuple):
    """What came of a simulation that went well; ``trace`` is the same whenever all was the same."""

    steps: int
    seconds: float
    restarts: int
    runs: int
    trace: int


class World:
    """The clock, the server, the network, the workers, and who watches them."""

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        self.plan: Plan = scenario.plan
        self.chance = Chance(scenario.seed)
        self.clock = Clock()
        self.targets: set[int] = set()
        self.is_calm = False
        self.steps = 0
        self._error: Exception | None = None
        self._processes: list[WorkerProcess] = []
        SimulatedTask.plan, SimulatedTask.targets = self.plan, self.targets
        self.ids = [self._id_of(number) for number in range(len(self.plan.tasks))]
        needs = {task_id: self.plan.tasks[number].needs for number, task_id in enumerate(self.ids)}
        self._numbers = {task_id: number for number, task_id in enumerate(self.ids)}
        delay = scenario.options["worker_disconnect_delay"]
        self.witness = Witness(
            self.clock, delay, needs, lambda task_id: self._numbers[task_id] in self.targets
        )
        self.server = Server(self.clock, scenario.options, self.chance.of("server"), self.witness)
        self.server.on_error = self.raised
        self.witness.server = self.server
        mishaps = {int(fault.at): fault.details for fault in scenario.faults if fault.kind == "message"}
        self.network = Network(self.clock, self.chance.of("network"), mishaps)
        self.network.server = self.server

    def _id_of(self, number: int) -> str:
        return class_of(self.plan, number)(number=number).task_id

    def raised(self, error: Exception) -> None:
        """Take an error that ended a thread: no worker may end so."""
        self._error = self._error or error

    def left(self, name: str, planned: PlannedWorker) -> None:
        """Judge a worker that has left by itself: the scheduler must know what it would have stayed for.

        Where messages are lost or late, a copy of an old call may have made a dropped worker known again, and
        the answer that tells it to register anew goes to nobody; its tasks are then left to other workers.
        """
        is_calm = not any(fault.kind == "message" for fault in self.scenario.faults)
        if planned.options["keep_alive"] and is_calm:
            for number in planned.roots:
                if number not in self.targets:
                    self.witness.has_left(name, self.ids[number])

    def run(self) -> Outcome:
        """Let it all happen. Raises :class:`Violation`."""
        trace = 0
        self._prepare()
        while not self._is_over():
            event = self.clock.next()
            assert event is not None
            self.steps += 1
            event()
            if self._error is not None:
                raise self._error
            self.witness.check()
            if self.steps % _EVERY_SO_OFTEN == 0:
                trace = zlib.crc32(f"{self.clock.now} {self.server.disk.stored}".encode(), trace)
            if self.steps > _MOST_STEPS or self.clock.now > self.scenario.horizon + PATIENCE:
                raise self._endless()
        trace = zlib.crc32(repr((self.clock.now, self.server.disk.history)).encode(), trace)
        restarts, runs = self.server.starts - 1, len(self.witness.grants)
        return Outcome(self.steps, self.clock.now, restarts, runs, trace)

    def close(self) -> None:
        """End what still runs."""
        for process in self._processes:
            process.kill()

    # ---- what is going to happen

    def _prepare(self) -> None:
        self.server.start()
        for index, planned in enumerate(self.scenario.workers):
            self.clock.after(planned.start, lambda i=index, p=planned: self._begin(f"w{i}", p))  # type: ignore[misc]
        for fault in self.scenario.faults:
            if fault.kind != "message":
                self.clock.after(fault.at, lambda fault=fault: self._do(fault))  # type: ignore[misc]
        self.clock.after(self.scenario.horizon, self._calm_down)

    def _begin(self, name: str, planned: PlannedWorker) -> None:
        process = WorkerProcess(self, name, planned)
        self._processes.append(process)
        process.begin()

    def _do(self, fault: Fault) -> None:
        if fault.kind == "crash":
            self.server.disk.accident, self.server.downtime = fault.details
        elif fault.kind == "leap":
            self.clock.offset += fault.details[0]
        else:
            getattr(self, f"_{fault.kind}")(*fault.details)

    def _living(self, index: int) -> WorkerProcess | None:
        name = f"w{index}"
        return next((one for one in self._processes if one.name.split(".")[0] == name and one.is_alive), None)

    def _kill(self, index: int, seconds: float) -> None:
        process = self._living(index)
        if process is not None:
            process.die()
            again = self.scenario.workers[index]
            self.clock.after(seconds, lambda: self._begin(f"w{index}.{len(self._processes)}", again))

    def _stop(self, index: int, seconds: float) -> None:
        process = self._living(index)
        if process is not None:
            process.stop()
            self.clock.after(seconds, process.go_on)

    def _cut(self, index: int, seconds: float) -> None:
        process = self._living(index)
        if process is not None:
            fetcher = process.fetcher
            fetcher.is_cut = True
            self.clock.after(seconds, lambda: setattr(fetcher, "is_cut", False))

    def _resize(self, index: int, slots: int) -> None:
        process = self._living(index)
        if process is not None:
            arguments: dict[str, Any] = {"worker": process.name, "n": slots}
            from luigi_clone._wire.tickets import Ticket

            self.server.act(lambda turns: turns.make("set_worker_processes", arguments, Ticket()))

    def _calm_down(self) -> None:
        """Let nothing go wrong any more; a worker comes that knows of all tasks."""
        self.is_calm = True
        self.server.disk.accident = None
        self._last_worker(0)

    def _last_worker(self, number: int) -> None:
        if len(self.targets) == len(self.plan.tasks):
            return
        options = {"keep_alive": True, "ping_interval": 1.0, "wait_interval": 1.0}
        everything = tuple(range(len(self.plan.tasks)))
        self._begin(f"last{number}", PlannedWorker(0.0, 2, everything, options))
        self.clock.after(_LAST_WORKERS_EVERY, lambda: self._last_worker(number + 1))

    # ---- the end

    def _is_over(self) -> bool:
        return (
            self.is_calm
            and len(self.targets) == len(self.plan.tasks)
            and not any(process.is_alive for process in self._processes)
        )

    def _endless(self) -> Violation:
        missing = [self.ids[number] for number in range(len(self.ids)) if number not in self.targets]
        living = [process.name for process in self._processes if process.is_alive]
        return Violation(
            f"it does not end: of the tasks {missing} are not done, of the workers {living} have not ended",
            missing[0] if missing else None,
        )


def simulate(seed: int | None = None, scenario: Scenario | None = None) -> Outcome:
    """Simulate a seed, or a scenario. Raises :class:`Violation` with the story of the task."""
    chosen = scenario or Scenario.of(0 if seed is None else seed)
    world = World(chosen)
    try:
        with on_clock(world.clock, world.chance.of("patience")):
            try:
                return world.run()
            finally:
                world.close()
    except Violation as violation:
        told = [f"seed {chosen.seed}, step {world.steps}, {world.clock.now:.3f} s: {violation}"]
        if violation.task_id is not None:
            told.append(world.witness.story(violation.task_id))
        raise Violation("\n".join(told), violation.task_id) from violation
