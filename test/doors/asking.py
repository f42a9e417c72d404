"""Requests as the doors see them, and doors to put before them."""

from __future__ import annotations

from types import SimpleNamespace

from tornado.httputil import HTTPHeaders

from luigi_clone._web.doors import Doors, DoorSettings, cors
from luigi_clone._web.doors.cors import Sharing
from luigi_clone._wire.roles import Role

READ, WORKER, ADMIN = "r" * 20, "w" * 20, "a" * 20
TOKENS = {READ: Role.READ, WORKER: Role.WORKER, ADMIN: Role.ADMIN}


def asking(path="/api/add_task", method="POST", remote_ip="127.0.0.1", **headers):
    """Return a request; ``X_Y="z"`` is the header ``X-Y: z``. The host is localhost unless it is given."""
    named = {name.replace("_", "-"): value for name, value in {"Host": "localhost:8082", **headers}.items()}
    return SimpleNamespace(headers=HTTPHeaders(named), method=method, path=path, remote_ip=remote_ip)


def doors(settings=None, *, bound_to_loopback=True, sharing=None, **more):
    """Return doors, without tokens unless ``settings`` has some."""
    return Doors(
        settings or DoorSettings(),
        sharing or Sharing(cors()),
        bound_to_loopback=bound_to_loopback,
        **more,
    )


def with_tokens(**settings):
    """Return doors of a server for everyone that wants tokens."""
    return doors(DoorSettings(tokens=TOKENS, **settings), bound_to_loopback=False)
