"""Sees what is called and what is run, and says what must not be."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from luigi_clone._scheduling import invariants
from luigi_clone._scheduling.facts import story
from luigi_clone._wire.tickets import RefusedError, Reply, Ticket
from luigi_clone.task_status import BATCH_RUNNING, DISABLED, DONE, FAILED, PENDING, RUNNING, UNKNOWN
from luigi_clone.testing.simulation.scenario import LIMITS

if TYPE_CHECKING:
    from luigi_clone._scheduling.machine import Machine
    from luigi_clone._web.turns import Outcome
    from luigi_clone.testing.simulation.clock import Clock
    from luigi_clone.testing.simulation.server import Server

_SIGNS_OF_LIFE = frozenset(("add_task", "get_work", "ping"))
_ASKED_ANYWAY = 16
_FASTEST = 17 / 16
"""So much faster than true the scheduler's clock may run while it comes closer to the clock on the wall."""


class Violation(AssertionError):  # noqa: N818 - not an error of the simulation
    """Something happened that must never happen; ``task_id`` is the task it is about, if any."""

    def __init__(self, text: str, task_id: str | None = None) -> None:
        super().__init__(text)
        self.task_id = task_id


class Grant:
    """What a worker was given by one answer."""

    __slots__ = ("is_reported", "silences", "tasks", "time", "worker")

    def __init__(self, worker: str, tasks: tuple[str, ...], silences: int, time: float) -> None:
        self.worker = worker
        self.tasks = tasks
        self.silences = silences
        self.time = time
        self.is_reported = False


class Run:
    """One attempt that is under way.

    ``is_known`` while the scheduler has a reason to know of it: it gave the task out, or the worker told it
    of the run, and nobody else was given the task while the worker was silent. Only then another run of the
    task beside it, while the worker is heard of, is the scheduler's fault. ``is_counted`` while its resources
    are the scheduler's to keep as well, for grants after ``since``.
    """

    def __init__(
        self, worker: str, tasks: Iterable[str], needs: Mapping[str, int], lease: int | None, is_known: bool
    ) -> None:
        self.worker = worker
        self.tasks = tuple(tasks)
        self.needs = needs
        self.lease = lease
        self.since = 0.0
        self.is_known = self.is_counted = is_known


class Image(NamedTuple):
    """What a report may have changed of a task."""

    status: str
    lease: int
    failures: int


class Told:
    """What one request has told the scheduler: it holds from when the answer is sent."""

    def __init__(self) -> None:
        self.count = 0
        self.registered: list[tuple[str, str]] = []
        self.leases: list[int] = []


