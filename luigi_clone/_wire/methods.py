"""The calls a client may make to the scheduler: names, arguments with kinds and defaults, roles.

The client builds its methods from this table, so that it never loads the scheduler; the server checks what
it is sent by it.  A subclass of the scheduler adds calls of its own with :func:`rpc_method`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import FunctionType
from typing import Any, NamedTuple, TypeVar

from luigi_clone._wire import kinds
from luigi_clone._wire.kinds import (
    ANY,
    DROPPED,
    FLAG,
    SCALAR,
    TEXT,
    TEXT_OR_NONE,
    Checker,
    Kind,
    make_checker,
)
from luigi_clone._wire.roles import Role
from luigi_clone.task_status import PENDING

_Function = TypeVar("_Function", bound=Callable[..., Any])

_VARARGS, _VARKEYWORDS = 0x04, 0x08  # code object flags of a function with *args, **kwargs


_NO_KINDS: Mapping[str, Kind] = {}


class RpcCall(NamedTuple):
    """One call: all of ``names`` are sent, those without a value in ``defaults`` must be given."""

    name: str
    names: tuple[str, ...]
    defaults: dict[str, Any]
    takes_more: bool
    options: dict[str, Any]
    role: Role = Role.WORKER
    """Who may make it."""
    idempotent: bool = False
    """Whether making it twice does what making it once does."""
    kinds: Mapping[str, Kind] = _NO_KINDS
    """Argument → what it may be."""
    needed: tuple[str, ...] = ()
    """What a server must be sent, though a client may leave it out."""
    more: Kind | None = None
    """What further keywords may be, where the call takes them."""

    def arguments(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        """Return what is sent for a call with ``args`` and ``kwargs``.

        Raises TypeError when an argument is missing, or when there are more positional ones than the call
        takes. A keyword that the call does not know is sent along: the server decides.
        """
        values = {**self.defaults, **dict(zip(self.names, args, strict=False)), **kwargs}
        given = sum(name in values for name in self.names) + max(0, len(args) - len(self.names))
        if given != len(self.names):
            raise TypeError(f"{self.name} takes {len(self.names)} arguments ({given} given)")
        return values

    def checker(self) -> Checker:
        """Return a function that checks what a server was sent for this call; see :func:`make_checker`.

        What a call of a scheduler's subclass takes is not known: any value that is not too deep will do.
        """
        needed = (*(name for name in self.names if name not in self.defaults), *self.needed)
        of_names = {name: self.kinds.get(name, ANY) for name in (*self.names, *self.kinds)}
        more = (self.more or ANY) if self.takes_more else None
        return make_checker(self.name, of_names, needed, more)


RPC_METHODS: dict[str, Callable[..., Any]] = {}
"""Call name → the method of a client: ``f(client, *args, **kwargs)``; its ``rpc_call`` is the table's row."""


def rpc_method(role: Role | None = None, **request_options: Any) -> Callable[[_Function], _Function]:
    """Decorate a method of a scheduler class to make it callable by clients.

    ``role`` is who may call it: workers, unless it is said or the call is known. ``request_options`` go to
    the client's ``_request``: ``attempts`` and ``allow_null``.
    """

    def register(function: _Function) -> _Function:
        call = _call_of(function, request_options)
        known = getattr(RPC_METHODS.get(call.name), "rpc_call", None)
        if known is not None:  # it is described in the table, or made anew by a subclass
            call = call._replace(
                role=known.role,
                idempotent=known.idempotent,
                kinds=known.kinds,
                needed=known.needed,
                more=known.more,
            )
        _offer(call if role is None else call._replace(role=role))
        return function

    return register


def _call_of(function: Callable[..., Any], request_options: dict[str, Any]) -> RpcCall:
    while hasattr(function, "__wrapped__"):
        function = function.__wrapped__
    assert isinstance(function, FunctionType), f"{function!r} is not a plain method"
    code = function.__code__
    assert not code.co_flags & _VARARGS, f"{function.__name__}: a remote call cannot take *args"
    names = code.co_varnames[1 : code.co_argcount + code.co_kwonlyargcount]
    positional = code.co_varnames[: code.co_argcount]
    values = function.__defaults__ or ()
    defaults = dict(zip(positional[len(positional) - len(values) :], values, strict=True))
    defaults.update(function.__kwdefaults__ or {})
    return RpcCall(
        function.__name__, names, defaults, bool(code.co_flags & _VARKEYWORDS), dict(request_options)
    )


