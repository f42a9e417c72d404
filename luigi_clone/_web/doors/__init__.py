"""Who is let in: tokens and roles, host names, browsers of other sites, TLS, limits, security headers.

Every request asks :class:`Doors` before anything else. It knows nothing of the scheduler, and of the web
server only the shape of a request.
"""

from luigi_clone._web.doors.cors import cors
from luigi_clone._web.doors.doors import Asking, Doors, Refusal, listen_addresses
from luigi_clone._web.doors.settings import DoorSettings, SettingError

__all__ = ["Asking", "DoorSettings", "Doors", "Refusal", "SettingError", "cors", "listen_addresses"]
