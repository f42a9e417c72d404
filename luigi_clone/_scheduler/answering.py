"""Calls that come from outside this process: by name, with arguments that nobody has checked."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, NamedTuple

from luigi_clone._scheduler.parts import SchedulerParts
from luigi_clone._scheduler.staking import Staking, has_many_deps, staking_for
from luigi_clone._scheduling.answers import Answer
from luigi_clone._scheduling.arguments import ArgumentError, ConflictError
from luigi_clone._wire.kinds import BadValueError, Checker
from luigi_clone._wire.methods import RPC_METHODS, RpcCall
from luigi_clone._wire.tickets import RefusedError, Reply, Ticket

logger = logging.getLogger("luigi.scheduler")

_STOCK = Ticket()
_OF_WORKERS = frozenset(("add_task", "add_worker", "get_work", "ping"))
"""Calls by which a worker learns that it is not known any more."""
_MANY_STRANGERS = 10_000
_LONGEST_CLIENT = 64
_LARGEST = 2**53


class _Prepared(NamedTuple):
    call: RpcCall
    check: Checker


class Answering(SchedulerParts):
    """The part of the scheduler that a server talks to."""

    _prepared: dict[str, _Prepared]
    _lease: int | None = None
    _strangers: set[str]
    """Workers that have made themselves known by a ping or a question for work and by nothing else."""
    _newcomers: set[str]
    """Workers that are known by what is done ahead of a call, which is to be answered as their first one."""

    def answer(
        self, name: str, arguments: Mapping[str, Any], ticket: Ticket = _STOCK, in_steps: bool = False
    ) -> Reply:
        """Make the call ``name`` and return its reply.

        ``in_steps`` allows the response to be a generator of rows (``views.Steps``) where it may be large.
        A call that comes again with the same request id is not made again: it gets the same answer, as far
        as that still holds. Raises :class:`RefusedError` if the call is not made; the state is as before.
        """
        method = getattr(self, name, None) if name in RPC_METHODS else None
        if in_steps:
            method = self.in_steps(name) or method
        if method is None:
            raise RefusedError(404, f"there is no call {name!r}")
        prepared = self._prepared_for(name)
        try:
            arguments = prepared.check(arguments)
        except BadValueError as error:
            raise RefusedError(400, str(error)) from None
        lease = ticket.lease
        if lease is not None and (type(lease) is not int or not 0 < lease < _LARGEST):
            raise RefusedError(400, f"the number of a grant must be a whole number above 0, not {lease!r}")
        request = None if ticket.request_id is None else _parts_of(ticket.request_id)
        known = None if request is None else self._machine.answers.find(*request)
        if known is not None:
            repeated = self._repeated(name, arguments, known)
            if repeated is not None:
                return repeated
        machine = self._machine
        worker = arguments.get("worker")
        if name == "get_work" and request is not None and machine.answers.is_outdated(*request, worker):
            # by what it says of the tasks that the worker runs, one that was given since would be given again
            raise RefusedError(409, f"get_work: the worker {worker!r} was given work by a later call")
        is_new = name in _OF_WORKERS and self._is_new(name, worker)
        is_new = is_new or (known is not None and known.worker_is_new)
        machine.granted = None
        self._lease = lease
        try:
            response = method(**arguments)
        except ConflictError as error:
            logger.warning("Refused what worker %r tells: %s", worker, error)
            raise RefusedError(409, f"{name}: {error}") from None
        except ArgumentError as error:
            raise RefusedError(400, f"{name}: {error}") from None
        finally:
            self._lease = None
        reply = Reply(response, machine.granted, is_new)
        if request is not None:
            self._remember(prepared.call, request, worker, reply)
        return reply

    def _is_new(self, name: str, worker: Any) -> bool:
        """Tell whether nothing is known of a worker that makes a call.

        One that is known by a ping or a question for work alone may have missed what it was answered.
        """
        if name == "add_task" and worker in self._newcomers:
            self._newcomers.discard(worker)
            return True
        strangers, workers = self._strangers, self._machine.workers
        if worker not in workers:
            if name in ("get_work", "ping") and isinstance(worker, str):
                if len(strangers) >= _MANY_STRANGERS:
                    strangers.intersection_update(workers)
                strangers.add(worker)
            return True
        if worker in strangers and name in ("add_worker", "add_task"):
            strangers.discard(worker)
            return name == "add_worker"
        return False

    def ahead_of(self, name: str, arguments: Mapping[str, Any], ticket: Ticket = _STOCK) -> Staking | None:
        """Return what is to be done bit by bit before a call is made, so that it takes little time.

        None stands for nothing, as for most calls and for all that will be refused.
        """
        if name != "add_task" or not has_many_deps(arguments):
            return None
        try:
            checked = self._prepared_for(name).check(arguments)
        except BadValueError:
            return None
        machine = self._machine
        staking = staking_for(machine, self._clock, checked, ticket.lease)
        if staking is not None and staking.worker not in machine.workers:
            self._newcomers.add(staking.worker)
        return staking

    def _prepared_for(self, name: str) -> _Prepared:
        call: RpcCall = RPC_METHODS[name].rpc_call  # type: ignore[attr-defined]
        prepared = self._prepared.get(name)
        if prepared is None or prepared.call is not call:
            prepared = self._prepared[name] = _Prepared(call, call.checker())
        return prepared

    # ---- answers that were lost

    def _repeated(self, name: str, arguments: Mapping[str, Any], known: Answer) -> Reply | None:
        """Return the reply to a call that was answered before, None if it has to be made again."""
        if name != "get_work":
            sender = self._machine.workers.get(arguments.get("worker", ""))
            if sender is not None and name in ("add_task", "ping"):
                sender.last_active = self._clock()  # a sign of life as the first time
            return Reply(*known)
        if known.lease is None:
            return None
        given = self._machine.grant_again(self._clock(), arguments["worker"], known.lease)
        return None if given is None else Reply(given, known.lease, known.worker_is_new)

    def _remember(self, call: RpcCall, request: tuple[str, int], worker: Any, reply: Reply) -> None:
        """Keep the reply to a call that would do more if it were made again, or that handed something out."""
        response = reply.response
        if call.name == "get_work":
            response = None  # by the number of the grant it is told anew
            if reply.lease is None and not reply.worker_is_new:
                return
        elif call.name == "ping":
            if not reply.worker_is_new and not response["rpc_messages"]:
                return
        elif call.idempotent and not reply.worker_is_new:
            return
        self._machine.keep_answer(*request, worker, response, reply.lease, reply.worker_is_new)


def _parts_of(request_id: Any) -> tuple[str, int]:
    """Return client and number of a request id. Raises RefusedError if it is none."""
    if isinstance(request_id, str):
        client, _, number = request_id.rpartition("-")
        if (
            0 < len(client) <= _LONGEST_CLIENT
            and client.isascii()
            and number.isdecimal()
            and len(number) < 16
        ):
            return client, int(number)
    raise RefusedError(400, f"a request id must be <client>-<number>, not {str(request_id)[:80]!r}")
