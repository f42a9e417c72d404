"""The shared objects that task records point to: crews, needs, resources."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from luigi_clone._scheduling.model import TaskRecord, WorkerRecord
from luigi_clone._scheduling.prefix import Prefix
from luigi_clone._scheduling.ready import Crew, Everyone, Gate, Needs, Pool, Resource

_CrewKey = tuple[tuple[str, ...], bool, frozenset[str]]

DEFAULT_LIMIT = 1
"""How much there is of a resource that nobody configured."""


class ReadyIndex:
    """Finds the shared object for equal values, and lets go of those that nothing uses."""

    def __init__(self, limits: Mapping[str, float]) -> None:
        self.limits: dict[str, float] = dict(limits)
        self.resources: dict[str, Resource] = {}
        self.no_needs = Needs((), {}, ())
        self._needs: dict[Any, Needs] = {(): self.no_needs}
        self.nobody = Crew((), False, frozenset(), (), self.no_needs)
        self.crews: dict[_CrewKey, Crew] = {((), False, frozenset()): self.nobody}
        self.assistants: Pool | None = None  # crews whose tasks an assistant may run; made when one asks
        self.everyone: Everyone | None = None  # all crews; made when a reservation has to be worked out
        self.prefix: Prefix | None = None  # what the latest walk found, until something changes

    # ---- resources

    def resource(self, name: str) -> Resource:
        """Return the resource of that name."""
        resource = self.resources.get(name)
        if resource is None:
            limit = self.limits.get(name, DEFAULT_LIMIT)
            resource = self.resources[name] = Resource(name, limit)
        return resource

    def set_limit(self, name: str, amount: float) -> None:
        """Change how much there is of a resource."""
        self.prefix = None
        self.limits[name] = amount
        resource = self.resources.get(name)
        if resource is not None:
            resource.set_limit(amount)

    def forget_resource(self, resource: Resource) -> None:
        """Drop a resource that no task needs or holds."""
        if not resource.gates and not resource.holders:
            self.resources.pop(resource.name, None)

    def all_needs(self) -> list[Needs]:
        """Return the needs that some task has."""
        return list(self._needs.values())

    def needs(self, amounts: Mapping[str, Any]) -> Needs:
        """Return the shared object for these amounts."""
        key: Any = tuple(amounts.items()) if len(amounts) == 1 else tuple(sorted(amounts.items()))
        needs = self._needs.get(key)
        if needs is None:
            gates = tuple(self._gate(name, amount) for name, amount in amounts.items())
            needs = self._needs[key] = Needs(key, dict(amounts), gates)
        return needs

    def _gate(self, name: str, amount: float) -> Gate:
        resource = self.resource(name)
        gate = resource.gates.get(amount)
        if gate is None:
            gate = resource.gates[amount] = Gate(resource, amount)
        gate.uses += 1
        return gate

    def forget_needs(self, needs: Needs) -> None:
        """Drop needs that no task has any more."""
        if needs is self.no_needs or needs.uses or self._needs.pop(needs.key, None) is None:
            return
        for gate in needs.gates:
            gate.uses -= 1
            if not gate.uses:
                del gate.resource.gates[gate.amount]
                self.forget_resource(gate.resource)

    # ---- crews

    def successor(self, crew: Crew, worker: WorkerRecord, stakeholder: bool, runs: bool) -> Crew:
        """Return the crew after ``worker`` joined as a stakeholder, as one who may run the task, or both."""
        key = (worker.id, stakeholder, runs)
        found = crew.successors.get(key)
        if found is None:
            workers, runnable, stakeholders = crew.workers, crew.runnable, crew.stakeholders
            if runs:
                runnable = True
                if worker.id not in workers:
                    workers = (*workers, worker.id)
            if stakeholder:
                stakeholders = stakeholders | {worker.id}
            members = crew.members if workers is crew.workers else (*crew.members, worker)
            found = crew.successors[key] = self.crew(workers, runnable, stakeholders, members)
        elif not found.tasks:  # it may have been dropped since, and even made anew
            known = self.crews.setdefault((found.workers, found.runnable, found.stakeholders), found)
            found = crew.successors[key] = known
        return found

    def without(self, crew: Crew, worker: WorkerRecord, stakeholder: bool) -> Crew:
        """Return the crew after ``worker`` left; ``stakeholder`` tells whether it also gives up its stake."""
        workers, stakeholders, members = crew.workers, crew.stakeholders, crew.members
        if worker.id in workers:
            workers = tuple(other for other in workers if other != worker.id)
            members = tuple(other for other in members if other is not worker)
        if stakeholder and worker.id in stakeholders:
            stakeholders = stakeholders - {worker.id}
        return self.crew(workers, crew.runnable, stakeholders, members)

    def crew(
        self,
        workers: tuple[str, ...],
        runnable: bool,
        stakeholders: frozenset[str],
        members: tuple[WorkerRecord, ...],
    ) -> Crew:
        """Return the crew of these workers and stakeholders; ``members`` are the records of ``workers``."""
        key = (workers, runnable, stakeholders)
        crew = self.crews.get(key)
        if crew is None:
            crew = self.crews[key] = Crew(workers, runnable, stakeholders, members, self.no_needs)
            if runnable and self.assistants is not None:
                crew.pools.append(self.assistants)
            crew.everyone = self.everyone
        return crew

    def forget_crew(self, crew: Crew) -> None:
        """Drop a crew without tasks (it may come back: others remember it as their successor)."""
        if crew.tasks or crew is self.nobody:
            return
        self.crews.pop((crew.workers, crew.runnable, crew.stakeholders), None)
        for pool in crew.pools:
            pool.withdraw(crew)
        if crew.everyone is not None:
            crew.everyone.withdraw(crew)

    def forget_successors(self) -> None:
        """Drop what crews remember of workers that joined: one of them is gone."""
        for crew in self.crews.values():
            crew.successors.clear()

    def pool_of_assistants(self) -> Pool:
        """Return all crews whose tasks an assistant may run."""
        if self.assistants is None:
            self.assistants = Pool()
            for crew in self.crews.values():
                if crew.runnable:
                    crew.pools.append(self.assistants)
                    rank = crew.top()
                    if rank is not None:
                        self.assistants.offer(rank, crew)
            # crews that are remembered as successors only would not know of the new pool
            self.forget_successors()
        return self.assistants

    def pool_of_everyone(self) -> Everyone:
        """Return all crews."""
        if self.everyone is None:
            self.everyone = Everyone()
            for crew in self.crews.values():
                crew.everyone = self.everyone
                rank = crew.top_of_all()
                if rank is not None:
                    self.everyone.offer(rank, crew)
            self.forget_successors()
        return self.everyone

    def hold(self, task: TaskRecord, amounts: Mapping[str, float], runner: str | None) -> None:
        """Let ``task`` hold ``amounts`` while ``runner`` runs it."""
        self.prefix = None
        for name, amount in amounts.items():
            self.resource(name).take(task, amount, runner)

    def let_go(self, task: TaskRecord, amounts: Mapping[str, float]) -> None:
        """Take back what ``task`` holds."""
        self.prefix = None
        for name in amounts:
            resource = self.resources.get(name)
            if resource is not None:
                resource.release(task)
                if not resource.gates:
                    self.forget_resource(resource)
