"""The calls a client may make to the scheduler: their names, arguments and defaults.

The client builds its methods from this table, so that it never loads the scheduler.  A subclass of the
scheduler adds calls of its own with :func:`rpc_method`.
"""

from __future__ import annotations

from collections.abc import Callable
from types import FunctionType
from typing import Any, NamedTuple, TypeVar

from luigi_clone.task_status import PENDING

_Function = TypeVar("_Function", bound=Callable[..., Any])

_MORE = "**"
_VARARGS, _VARKEYWORDS = 0x04, 0x08  # code object flags of a function with *args, **kwargs


class RpcCall(NamedTuple):
    """One call: all of ``names`` are sent, those without a value in ``defaults`` must be given."""

    name: str
    names: tuple[str, ...]
    defaults: dict[str, Any]
    takes_more: bool
    options: dict[str, Any]

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


RPC_METHODS: dict[str, Callable[..., Any]] = {}
"""Call name → the method of a client: ``f(client, *args, **kwargs)``."""


def rpc_method(**request_options: Any) -> Callable[[_Function], _Function]:
    """Decorate a method of a scheduler class to make it callable by clients.

    ``request_options`` go to the client's ``_request``: ``attempts`` and ``allow_null``.
    """

    def register(function: _Function) -> _Function:
        _offer(_call_of(function, request_options))
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


def _declare(name: str, /, *required: str, **defaults: Any) -> None:
    takes_more = _MORE in required
    names = (*(argument for argument in required if argument != _MORE), *defaults)
    options = {"allow_null": False} if name == "get_work" else {}
    _offer(RpcCall(name, names, defaults, takes_more, options))


# registration and work
_declare(
    "add_task",
    _MORE,
    task_id=None,
    status=PENDING,
    runnable=True,
    deps=None,
    new_deps=None,
    expl=None,
    resources=None,
    priority=0,
    family="",
    module=None,
    params=None,
    param_visibilities=None,
    accepts_messages=False,
    assistant=False,
    tracking_url=None,
    worker=None,
    batchable=None,
    batch_id=None,
    retry_policy_dict=None,
    owners=None,
)
_declare("add_task_batcher", "worker", "task_family", "batched_args", max_batch_size=float("inf"))
_declare("add_worker", "worker", "info", _MORE)
_declare("get_work", _MORE, host=None, assistant=False, current_tasks=None, worker=None)
_declare("count_pending", "worker")
_declare("ping", _MORE)  # always with ``worker``
_declare("announce_scheduling_failure", "task_name", "family", "params", "expl", "owners", _MORE)
_declare("prune")
# operator actions
_declare("forgive_failures", task_id=None)
_declare("mark_as_done", task_id=None)
_declare("re_enable_task", "task_id")
_declare("disable_worker", "worker")
_declare("set_worker_processes", "worker", "n")
_declare("send_scheduler_message", "worker", "task", "content")
_declare("add_scheduler_message_response", "task_id", "message_id", "response")
_declare("get_scheduler_message_response", "task_id", "message_id")
_declare("pause")
_declare("unpause")
_declare("is_paused")
_declare("is_pause_enabled")
_declare("update_resources", _MORE)
_declare("update_resource", "resource", "amount")
# what a running task tells
_declare("set_task_status_message", "task_id", "status_message")
_declare("get_task_status_message", "task_id")
_declare("set_task_progress_percentage", "task_id", "progress_percentage")
_declare("get_task_progress_percentage", "task_id")
_declare("decrease_running_task_resources", "task_id", "decrease_resources")
_declare("get_running_task_resources", "task_id")
_declare("report_task_statistics", "task_id", "statistics")
_declare("update_metrics_task_started", "task")
# views
_declare("task_list", _MORE, status="", upstream_status="", limit=True, search=None, max_shown_tasks=None)
_declare("task_search", "task_str", _MORE)
_declare("dep_graph", "task_id", _MORE, include_done=True)
_declare("inverse_dep_graph", "task_id", _MORE, include_done=True)
_declare("graph", _MORE)
_declare("fetch_error", "task_id", _MORE)
_declare("worker_list", _MORE, include_running=True)
_declare("resource_list")
_declare("has_task_history")
