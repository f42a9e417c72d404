"""The scheduler's server: the real turns, calls and journal by facts, without sockets and event loop."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from luigi_clone._scheduler.clock import SteadyClock
from luigi_clone._scheduling.snapshot import Snapshot
from luigi_clone._web.api import Api
from luigi_clone._web.turns import Outcome, Turns
from luigi_clone._wire.tickets import RefusedError, Ticket
from luigi_clone.scheduler import Scheduler
from luigi_clone.testing.simulation.disk import Crash, Disk, MemoryJournal
from luigi_clone.testing.simulation.scenario import LIMITS

if TYPE_CHECKING:
    from random import Random

    from luigi_clone._web.answers import Answer
    from luigi_clone.testing.simulation.clock import Clock
    from luigi_clone.testing.simulation.network import Request, Respond
    from luigi_clone.testing.simulation.witness import Witness

_PRUNED_EVERY = 5.0
_BIT_OF_A_SNAPSHOT = 4


class SimulatedTurns(Turns):
    """Turns that end when the simulation says so, and whose calls the witness sees."""

    def __init__(self, scheduler: Scheduler, server: Server) -> None:
        super().__init__(scheduler, server.fail)
        self._server = server

    def make(
        self, name: str, arguments: Mapping[str, Any], ticket: Ticket, in_steps: bool = False
    ) -> Outcome:
        """Make a call; an error of the scheduler's own ends the simulation."""
        if self._loss is not None:
            return self._loss
        witness = self._server.witness
        witness.before(name, arguments)
        try:
            outcome: Outcome = self.scheduler.answer(name, arguments, ticket, in_steps=in_steps)
        except RefusedError as refused:
            outcome = refused
        except Exception as error:
            self._server.on_error(error)  # the server would answer 500 and go on
            raise
        witness.made(name, arguments, ticket, outcome)
        return outcome

    def _soon(self, action: Callable[[], None]) -> None:
        self._server.soon(action)


class Server:
    """One luigid after the other on the same disk."""

    def __init__(self, clock: Clock, options: Mapping[str, Any], rng: Random, witness: Witness) -> None:
        self.on_error: Callable[[Exception], None] = _raise
        self.clock = clock
        self.witness = witness
        self.disk = Disk()
        self.calls = 0
        """Grows with everything that may have changed the scheduler."""
        self.starts = 0
        self.downtime = 1.0
        self._options = dict(options)
        self._rng = rng
        self.scheduler: Scheduler | None = None
        self._waiting: set[int] = set()
        self._responds: dict[int, Respond] = {}
        self._requests = 0
        self._expected: str | None = None

    # ---- beginning and end

    def start(self) -> None:
        """Start on what the disk has."""
        self.starts += 1
        self.calls += 1
        scheduler = Scheduler(resources=LIMITS, **self._options)
        scheduler._clock = SteadyClock(self.clock.time, self.clock.monotonic)
        scheduler.load(MemoryJournal(self.disk))
        assert scheduler._condenser is not None
        scheduler._condenser._size = _BIT_OF_A_SNAPSHOT
        self.scheduler = scheduler
        if self._expected is not None:
            self.witness.compare(self._expected, picture(scheduler))
        self._turns = SimulatedTurns(scheduler, self)
        self._api = Api(self._turns)
        self.witness.restarted()
        self._prune_later(self.starts)

    def fail(self, _: Exception) -> None:
        """End soon: the journal failed, and no call is made any more."""
        self.soon(self._crash)

    def _crash(self) -> None:
        raise Crash

    def down(self) -> None:
        """Be gone, with all that was not stored."""
        scheduler = self.scheduler
        if scheduler is None:
            return
        self.calls += 1
        self._expected = None
        if scheduler._failed is None and not scheduler._machine.facts:
            self._expected = picture(scheduler)
        self.scheduler = None
        self.disk.in_use = False
        self.disk.accident = None
        responds, self._responds = self._responds, {}
        for respond in responds.values():
            respond(None)
        self.witness.crashed()
        self.clock.after(self.downtime, self.start)

    def _guarded(self, action: Callable[[], object]) -> None:
        try:
            action()
        except Crash:
            self.down()

    def soon(self, action: Callable[[], None]) -> None:
        """Do something in this turn's end, if this life lasts as long."""
        life = self.starts

        def act() -> None:
            if self.scheduler is not None and self.starts == life:
                self.calls += 1
                self._guarded(action)

        self.clock.after(self._rng.choice((0.0, 0.0, 0.004)), act)

    def _prune_later(self, life: int) -> None:
        def prune() -> None:
            if self.scheduler is not None and self.starts == life:
                self.calls += 1
                self._guarded(self._turns.prune)
                self._prune_later(life)

        self.clock.after(_PRUNED_EVERY, prune)

    # ---- requests

    def receive(self, request: Request, respond: Respond) -> None:
        """Take a request in."""
        if self.scheduler is None:
            respond(None)
            return
        self.calls += 1
        self._requests += 1
        number = self._requests
        self._responds[number] = respond
        told = self.witness.told(number)

        def send(answer: Answer) -> None:
            self._responds.pop(number, None)
            if answer.status == 503:
                respond(answer)
                return
            self.witness.answered(told)
            respond(answer)

        def answer() -> None:
            self._api.answer(request.path[len("/api/") :], request, send)

        self._guarded(answer)
        self.witness.told(None)

    def act(self, call: Callable[[SimulatedTurns], object]) -> None:
        """Make a call that comes from nowhere, if there is somebody to make it."""
        if self.scheduler is not None:
            self.calls += 1

            def act() -> None:
                call(self._turns)
                self._turns.after_commit(lambda _: None)

            self._guarded(act)


def _raise(error: Exception) -> None:
    raise error


def picture(scheduler: Scheduler) -> str:
    """Return all that has to outlive the process, as a text that can be compared."""
    machine = scheduler._machine
    facts, machine.facts = machine.facts, []
    snapshot = Snapshot(machine)
    told = []
    while part := snapshot.part(1000):
        told.extend(part)
    machine.facts = facts
    return "\n".join(json.dumps(fact, default=_plainly, sort_keys=True) for fact in told)


def _plainly(value: Any) -> Any:
    return sorted(value) if isinstance(value, (set, frozenset)) else dict(value)
