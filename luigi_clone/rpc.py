"""The client of a central scheduler: the scheduler's methods, called over HTTP.

Each call is a form POST to ``<url>/api/<method>`` with one field ``data``, a JSON object of the arguments;
the answer is ``{"response": ...}``.  Where many calls are made at once, they travel together as one POST to
``<url>/api/batch``; a server that does not know it gets them one by one.  Nothing here loads the scheduler
itself.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import MethodType
from typing import Any

from luigi_clone import configuration
from luigi_clone._client.addresses import split_credentials as _split_credentials
from luigi_clone._client.addresses import urljoin as _urljoin
from luigi_clone._client.connections import Tls
from luigi_clone._client.grants import Grants
from luigi_clone._client.messages import Form
from luigi_clone._client.outbox import MENTIONED, Call, Outbox, document_of
from luigi_clone._client.patience import Attempts, is_away, reason_of, status_of
from luigi_clone._client.transports import Fetcher, RequestsFetcher, URLLibFetcher, choose_fetcher
from luigi_clone._wire.methods import RPC_METHODS
from luigi_clone._wire.tickets import LEASE_HEADER, NEW_WORKER_HEADER, RefusedError, Reply, Ticket

__all__ = ["RPCError", "RemoteScheduler", "RequestsFetcher", "URLLibFetcher", "_urljoin"]

logger = logging.getLogger("luigi-interface")

_TOKEN_VARIABLE = "LUIGI_SCHEDULER_TOKEN"  # noqa: S105 - where the token is, not the token
_PATIENCE = 7200.0
"""Long enough for an outage that somebody is called for; no worker waits a day for a server that is gone."""
_BRIEF_PATIENCE = 2.0
"""Seconds that a task may lose by what it says of itself."""
_DEAF = 30.0
"""Seconds for which a task does not try again to say something of itself."""
_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
"""It goes on while the machine sleeps."""
_SILENCE = 3.0
"""Seconds without an answer after which a scheduler may have taken its worker for dead."""
_CONFLICT = 409
"""A report about a grant that does not count any more: the task was given to another worker, or is done."""


class RPCError(Exception):
    """A call to the scheduler failed; ``sub_exception`` is what the transport raised, if anything."""

    def __init__(self, message: str, sub_exception: BaseException | None = None) -> None:
        super().__init__(message)
        self.sub_exception = sub_exception


class _OfThisProcess:
    """What a client must not share with a forked or unpickled copy of itself."""

    def __init__(self) -> None:
        self.process_id = os.getpid()
        self.name = os.urandom(8).hex()
        self.number = 0
        self.lock = threading.Lock()
        self.answered = threading.Condition(self.lock)

    def next_request_id(self) -> str:
        with self.lock:
            self.number += 1
            return f"{self.name}-{self.number}"


class RemoteScheduler:
    """A scheduler that lives in another process, reached at ``url``.

    It has each call of the scheduler as a method with the same parameters (a missing one raises TypeError).
    A call that fails is tried ``[core] rpc_retry_attempts`` times with ``rpc_retry_wait`` seconds between
    attempts on an average, each with a timeout of ``connect_timeout`` seconds (default
    ``rpc_connect_timeout``), and then raises :class:`RPCError`.  A scheduler that has answered before and is
    away now is waited for ``rpc_patience`` seconds.  A call that is tried again has the same request id, by
    which the server knows it.
    ``http://user:password@host`` gives basic authentication, ``[core] scheduler_token`` or the variable
    ``LUIGI_SCHEDULER_TOKEN`` a token; none of them appears in logs or in error texts.

    One object serves any number of threads; a forked or unpickled copy opens connections of its own.
    """

    def __init__(self, url: str = "http://localhost:8082/", connect_timeout: float | None = None) -> None:
        self._url = url.rstrip("/")
        config = configuration.get_config()
        if connect_timeout is None:
            connect_timeout = config.getfloat("core", "rpc_connect_timeout", 10.0)
        self._connect_timeout = connect_timeout
        self._rpc_retry_attempts = config.getint("core", "rpc_retry_attempts", 3)
        self._rpc_retry_wait = config.getint("core", "rpc_retry_wait", 30)
        self._rpc_log_retries = config.getboolean("core", "rpc_log_retries", True)
        self._rpc_patience = config.getfloat("core", "rpc_patience", _PATIENCE)
        self._token = os.environ.get(_TOKEN_VARIABLE) or config.get("core", "scheduler_token", "")
        self._fetcher: Fetcher = choose_fetcher(
            Tls(
                config.get("core", "scheduler_ca_certificate", "") or None,
                config.get("core", "scheduler_client_certificate", "") or None,
                config.get("core", "scheduler_client_key", "") or None,
            )
        )
        self._takes_batches = True
        self._has_answered = False
        self._deaf_until = 0.0
        self._silences = 0
        self._closed_by_server = 0
        self._last_answer: float | None = None
        self._grants = Grants()
        self._lost_pings: dict[Any, Ticket] = {}
        self._outbox = Outbox()
        self._own = _OfThisProcess()

    def __getattr__(self, name: str) -> Callable[..., Any]:
        """Find the calls that were declared by a scheduler class after this module was imported."""
        try:
            return MethodType(RPC_METHODS[name], self)
        except KeyError:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}") from None

    def __getstate__(self) -> dict[str, Any]:
        state = self.__dict__.copy()
        del state["_outbox"], state["_own"]
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._outbox, self._own = Outbox(), _OfThisProcess()

    def _this_process(self) -> _OfThisProcess:
        if self._own.process_id != os.getpid():
            self._own = _OfThisProcess()
        return self._own

    def close(self) -> None:
        """Send what waits, without waiting for a scheduler that is away, and close kept connections."""
        self._outbox.check_pid()
        if self._outbox.calls:
            self._flush_in_haste()
        self._fetcher.close()

    # -- calls that travel together ------------------------------------------------

    @contextlib.contextmanager
    def collecting(self, attend: Callable[[], None] | None = None) -> Iterator[None]:
        """Let ``add_task`` calls of this thread wait for each other within this context.

        They are sent with the next other call, when there are 200 of them, or with one that comes 50 ms after
        the first; at the end of the context; or by :meth:`flush`.  An error is raised there, for the first
        bad one.
        ``attend`` is called at least once a second while the thread waits for a scheduler that is away.
        """
        outbox = self._outbox
        outbox.check_pid()
        previous, outbox.attend = outbox.attend, attend or outbox.attend
        outbox.depth += 1
        try:
            yield
        except BaseException:
            if outbox.depth == 1 and outbox.calls:
                self._flush_in_haste()
            raise
        else:
            if outbox.depth == 1:
                self.flush()
        finally:
            # in a child that was forked within, the count begins anew
            outbox.depth = max(0, outbox.depth - 1)
            outbox.attend = previous

    @contextlib.contextmanager
    def in_haste(self, patience: float = 0.0) -> Iterator[None]:
        """Wait for a scheduler that is away for ``patience`` seconds within this context, in this thread."""
        previous, self._outbox.patience = self._outbox.patience, patience
        try:
            yield
        finally:
            self._outbox.patience = previous

    def tell(self, name: str, **arguments: Any) -> None:
        """Make a call that must neither hold up nor fail the task that makes it: what it says may be lost.

        Raises :class:`RPCError` if the scheduler refuses it.
        """
        if time.monotonic() < self._deaf_until:
            return
        with self.in_haste(_BRIEF_PATIENCE):
            try:
                getattr(self, name)(**arguments)
                self.flush()
            except (RPCError, OSError) as error:
                cause = getattr(error, "sub_exception", error)
                if isinstance(cause, RefusedError) or not is_away(cause):
                    raise
                self._deaf_until = time.monotonic() + _DEAF
                logger.warning("The scheduler %r was not told %s: %s", self._shown_url, name, cause)

    def mention(self, name: str, **arguments: Any) -> bool:
        """Make a call of ``MENTIONED`` along with the next ones that travel together.

        What it says may be lost, and a server that takes one call at a time is never told. Return false where
        no calls are collected, so that it has to be said another time.
        """
        self._outbox.check_pid()
        if not self._outbox.depth:
            return False
        if self._takes_batches:
            self._outbox.add(Call(name, arguments, Ticket()))
        return True

    def flush(self) -> None:
        """Send what waits; raise :class:`RPCError` for the first call that the scheduler refuses."""
        self._outbox.check_pid()
        calls = self._outbox.take()
        if calls:
            self._send_together(calls)

    def _flush_in_haste(self) -> None:
        """Send what waits if the scheduler is there; on the way out of an error another one is of no use."""
        with self.in_haste():
            try:
                self.flush()
            except Exception as error:
                logger.warning("Could not tell the scheduler %r all: %s", self._shown_url, error)

    def lost_touch(self) -> bool:
        """Tell once whether the scheduler may have forgotten us since this was asked last.

        It was away, has closed a connection, or did not hear of us for some seconds.
        """
        lost = self._silences
        self._silences = 0
        closed = getattr(self._fetcher, "closed_by_server", 0)
        if closed != self._closed_by_server:
            self._closed_by_server = closed
            return True
        return lost > 0

    def tell_together(self, calls: Iterable[tuple[str, Mapping[str, Any]]]) -> bool:
        """Make calls that need no answer in one request, which is tried once and not logged about.

        Return whether the server knows them: false for one that was made before there were such calls.
        Raises :class:`RPCError` if it cannot be reached or refuses one.
        """
        if not self._takes_batches:
            return False
        made = [Call(name, arguments, self._ticket_of(name, arguments)) for name, arguments in calls]
        document = document_of([call.as_item() for call in made])
        body = Form(document, document=document.encode("ascii"))
        self._authorize(body)
        try:
            answer = self._fetcher.fetch(_urljoin(self._url, "/api/batch"), body, self._connect_timeout)
        except Exception as error:
            if status_of(error) in (404, 405):
                self._takes_batches = False
                return False
            raise self._final_error(Attempts(1, 0, 0), error) from error
        try:
            self._response_of(made, json.loads(answer)["response"])
        except RPCError as error:
            refusal = error.sub_exception
            if isinstance(refusal, RefusedError) and refusal.status == 404:
                return False
            raise
        return True

    def forgot(self, worker: str) -> bool:
        """Tell once whether the scheduler has answered as if it had never heard of a worker of ours."""
        return self._grants.forgot(worker)

    # -- one call ------------------------------------------------

    def _request(self, url: str, data: Mapping[str, Any], attempts: int = 3, allow_null: bool = True) -> Any:
        """Call ``url`` with the arguments ``data`` and return the response.

        An answer null is asked for again at once, ``attempts`` times in all, unless ``allow_null``.
        """
        name = url.rpartition("/")[2]
        outbox = self._outbox
        outbox.check_pid()
        for _ in range(attempts):
            if name == "ping":
                return self._ping(data)
            call = Call(name, data, self._ticket_of(name, data))
            if outbox.depth and name == "add_task":
                if outbox.add(call):
                    self.flush()
                return None
            waiting = outbox.take()
            if waiting:
                response = self._send_together([*waiting, (call, call.as_item())])
            else:
                response = self._send_alone(call, url)
            if allow_null or response is not None:
                return response
        raise RPCError(f"Received null response from remote scheduler {self._shown_url!r}")

    def _ping(self, data: Mapping[str, Any]) -> Any:
        """Ping; one whose answer was lost is repeated as it was, for that answer may have held messages."""
        self.flush()
        worker = data.get("worker")
        ticket = self._lost_pings.pop(worker, None) or self._ticket_of("ping", data)
        try:
            return self._send_alone(Call("ping", data, ticket))
        except BaseException:
            self._lost_pings[worker] = ticket
            raise

    def _ticket_of(self, name: str, data: Mapping[str, Any]) -> Ticket:
        return Ticket(self._this_process().next_request_id(), self._grants.lease_of(name, data))

    def _send_alone(self, call: Call, url: str | None = None) -> Any:
        form = Form(json.dumps(call.arguments), call.headers)
        try:
            answer = self._fetch(url or f"/api/{call.name}", form)
        except RPCError as error:
            if status_of(error.sub_exception) != _CONFLICT:
                raise
            self._log_conflict(call, str(error))
            return None
        headers = getattr(answer, "headers", None) or {}
        lease = headers.get(LEASE_HEADER)
        is_new = headers.get(NEW_WORKER_HEADER) == "1"
        reply = Reply(json.loads(answer)["response"], int(lease) if lease else None, is_new)
        self._grants.note(call.name, call.arguments, reply)
        return reply.response

    def _send_together(self, calls: list[tuple[Call, str]]) -> Any:
        """Make the calls in their order and return the response to the last one."""
        is_alone = len(calls) == 1 and not self._outbox.depth
        if is_alone or not self._takes_batches:
            calls = [each for each in calls if each[0].name not in MENTIONED]
            if not calls:
                return None
        if is_alone:
            return self._send_alone(calls[0][0].as_it_was(calls[0][1]))
        if not self._takes_batches:
            return self._send_one_by_one(calls)
        document = document_of([item for _, item in calls])
        try:
            answer = self._fetch("/api/batch", Form(document, document=document.encode("ascii")))
        except BaseException as error:
            status = status_of(getattr(error, "sub_exception", error))
            if status in (404, 405):
                # a server that was made before there were batches
                self._takes_batches = False
                return self._send_together(calls)
            if status == 413 and len(calls) > 1:
                middle = len(calls) // 2
                self._send_together(calls[:middle])
                return self._send_together(calls[middle:])
            self._outbox.put_back([each for each in calls if each[0].name == "add_task"])
            raise
        return self._response_of([call for call, _ in calls], json.loads(answer)["response"])

    def _send_one_by_one(self, calls: list[tuple[Call, str]]) -> Any:
        response = None
        left = list(calls)
        try:
            while left:
                call, item = left.pop(0)
                response = self._send_alone(call.as_it_was(item))
        except BaseException:
            self._outbox.put_back([each for each in left if each[0].name == "add_task"])
            raise
        return response

    def _response_of(self, calls: list[Call], answers: list[dict[str, Any]]) -> Any:
        """Note all answers to a batch and return the last response; raise for the first error."""
        if len(answers) != len(calls):
            raise RPCError(
                f"The remote scheduler {self._shown_url!r} gave {len(answers)} answers to {len(calls)} calls"
            )
        refused: RPCError | None = None
        for call, answer in zip(calls, answers, strict=True):
            if call.name in MENTIONED:
                continue
            error = answer.get("error")
            if error is None:
                reply = Reply(
                    answer.get("response"), answer.get("lease"), bool(answer.get("worker_is_new", False))
                )
                self._grants.note(call.name, call.arguments, reply)
                continue
            cause = RefusedError(int(error.get("status", 500)), str(error.get("reason", "")))
            text = f"The remote scheduler {self._shown_url!r} refused {call.name}: {cause.status}: {cause}"
            if cause.status == _CONFLICT:
                self._log_conflict(call, text)
            elif refused is None:
                refused = RPCError(text, cause)
        if refused is not None:
            raise refused from refused.sub_exception
        return answers[-1].get("response")

    def _log_conflict(self, call: Call, text: str) -> None:
        # What was done is done; the scheduler has its reason not to count it, and the worker goes on.
        logger.warning("A report about task %s does not count: %s", call.arguments.get("task_id"), text)

    # -- one request ------------------------------------------------

    @property
    def _shown_url(self) -> str:
        return _split_credentials(self._url)[0]

    def _fetch(self, url_suffix: str, body: Mapping[str, str]) -> str:
        """Return the answer's text, trying again after a failure.

        Raises :class:`RPCError` when all attempts failed with an error of the transport; any other error as
        it is.
        """
        full_url = _urljoin(self._url, url_suffix)
        self._authorize(body)
        patience = self._outbox.patience
        if patience is None:
            patience = self._rpc_patience if self._has_answered else 0.0
            attempts = Attempts(self._rpc_retry_attempts, self._rpc_retry_wait, patience)
        else:
            attempts = Attempts(1, self._rpc_retry_wait, patience)
        while True:
            try:
                answer = self._fetcher.fetch(full_url, body, self._connect_timeout)
            except Exception as error:
                if url_suffix == "/api/batch" and status_of(error) in (404, 405):
                    raise
                pause = attempts.next_wait(error)
                self._silences += is_away(error)
                if self._rpc_log_retries:
                    self._log_failure(error, attempts, pause)
                if pause is None:
                    final = self._final_error(attempts, error)
                    if final is error:
                        raise
                    raise final from error
            else:
                self._note_answer(attempts)
                return answer
            if attempts.in_patience:
                self._wait(pause)
            elif pause:
                time.sleep(pause)

    def _authorize(self, body: Mapping[str, str]) -> None:
        if self._token and isinstance(body, Form):
            body.headers["Authorization"] = f"Bearer {self._token}"

    def _final_error(self, attempts: Attempts, error: Exception) -> Exception:
        status = status_of(error)
        if not isinstance(error, self._fetcher.raises) and status is None:
            return error
        message = f"Errors ({attempts.made} attempts) when connecting to remote scheduler {self._shown_url!r}"
        reason = reason_of(error)
        return RPCError(f"{message}: {status}: {reason}" if reason else message, error)

    def _note_answer(self, attempts: Attempts) -> None:
        self._has_answered, self._deaf_until = True, 0.0
        now = time.clock_gettime(_CLOCK)
        if attempts.made or (self._last_answer is not None and now - self._last_answer > _SILENCE):
            self._silences += 1
        self._last_answer = now
        if attempts.made:
            if self._rpc_log_retries and attempts.in_patience:
                logger.info("The remote scheduler %r answers again", self._shown_url)
            own = self._this_process()
            with own.answered:
                own.answered.notify_all()

    def _wait(self, seconds: float) -> None:
        """Wait, attending to what the thread is in charge of, until another thread gets an answer."""
        attend = self._outbox.attend
        own = self._this_process()
        end = time.monotonic() + seconds
        left = seconds
        while left > 0:
            if attend is not None:
                attend()
            with own.answered:
                if own.answered.wait(min(left, 1.0)):
                    return
            left = end - time.monotonic()

    def _log_failure(self, error: Exception, attempts: Attempts, pause: float | None) -> None:
        if self._outbox.patience is None and (attempts.made <= attempts.count or pause is None):
            logger.warning("Failed connecting to remote scheduler %r", self._shown_url, exc_info=True)
        else:  # what is repeated all the time for an hour tells nothing new
            logger.warning("Failed connecting to remote scheduler %r: %s", self._shown_url, error)
        if pause is None:
            return
        if attempts.in_patience:
            logger.info("Retrying for %d more seconds (max)", max(0.0, attempts.left()))
        else:
            logger.info("Retrying attempt %s of %s (max)", attempts.made + 1, attempts.count)
        logger.info("Wait for %d seconds", pause)


for _name, _method in RPC_METHODS.items():
    setattr(RemoteScheduler, _name, _method)
