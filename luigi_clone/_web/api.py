"""The calls of workers, pages and tools over HTTP."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

from luigi_clone._web.answers import Answer, Package, beside, body_of
from luigi_clone._web.answers import refusal as refusal_of
from luigi_clone._web.asking import Asked, arguments_of, batch_of, ticket_of
from luigi_clone._web.batch import Batch, calls_in
from luigi_clone._web.discretion import TELLING, Discreet
from luigi_clone._web.doors.handlers import GuardedHandler
from luigi_clone._web.large import LargeAnswer, Slices, is_in_steps
from luigi_clone._web.turns import Direct
from luigi_clone._wire.methods import RPC_METHODS
from luigi_clone._wire.roles import Role
from luigi_clone._wire.tickets import RefusedError, Reply, Ticket

if TYPE_CHECKING:
    from luigi_clone._web.doors import Doors, Refusal
    from luigi_clone.scheduler import Scheduler

application_log = logging.getLogger("tornado.application")

Send = Callable[[Answer], None]

BATCH = "batch"


class Api:
    """Answers requests for calls; what is small is answered without a coroutine."""

    def __init__(self, maker: Direct, doors: Doors | None = None) -> None:
        self._maker = maker
        self._doors = doors
        self._slices = Slices()
        self._under_way: set[asyncio.Task[None]] = set()

    def answer(self, name: str, request: Asked, send: Send) -> None:
        """Make the call ``name`` that ``request`` asks for, and hand the answer to ``send``, now or later."""
        try:
            if name == BATCH:
                self._answer_batch(request, send)
            else:
                self._answer_call(name, request, send)
        except RefusedError as refused:
            send(refusal_of(refused))
        except Exception:
            self._fail(send)

    def _answer_call(self, name: str, request: Asked, send: Send) -> None:
        if name not in RPC_METHODS:
            raise RefusedError(404, f"there is no call {name!r}")
        maker = self._maker if name not in TELLING else self._maker_for(request)
        arguments, ticket = arguments_of(request), ticket_of(request.headers)
        ahead = maker.ahead_of(name, arguments, ticket)
        if ahead is None:
            self._make(maker, name, arguments, ticket, request, send)
            return

        async def rest() -> None:
            await self._slices.complete(ahead)
            self._make(maker, name, arguments, ticket, request, send)

        self._go_on(rest(), send)

    def _make(
        self,
        maker: Direct,
        name: str,
        arguments: dict[str, Any],
        ticket: Ticket,
        request: Asked,
        send: Send,
    ) -> None:
        outcome = maker.make(name, arguments, ticket, in_steps=True)
        if isinstance(outcome, RefusedError):
            self._when_durable(send, lambda: refusal_of(outcome))
        elif is_in_steps(outcome.response):
            self._answer_large(outcome, request, send)
        else:
            self._when_durable(send, lambda: _packed(outcome, request))

    def _maker_for(self, request: Asked) -> Direct:
        """Return who makes a call whose answer depends on the role of who asks."""
        role = Role.ADMIN if self._doors is None else self._doors.role_of(request)
        return self._maker if role is Role.ADMIN else Discreet(self._maker)

    def _when_durable(self, send: Send, answer: Callable[[], Answer]) -> None:
        self._maker.after_commit(lambda loss: send(answer() if loss is None else refusal_of(loss)))

    def _answer_large(self, reply: Reply, request: Asked, send: Send) -> None:
        package = Package(request.method or "GET", request.headers)
        large = LargeAnswer(reply.response, package)

        async def rest() -> None:
            await self._slices.complete(large)
            self._when_durable(send, package.answer)

        try:
            is_complete = large.work()
        except Exception:
            self._fail(send)
            return
        if is_complete:
            self._when_durable(send, package.answer)
        else:
            self._go_on(rest(), send)

    def _answer_batch(self, request: Asked, send: Send) -> None:
        if request.method != "POST":
            raise RefusedError(405, "a batch is sent by POST")
        calls = calls_in(batch_of(request))
        if self._doors is not None and calls:
            needed = max(role_of_call(call.name) for call in calls)
            refusal = self._doors.refuse_role(request, needed) if needed > Role.READ else None
            if refusal is not None:
                send(refused(refusal))
                return
        is_telling = any(call.name in TELLING for call in calls)
        batch = Batch(calls, self._maker_for(request) if is_telling else self._maker, self._slices)

        def answer() -> Answer:
            package = Package("POST", request.headers)
            package.add(batch.body())
            return package.answer()

        async def rest() -> None:
            await batch.complete()
            self._when_durable(send, answer)

        if batch.work():
            self._when_durable(send, answer)
        else:
            self._go_on(rest(), send)

    def _go_on(self, rest: Coroutine[Any, Any, None], send: Send) -> None:
        async def guarded() -> None:
            try:
                await rest
            except Exception:
                self._fail(send)

        task = asyncio.get_running_loop().create_task(guarded())
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    def _fail(self, send: Send) -> None:
        application_log.error("Uncaught exception in making an answer", exc_info=True)
        send(refusal_of(RefusedError(500, "")))


def role_of_call(name: str) -> Role:
    """Return the role that a call needs; that a batch is let in for until its calls are known."""
    if name not in RPC_METHODS:
        return Role.READ
    role: Role = getattr(RPC_METHODS[name].rpc_call, "role", Role.ADMIN)  # type: ignore[attr-defined]
    return role


def refused(refusal: Refusal) -> Answer:
    """Return the answer to a request that is not let in."""
    answer = refusal_of(refusal)
    answer.headers.extend(refusal.headers)
    return answer


def _packed(reply: Reply, request: Asked) -> Answer:
    package = Package(request.method or "GET", request.headers)
    package.add(body_of(reply))
    return package.answer(beside(reply))


class RPCHandler(GuardedHandler):
    """Answers ``/api/<call>``: a JSON object of keyword arguments in the field ``data``, by GET or POST.

    The answer is ``{"response": …}``, or a page with the reason why the call is not made.
    """

    def initialize(self, scheduler: Scheduler, api: Api | None = None) -> None:
        """Take what the application hands to each request."""
        self._api = api or Api(Direct(scheduler), self.doors)

    def needed_role(self) -> Role | None:
        """Return the role that the call needs."""
        return None if self.request.method == "OPTIONS" else role_of_call(self.path_args[0])

    def options(self, method: str) -> None:
        """Answer the question of a browser whether it may call from another site: the headers say so."""
        self.set_status(204)

    async def get(self, method: str) -> None:
        """Make the call."""
        answered: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()

        def send(answer: Answer) -> None:
            if not answered.done():
                answered.set_result(answer)

        self._api.answer(method, self.request, send)
        answer = await answered
        if answer.status >= 400:
            self.clear()  # an error gives no other site the right to read it
        self.set_status(answer.status)
        for name, value in answer.headers:
            self.set_header(name, value)
        self.finish(b"".join(answer.pieces))

    post = get
