"""A look at all tasks: what holds up each of them, and how many there are of each state and family.

It is made when a page asks, in small steps, and tells of the time at which it was begun. What it found may
have changed since: whoever uses it compares with the records.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Generator, Iterable, Iterator
from operator import attrgetter

from luigi_clone._scheduling.durations import Durations
from luigi_clone._scheduling.machine import Machine
from luigi_clone._scheduling.model import TaskRecord
from luigi_clone._scheduling.shown import STATES, is_missing_input, own_state, state_of
from luigi_clone.task_status import BATCH_RUNNING, DISABLED, DONE, FAILED, PENDING, RUNNING, UNKNOWN

A_WHILE = 512
"""So many tasks are looked at between two steps."""

_family = attrgetter("family")


class Trouble:
    """Tasks of one family and state that need attention: their number, the latest, what they hold back."""

    __slots__ = ("bit", "holds_back", "latest", "number")

    def __init__(self, bit: int) -> None:
        self.bit = bit
        self.number = 0
        self.latest: list[TaskRecord] = []
        self.holds_back: int | None = None
        """How many tasks wait for any of them; None if that is not known."""


class Survey:
    """What was found. ``as_of`` is the time at which the look at the tasks began."""

    def __init__(self, as_of: float, version: int) -> None:
        self.as_of = as_of
        self.version = version
        self.causes: dict[TaskRecord, TaskRecord] = {}
        """Task that waits → the nearest of the worst that hold it up."""
        self.derived: dict[str, list[TaskRecord]] = {state: [] for state in STATES}
        """State → the tasks that are PENDING or FAILED and in it, the latest first."""
        self.families: dict[str, Counter[str]] = {}
        """Family → state → number of tasks."""
        self.inputs: list[TaskRecord] = []
        """The tasks that no worker makes and that are not there yet: PENDING, waiting for nothing."""
        self.absent = 0
        """How many tasks are FAILED, and are such inputs."""
        self.in_order = True
        """Whether the tasks of each status stand in the order in which they came to it: after a restart they
        may not; what comes later always does."""
        self.troubles: dict[tuple[str, str], Trouble] = {}
        """Family and own state of tasks that need attention → what is known of these."""

    def state_of(self, task: TaskRecord) -> str:
        """Return the state of a task as its record and this survey tell."""
        return state_of(task, self.causes.get(task))

    def counts(self, machine: Machine) -> dict[str, int]:
        """Return state → number of all tasks: those that are told by the status are of now."""
        by_status = machine.by_status
        counts = dict.fromkeys(STATES, 0)
        for status, state in _PLAIN.items():
            counts[state] = len(by_status[status])
        derived = self.derived
        missing = min(self.absent, len(by_status[FAILED]))
        counts["failed"] = len(by_status[FAILED]) - missing
        left = len(by_status[PENDING])
        for state in ("updisabled", "upfailed", "uprunning", "ready"):
            counts[state] = min(left, len(derived[state]))
            left -= counts[state]
        waiting = min(left, len(derived["missing"]) - self.absent)
        counts["missing"] = missing + waiting
        counts["pending"] = left - waiting
        return counts


_PLAIN = {
    DISABLED: "disabled",
    UNKNOWN: "unknown",
    RUNNING: "running",
    BATCH_RUNNING: "batch",
    DONE: "done",
}

Surveying = Generator[None, None, Survey]


def survey(machine: Machine, now: float, durations: Durations) -> Surveying:
    """Look at all tasks, a few at each step; let ``durations`` take in the runs that have ended."""
    made = Survey(now, machine.version)
    sources = yield from _sources(machine)
    for some in sources:
        yield from _spread(machine, some, made.causes)
    yield from _count_waiting(machine, made)
    for status, state in _PLAIN.items():
        order = _Order(status)
        for some in _slices(machine.by_status[status].values()):
            for family, number in Counter(map(_family, some)).items():
                made.families.setdefault(family, Counter())[state] += number
            made.in_order = made.in_order and order.goes_on(some)
            yield
    yield from _count_held(machine, made)
    yield from durations.catch_up(machine.attempts)
    return made


class _Order:
    """Whether the tasks of a status stand in the order in which they came to it, as far as was looked."""

    def __init__(self, status: str, latest_first: bool = False) -> None:
        self._status = status
        self._latest_first = latest_first
        self._last: list[float] = []

    def goes_on(self, tasks: list[TaskRecord]) -> bool:
        """Tell whether these stand in order, after those before."""
        times = [*self._last, *(task.updated for task in tasks if task.status is self._status)]
        self._last = times[-1:]
        return times == sorted(times, reverse=self._latest_first)


def _slices(tasks: Iterable[TaskRecord], size: int = A_WHILE) -> Iterator[list[TaskRecord]]:
    kept = list(tasks)  # they change while others have their turn
    for start in range(0, len(kept), size):
        yield kept[start : start + size]


def _sources(machine: Machine) -> Generator[None, None, list[list[TaskRecord]]]:
    """Return the tasks that others wait for in the end, the worst first."""
    by_status = machine.by_status
    failed: list[TaskRecord] = []
    missing: list[TaskRecord] = []
    ready: list[TaskRecord] = []
    for some in _slices(by_status[FAILED].values()):
        for task in some:
            (missing if is_missing_input(task) else failed).append(task)
        yield
    for some in _slices(by_status[PENDING].values()):
        for task in some:
            if not task.unmet and task.dependents:
                (ready if task.crew.runnable else missing).append(task)
        yield
    disabled, unknown = list(by_status[DISABLED].values()), list(by_status[UNKNOWN].values())
    running = [*by_status[RUNNING].values(), *by_status[BATCH_RUNNING].values()]
    return [disabled, failed, missing, unknown, running, ready]


def _spread(
    machine: Machine, sources: list[TaskRecord], causes: dict[TaskRecord, TaskRecord]
) -> Generator[None, None, None]:
    """Enter ``sources`` as the causes of all that waits for them and has no worse one."""
    queue: deque[tuple[TaskRecord, TaskRecord]] = deque()
    for some in _slices(sources):
        queue.extend((source, source) for source in some if source.dependents)
        yield
    looked = 0
    while queue:
        task, cause = queue.popleft()
        for dependent in machine.dependents_of(task.id):
            looked += 1
            if dependent.status is PENDING and dependent not in causes:
                causes[dependent] = cause
                queue.append((dependent, cause))
        looked += 1
        if looked >= A_WHILE:
            looked = 0
            yield


def _count_waiting(machine: Machine, made: Survey) -> Generator[None, None, None]:
    derived, families, causes = made.derived, made.families, made.causes
    for status in (FAILED, PENDING):
        order = _Order(status, latest_first=True)
        for some in _slices(reversed(machine.by_status[status].values())):
            made.in_order = made.in_order and order.goes_on(some)
            for task in some:
                if task.status is not status:
                    continue  # it was, when this began
                state = state_of(task, causes.get(task))
                derived[state].append(task)
                if state == "missing":
                    if status is FAILED:
                        made.absent += 1
                    elif not task.unmet:
                        made.inputs.append(task)
                counts = families.get(task.family)
                if counts is None:
                    counts = families[task.family] = Counter()
                counts[state] += 1
            yield


# ---- how many tasks are held back by a family

_MOST_MARKS = 256
"""So many families with trouble are told apart; of further ones it is not known how much they hold back."""
_LATEST = 10


def _count_held(machine: Machine, made: Survey) -> Generator[None, None, None]:
    """Let a mark of each family flow downstream; count the tasks that each mark came to."""
    marks: dict[TaskRecord, int] = {}
    for some in _slices(_in_trouble(machine, made)):
        for task in some:
            trouble = _trouble(made, task)
            if trouble.bit and task.dependents:
                marks[task] = trouble.bit
        yield
    own = set(marks)
    queue = deque(marks)
    looked = 0
    while queue:
        task = queue.popleft()
        mark = marks[task]
        for dependent in machine.dependents_of(task.id):
            looked += 1
            if dependent.status is PENDING:
                known = marks.get(dependent, 0)
                if known | mark != known:
                    marks[dependent] = known | mark
                    queue.append(dependent)
        looked += 1
        if looked >= A_WHILE:
            looked = 0
            yield
    numbers: Counter[int] = Counter()
    for some in _slices(marks):
        numbers.update(marks[task] for task in some if task not in own)
        yield
    for trouble in made.troubles.values():
        if trouble.bit:
            trouble.holds_back = sum(number for mark, number in numbers.items() if mark & trouble.bit)


def _in_trouble(machine: Machine, made: Survey) -> list[TaskRecord]:
    """Return the tasks that need attention by themselves, in each status the latest first."""
    by_status = machine.by_status
    return [
        *reversed(by_status[FAILED].values()),
        *made.inputs,
        *reversed(by_status[DISABLED].values()),
        *reversed(by_status[UNKNOWN].values()),
    ]


def _trouble(made: Survey, task: TaskRecord) -> Trouble:
    key = (task.family, own_state(task))
    trouble = made.troubles.get(key)
    if trouble is None:
        number = len(made.troubles)
        trouble = made.troubles[key] = Trouble(1 << number if number < _MOST_MARKS else 0)
    trouble.number += 1
    if len(trouble.latest) < _LATEST:
        trouble.latest.append(task)
    return trouble