def _offer(call: RpcCall) -> None:
    def client_method(self: Any, *args: Any, **kwargs: Any) -> Any:
        return self._request(f"/api/{call.name}", call.arguments(args, kwargs), **call.options)

    client_method.__name__ = call.name
    client_method.__qualname__ = f"RemoteScheduler.{call.name}"
    client_method.__doc__ = f"Call ``{call.name}`` of the scheduler."
    client_method.rpc_call = call  # type: ignore[attr-defined]
    RPC_METHODS[call.name] = client_method


class _Manner(NamedTuple):
    role: Role
    idempotent: bool


_VIEW = _Manner(Role.READ, True)
_TELL = _Manner(Role.WORKER, True)
_REPORT = _Manner(Role.WORKER, False)  # a repeated one would count twice, or hand out more
_SET = _Manner(Role.ADMIN, True)
_ACT = _Manner(Role.ADMIN, False)


def _declare(
    name: str,
    manner: _Manner,
    *,
    more: Kind | None = None,
    also: Mapping[str, Kind] = _NO_KINDS,
    needed: tuple[str, ...] = (),
    **arguments: Any,
) -> None:
    """Enter a call: its arguments with their kinds, or kinds and defaults.

    ``more`` is what other keywords may be, ``also`` are those of them that have a kind of their own.
    """
    kinds_of: dict[str, Kind] = {}
    defaults: dict[str, Any] = {}
    for argument, told in arguments.items():
        if isinstance(told, Kind):
            kinds_of[argument] = told
        else:
            kinds_of[argument], defaults[argument] = told
    options = {"allow_null": False} if name == "get_work" else {}
    _offer(
        RpcCall(
            name,
            tuple(kinds_of),
            defaults,
            more is not None,
            options,
            manner.role,
            manner.idempotent,
            {**kinds_of, **also},
            needed,
            more,
        )
    )


