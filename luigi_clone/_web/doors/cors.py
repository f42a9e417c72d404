"""Cross-origin resource sharing: which pages of other sites may read the answers of calls."""

from __future__ import annotations

from collections.abc import Mapping

from luigi_clone.parameter import BoolParameter, IntParameter, ListParameter, Parameter
from luigi_clone.task import Config

HeaderList = tuple[tuple[str, str], ...]


class cors(Config):  # noqa: N801 - named after its section
    """Options of ``[cors]``; they concern ``/api/`` alone."""

    __module__ = "luigi_clone.server"

    enabled = BoolParameter(default=False, description="let pages of other sites read answers")
    allowed_origins = ListParameter(default=[], description="origins of pages that may, as a JSON list")
    allow_any_origin = BoolParameter(
        default=False, description="any page may read answers (not change things)"
    )
    allow_null_origin = BoolParameter(
        default=False, description="so may pages without an origin, such as files"
    )
    max_age = IntParameter(default=86400, description="seconds for which a browser remembers a permission")
    allowed_methods = Parameter(default="GET, OPTIONS", description="methods that a page may use")
    allowed_headers = Parameter(
        default="Accept, Content-Type, Origin", description="request headers that a page may set"
    )
    exposed_headers = Parameter(default="", description="response headers that a page may read")
    allow_credentials = BoolParameter(
        default=False, description="permit credentials in the preflight's answer"
    )


class Sharing:
    """The headers of one server's permissions."""

    def __init__(self, options: cors) -> None:
        self.allowed_origins = frozenset(
            origin for origin in options.allowed_origins if origin not in ("*", "null")
        )
        """Pages of these origins may also make calls that change something."""
        self._enabled = options.enabled
        self._any = options.allow_any_origin
        self._null = options.allow_null_origin
        permissions = [
            ("Access-Control-Max-Age", str(options.max_age)),
            ("Access-Control-Allow-Methods", options.allowed_methods),
            ("Access-Control-Allow-Headers", options.allowed_headers),
        ]
        if options.allow_credentials:
            permissions.append(("Access-Control-Allow-Credentials", "true"))
        if options.exposed_headers:
            permissions.append(("Access-Control-Expose-Headers", options.exposed_headers))
        self._permissions: HeaderList = tuple(permissions)

    def headers(self, request_headers: Mapping[str, str], method: str) -> HeaderList:
        """Return what a good answer to a call carries; an error carries none of it."""
        origin = request_headers.get("Origin") if self._enabled else None
        permitted = None if origin is None else self._permitted(origin)
        if permitted is None:
            return ()
        allow = (("Access-Control-Allow-Origin", permitted),)
        if method == "OPTIONS":
            return allow + self._permissions
        return (*allow, ("Vary", "Origin")) if permitted not in ("*", "null") else allow

    def _permitted(self, origin: str) -> str | None:
        if origin == "null":
            return "null" if self._null else None
        if self._any:
            return "*"
        return origin if origin in self.allowed_origins else None