class Witness:
    """Keeps its own account of grants, runs and registrations, beside the scheduler's."""

    def __init__(
        self,
        clock: Clock,
        disconnect_delay: float,
        needs: Mapping[str, Mapping[str, int]],
        is_complete: Callable[[str], bool],
    ) -> None:
        self._is_complete = is_complete
        self._clock = clock
        self._delay = disconnect_delay
        self._needs = needs
        self.server: Server
        self.runs: list[Run] = []
        self.grants: dict[int, Grant] = {}
        self._heard: dict[str, float] = {}
        self._silences: dict[str, int] = {}
        self._registered: dict[str, dict[str, None]] = {}
        self._gone: set[str] = set()
        self._told: Told | None = None
        self._accusation: Violation | None = None
        self._highest = 0
        self._was: Image | None = None
        self._seen = self._valid_at = -1

    @property
    def _machine(self) -> Machine:
        assert self.server.scheduler is not None
        return self.server.scheduler._machine

    # ---- after every step

    def check(self) -> None:
        """Check what must always hold, if anything may have changed.

        The state changes by facts alone; after calls that record none it is looked at now and then.
        """
        if self._accusation is not None:
            raise self._accusation
        if self.server.scheduler is None or self._seen == self.server.calls:
            return
        self._seen = self.server.calls
        machine = self._machine
        facts = self.server.disk.stored + len(machine.facts or ())
        if facts == self._valid_at and self._seen % _ASKED_ANYWAY:
            return
        self._valid_at = facts
        try:
            invariants.validate(machine)
        except invariants.ViolationError as error:
            raise Violation(f"the scheduler's state is broken: {error}") from error
        for worker, tasks in self._registered.items():
            if not self._is_silent(worker):
                for task_id in tasks:
                    if task_id not in machine.tasks and not self._is_complete(task_id):
                        raise Violation(f"{task_id} of the living worker {worker} is forgotten", task_id)

    # ---- hearing of workers

    def _is_silent(self, worker: str) -> bool:
        """Tell whether the scheduler may have given the worker up."""
        heard = self._heard.get(worker)
        return heard is None or (self._clock.now - heard) * _FASTEST >= self._delay

    def before(self, name: str, arguments: Mapping[str, Any]) -> None:
        """Note a call that is about to be made."""
        if name == "add_task":
            self._was = self._image(arguments["task_id"])
        worker = arguments.get("worker")
        if name not in _SIGNS_OF_LIFE or not isinstance(worker, str):
            return
        if self._is_silent(worker):
            self._silences[worker] = self._silences.get(worker, -1) + 1
            self._registered.pop(worker, None)
            for run in self.runs:
                if run.worker == worker:
                    run.is_known = run.is_known and self._may_go_on(run)
                    run.is_counted = run.is_counted and run.is_known
                    run.since = self._clock.now
        self._heard[worker] = self._clock.now

    def _may_go_on(self, run: Run) -> bool:
        """Tell whether the run that its worker comes back with is the latest of all its tasks still."""
        records = [self._machine.tasks.get(task_id) for task_id in run.tasks]
        return all(
            record is not None and record.lease == run.lease and record.status not in (DONE, DISABLED)
            for record in records
        )

    def gone(self, worker: str) -> None:
        """Note that a worker ended, and all that it ran."""
        self._gone.add(worker)
        self._registered.pop(worker, None)
        self.runs = [run for run in self.runs if run.worker != worker]

    def has_left(self, worker: str, task_id: str) -> None:
        """Judge a worker that was to stay for a task, and has left before it was done.

        It may if somebody else runs the task, or if it cannot run; not because it was forgotten.
        """
        if self.server.scheduler is None or self._is_silent(worker):
            return
        record = self._machine.tasks.get(task_id)
        others = (UNKNOWN, RUNNING, BATCH_RUNNING)
        if record is None or (record.status not in others and worker not in record.crew.workers):
            self._accuse(f"{worker} has left, though {task_id} is not done: it was forgotten", task_id)

    # ---- calls

    def told(self, number: int | None) -> Told:
        """Begin to note what one request tells, or (None) end it."""
        self._told = None if number is None else Told()
        return self._told or Told()

    def _accuse(self, text: str, task_id: str | None = None) -> None:
        """Note what must not be: :meth:`check` raises it, where no real code is between that may catch it."""
        self._accusation = self._accusation or Violation(text, task_id)

    def made(self, name: str, arguments: Mapping[str, Any], ticket: Ticket, outcome: Outcome) -> None:
        """Judge a call that was made."""
        if name == "get_work" and isinstance(outcome, Reply) and outcome.lease is not None:
            self._given(arguments["worker"], outcome)
        elif name == "add_task":
            self._reported(arguments, ticket, outcome)
        if self._told is not None:
            self._told.count = self.server.disk.stored + len(self._machine.facts or ())

    def answered(self, told: Told) -> None:
        """Judge an answer that is sent."""
        if self.server.disk.stored < told.count:
            self._accuse(
                f"an answer is sent though {told.count - self.server.disk.stored} of its facts are not stored"
            )
        for lease in told.leases:
            self._highest = max(self._highest, lease)
        for worker, task_id in told.registered:
            if worker not in self._gone:
                self._registered.setdefault(worker, {})[task_id] = None

    def _given(self, worker: str, reply: Reply) -> None:
        response, lease = reply.response, reply.lease
        assert lease is not None
        ids = response.get("batch_task_ids") or [response["task_id"]]
        known = self.grants.get(lease)
        if known is not None and known.worker == worker and set(ids) <= set(known.tasks):
            return  # told again
        if known is not None or lease <= self._highest:
            self._accuse(f"grant {lease} of {ids} to {worker} has a number that was given before", ids[0])
        self.grants[lease] = Grant(worker, tuple(ids), self._silences.get(worker, 0), self._clock.now)
        if self._told is not None:
            self._told.leases.append(lease)
        for task_id in ids:
            self._check_alone(task_id, worker, "is given to")
            for name in self._needs[task_id]:
                used = self._machine.index.resources[name].used
                if used > LIMITS[name]:
                    self._accuse(f"{task_id} is given to {worker}: {used} of {name} are used", task_id)

    def _image(self, task_id: str) -> Image | None:
        record = self._machine.tasks.get(task_id)
        return None if record is None else Image(record.status, record.lease, len(record.more.failures))

    def _check_late(self, task_id: str, worker: str, status: str, lease: int) -> None:
        """Judge a report of a run: it counts unless the task was given anew, is DONE, or its end was told.

        A worker that is heard of again by it goes on with what it runs.
        """
        was, now = self._was, self._image(task_id)
        if was is None or not (lease < abs(was.lease) or was.status == DONE or was.lease == -lease):
            return
        goes_on = now is not None and now.status == RUNNING and now.lease == was.lease != -lease
        if now is None or now.failures > was.failures or not (now.status == was.status or goes_on):
            self._accuse(
                f"{worker} says too late that {task_id} is {status}: it was {was} and is {now}", task_id
            )

    def _reported(self, arguments: Mapping[str, Any], ticket: Ticket, outcome: Outcome) -> None:
        task_id, worker, status = arguments["task_id"], arguments["worker"], arguments.get("status", PENDING)
        record = self._machine.tasks.get(task_id)
        if isinstance(outcome, RefusedError) and outcome.status != 409:
            self._accuse(f"what {worker} says of {task_id} is refused: {outcome.reason}", task_id)
        is_run = arguments.get("runnable", True) is None
        if ticket.lease is not None and (is_run or status == RUNNING):
            self._check_late(task_id, worker, status, ticket.lease)
        grant = self.grants.get(ticket.lease or 0)
        if is_run and status in (DONE, FAILED) and grant is not None and worker == grant.worker:
            in_touch = self._silences.get(worker, 0) == grant.silences and not self._is_silent(worker)
            now = None if record is None else record.status
            is_repeated, grant.is_reported = grant.is_reported, True
            if in_touch and not is_repeated and status == DONE and now != DONE:
                reason = outcome.reason if isinstance(outcome, RefusedError) else "no reason is given"
                self._accuse(f"{worker} has done {task_id}, yet it is {now}: {reason}", task_id)
        if isinstance(outcome, RefusedError) or record is None:
            return
        if status == RUNNING and record.status == RUNNING and record.worker_running == worker:
            for run in self.runs:
                if run.worker == worker and task_id in run.tasks:
                    run.is_known = True
        if self._told is not None and not is_run and not arguments.get("assistant"):
            self._told.registered.append((worker, task_id))

    # ---- runs

    def begun(self, worker: str, tasks: tuple[str, ...], lease: int | None) -> Run:
        """Judge a run that begins."""
        grant = self.grants.get(lease or 0)
        is_known = (
            grant is not None
            and grant.worker == worker
            and not self._is_silent(worker)
            and grant.silences == self._silences.get(worker, 0)
        )
        run = Run(worker, tasks, self._needs[tasks[0]], lease, is_known)
        if is_known:
            for task_id in tasks:
                self._check_alone(task_id, worker, "is begun by")
        self.runs.append(run)
        if grant is not None and run.is_counted:
            for name, amount in run.needs.items():
                self._check_resource(name, amount, run, grant.time)
        return run

    def ended(self, run: Run) -> None:
        """Note that a run has ended."""
        if run in self.runs:
            self.runs.remove(run)

    def _check_alone(self, task_id: str, worker: str, what: str) -> None:
        for run in self.runs:
            if run.worker != worker and task_id in run.tasks:
                if run.is_known and not self._is_silent(run.worker):
                    ago = self._clock.now - self._heard[run.worker]
                    self._accuse(
                        f"{task_id} {what} {worker} while {run.worker}, heard of {ago:.1f} s ago, runs it",
                        task_id,
                    )
                run.is_known = False

    def _check_resource(self, name: str, amount: int, new: Run, given: float) -> None:
        used = amount
        for run in self.runs:
            is_heard = run.since <= given and not self._is_silent(run.worker)
            if run is not new and run.is_counted and is_heard:
                used += run.needs.get(name, 0)
        if used > LIMITS[name]:
            self._accuse(
                f"{new.tasks[0]} is begun by {new.worker}: {used} of {name} are in use", new.tasks[0]
            )

    # ---- restarts

    def crashed(self) -> None:
        """Note that the scheduler is gone: what it had not answered counts for nothing."""
        self._told = None

    def restarted(self) -> None:
        """Judge what a scheduler has read."""
        self._seen = self._valid_at = -1
        if self._machine.last_lease < self._highest:
            self._accuse(
                f"after a restart the last grant is {self._machine.last_lease}, yet {self._highest} was given"
            )

    def compare(self, before: str, after: str) -> None:
        """Judge whether all that was stored is back."""
        if before != after:
            ours, theirs = before.splitlines(), after.splitlines()
            lost = "\n".join(["", *(f"- {line}" for line in ours if line not in theirs)])
            new = "\n".join(["", *(f"+ {line}" for line in theirs if line not in ours)])
            self._accuse(f"after a restart the state is another:{lost}{new}")

    def story(self, task_id: str) -> str:
        """Tell what the scheduler knew of a task."""
        pending = () if self.server.scheduler is None else (self._machine.facts or ())
        return story([*self.server.disk.history, *pending], task_id)