# registration and work
_declare(
    "add_task",
    _REPORT,
    more=DROPPED,
    needed=("task_id", "worker"),
    task_id=(TEXT, None),
    status=(kinds.STATUS, PENDING),
    runnable=(FLAG, True),
    deps=(kinds.TEXTS_OR_NONE, None),
    new_deps=(kinds.TEXTS_OR_NONE, None),
    expl=(ANY, None),
    resources=(kinds.AMOUNTS, None),
    priority=(kinds.NUMBER, 0),
    family=(TEXT_OR_NONE, ""),
    module=(TEXT_OR_NONE, None),
    params=(kinds.PARAMS, None),
    param_visibilities=(kinds.VISIBILITIES, None),
    accepts_messages=(FLAG, False),
    assistant=(FLAG, False),
    tracking_url=(TEXT_OR_NONE, None),
    worker=(TEXT, None),
    batchable=(FLAG, None),
    batch_id=(TEXT_OR_NONE, None),
    retry_policy_dict=(kinds.POLICY, None),
    owners=(kinds.TEXTS_OR_NONE, None),
)
_declare(
    "add_task_batcher",
    _TELL,
    worker=TEXT,
    task_family=TEXT,
    batched_args=kinds.TEXTS_OR_NONE,
    max_batch_size=(kinds.NUMBER, float("inf")),
)
_declare("add_worker", _TELL, more=DROPPED, worker=TEXT, info=kinds.INFO)
_declare(
    "get_work",
    _REPORT,
    more=DROPPED,
    needed=("worker",),
    host=(SCALAR, None),
    assistant=(FLAG, False),
    current_tasks=(kinds.TEXTS_OR_NONE, None),
    worker=(TEXT, None),
)
_declare(
    "announce_family",
    _TELL,
    worker=TEXT,
    family=TEXT,
    module=(TEXT_OR_NONE, None),
    doc=(TEXT_OR_NONE, None),
    parameters=(kinds.LIST_OR_NONE, None),
)
_declare("count_pending", _VIEW, worker=TEXT)
_declare("ping", _REPORT, more=DROPPED, also={"worker": TEXT}, needed=("worker",))
_declare(
    "announce_scheduling_failure",
    _REPORT,
    more=DROPPED,
    also={"worker": TEXT_OR_NONE},
    task_name=TEXT,
    family=TEXT,
    params=kinds.PARAMS,
    expl=ANY,
    owners=kinds.TEXTS_OR_NONE,
)
_declare("prune", _TELL)
# operator actions
_declare("forgive_failures", _ACT, task_id=(TEXT_OR_NONE, None))
_declare("mark_as_done", _ACT, task_id=(TEXT_OR_NONE, None))
_declare("re_enable_task", _ACT, task_id=TEXT)
_declare("retry_task", _ACT, task_id=kinds.TEXT_OR_TEXTS)
_declare("disable_task", _SET, task_id=kinds.TEXT_OR_TEXTS)
_declare("enable_task", _ACT, task_id=kinds.TEXT_OR_TEXTS)
_declare("disable_worker", _SET, worker=TEXT)
_declare("set_worker_processes", _ACT, worker=TEXT, n=kinds.COUNT)
_declare("send_scheduler_message", _ACT, worker=TEXT, task=TEXT, content=ANY)
_declare("add_scheduler_message_response", _REPORT, task_id=TEXT, message_id=TEXT, response=ANY)
_declare("get_scheduler_message_response", _ACT, task_id=TEXT, message_id=TEXT)
_declare("pause", _SET)
_declare("unpause", _SET)
_declare("is_paused", _VIEW)
_declare("is_pause_enabled", _VIEW)
_declare("update_resources", _SET, more=kinds.LIMIT)
_declare("update_resource", _SET, resource=TEXT, amount=ANY)
# what a running task tells
_declare("set_task_status_message", _TELL, task_id=TEXT, status_message=ANY)
_declare("get_task_status_message", _VIEW, task_id=TEXT)
_declare("set_task_progress_percentage", _TELL, task_id=TEXT, progress_percentage=SCALAR)
_declare("get_task_progress_percentage", _VIEW, task_id=TEXT)
_declare("decrease_running_task_resources", _REPORT, task_id=TEXT, decrease_resources=kinds.CHANGES)
_declare("get_running_task_resources", _VIEW, task_id=TEXT)
_declare(
    "append_task_log",
    _TELL,
    task_id=TEXT,
    attempt=kinds.COUNT,
    offset=kinds.COUNT,
    text=TEXT,
    worker=TEXT,
)
_declare("report_task_statistics", _REPORT, task_id=TEXT, statistics=ANY)
_declare("update_metrics_task_started", _ACT, task=kinds.NOTHING)
# views
_declare(
    "task_list",
    _VIEW,
    more=DROPPED,
    status=(TEXT_OR_NONE, ""),
    upstream_status=(TEXT_OR_NONE, ""),
    limit=(FLAG, True),
    search=(TEXT_OR_NONE, None),
    max_shown_tasks=(kinds.NUMBER_OR_NONE, None),
)
_declare("task_search", _VIEW, more=DROPPED, task_str=TEXT)
_declare("dep_graph", _VIEW, more=DROPPED, task_id=TEXT, include_done=(FLAG, True))
_declare("inverse_dep_graph", _VIEW, more=DROPPED, task_id=TEXT, include_done=(FLAG, True))
_declare("graph", _VIEW, more=DROPPED)
_declare("fetch_error", _VIEW, more=DROPPED, task_id=TEXT)
_declare("worker_list", _VIEW, more=DROPPED, include_running=(FLAG, True))
_declare("resource_list", _VIEW)
_declare("has_task_history", _VIEW)
_declare("explain_task", _VIEW, task_id=TEXT)
_declare("task_attempts", _VIEW, task_id=TEXT)
_declare(
    "attempts",
    _VIEW,
    since=(kinds.NUMBER_OR_NONE, None),
    until=(kinds.NUMBER_OR_NONE, None),
    worker=(TEXT_OR_NONE, None),
    family=(TEXT_OR_NONE, None),
    limit=(kinds.COUNT, 1000),
)
_declare("overview", _VIEW)
_declare(
    "task_page",
    _VIEW,
    query=(TEXT, ""),
    sort=(TEXT, "state"),
    descending=(FLAG, False),
    offset=(kinds.COUNT, 0),
    limit=(kinds.COUNT, 50),
)
_declare("task_detail", _VIEW, task_id=TEXT)
_declare(
    "task_graph",
    _VIEW,
    task_id=TEXT,
    direction=(TEXT, "needs"),
    fold=(TEXT, "auto"),
    include_done=(FLAG, True),
    limit=(kinds.COUNT, 2_000),
    unfolded=(kinds.TEXTS_OR_NONE, None),
)
_declare("search_palette", _VIEW, text=TEXT, limit=(kinds.COUNT, 20))
_declare("describe_family", _VIEW, family=TEXT)
_declare("family_durations", _VIEW, since=(kinds.NUMBER_OR_NONE, None), until=(kinds.NUMBER_OR_NONE, None))
_declare("task_ids", _VIEW, query=TEXT, limit=(kinds.COUNT, 10_000))
_declare(
    "task_log",
    _VIEW,
    task_id=TEXT,
    attempt=(kinds.COUNT_OR_NONE, None),
    offset=(kinds.COUNT, 0),
    limit=(kinds.COUNT, 65_536),
)
