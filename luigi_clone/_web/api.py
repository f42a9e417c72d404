"""The calls of workers, pages and tools over HTTP."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

import tornado.web
from tornado.httputil import HTTPServerRequest

from luigi_clone._web.answers import Answer, Package, beside, body_of, error_page, refusal
from luigi_clone._web.asking import arguments_of, batch_of, ticket_of
from luigi_clone._web.batch import Batch, calls_in
from luigi_clone._web.large import LargeAnswer, Slices, is_in_steps
from luigi_clone._web.turns import Direct
from luigi_clone._wire.tickets import RefusedError, Reply

if TYPE_CHECKING:
    from luigi_clone.scheduler import Scheduler

application_log = logging.getLogger("tornado.application")

Send = Callable[[Answer], None]

BATCH = "batch"


class Api:
    """Answers requests for calls; what is small is answered without a coroutine."""

    def __init__(self, maker: Direct) -> None:
        self._maker = maker
        self._slices = Slices()
        self._under_way: set[asyncio.Task[None]] = set()

    def answer(self, name: str, request: HTTPServerRequest, send: Send) -> None:
        """Make the call ``name`` that ``request`` asks for, and hand the answer to ``send``, now or later."""
        try:
            if name == BATCH:
                self._answer_batch(request, send)
            else:
                self._answer_call(name, request, send)
        except RefusedError as refused:
            send(refusal(refused))
        except Exception:
            self._fail(send)

    def _answer_call(self, name: str, request: HTTPServerRequest, send: Send) -> None:
        outcome = self._maker.make(name, arguments_of(request), ticket_of(request.headers), in_steps=True)
        if isinstance(outcome, RefusedError):
            self._when_durable(send, lambda: refusal(outcome))
        elif is_in_steps(outcome.response):
            self._answer_large(outcome, request, send)
        else:
            self._when_durable(send, lambda: _packed(outcome, request))

    def _when_durable(self, send: Send, answer: Callable[[], Answer]) -> None:
        self._maker.after_commit(lambda loss: send(answer() if loss is None else refusal(loss)))

    def _answer_large(self, reply: Reply, request: HTTPServerRequest, send: Send) -> None:
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

    def _answer_batch(self, request: HTTPServerRequest, send: Send) -> None:
        if request.method != "POST":
            raise RefusedError(405, "a batch is sent by POST")
        batch = Batch(calls_in(batch_of(request)), self._maker, self._slices)

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
        send(refusal(RefusedError(500, "")))


def _packed(reply: Reply, request: HTTPServerRequest) -> Answer:
    package = Package(request.method or "GET", request.headers)
    package.add(body_of(reply))
    return package.answer(beside(reply))


class RPCHandler(tornado.web.RequestHandler):
    """Answers ``/api/<call>``: a JSON object of keyword arguments in the field ``data``, by GET or POST.

    The answer is ``{"response": …}``, or a page with the reason why the call is not made.
    """

    def initialize(self, scheduler: Scheduler, api: Api | None = None) -> None:
        """Take what the application hands to each request."""
        self._api = api or Api(Direct(scheduler))

    def options(self, method: str) -> None:
        """Answer the question of a browser whether it may call from another site: without any permission."""
        self.set_status(204)

    async def get(self, method: str) -> None:
        """Make the call."""
        answered: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()

        def send(answer: Answer) -> None:
            if not answered.done():
                answered.set_result(answer)

        self._api.answer(method, self.request, send)
        answer = await answered
        self.set_status(answer.status)
        for name, value in answer.headers:
            self.set_header(name, value)
        self.finish(b"".join(answer.pieces))

    post = get

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Write the page of an error, without its cause."""
        self.finish(error_page(RefusedError(status_code, "")))
