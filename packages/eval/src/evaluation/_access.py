"""Access control of the live view's server.

A web page of any origin can make a browser send requests to this machine, and other users may have accounts on it.
viser answers all of them and has no option to refuse any, so the checks go into websockets, on which it is built.
"""

import asyncio
import importlib
import logging
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

from websockets.asyncio.server import ServerConnection, serve
from websockets.http11 import Request, Response

from evaluation._page_messages import Connection

_HOSTS = ("localhost", "127.0.0.1", "::1")
_MOST_PAGES = 16  # open at one time
_MOST_BYTES = 2**16  # of a message; those of a browser have a few hundred
_STARTING = threading.Lock()
_NO_ACCESS_CONTROL = (
    "The installed version of viser leaves no way to check who connects to its server, so the live view is not "
    "served; constraints.txt names a version that does."
)
_log = logging.getLogger(__name__)


class NoAccessControl(RuntimeError):
    """The checks cannot be installed in viser's server, so the live view is not served."""


class Access:
    """Accepts requests for one secret path, made to a loopback name, and by no other page than the server's own.

    Attributes:
        path: what an address has behind host and port, with its slash.
    """

    def __init__(self):
        self.path = "/" + secrets.token_urlsafe(16)
        self._installed = False

    @contextmanager
    def installed(self) -> Iterator[None]:
        """Installs the checks in the server that viser starts inside this context.

        Raises:
            NoAccessControl: no server was started, or one without the checks, which the caller must stop.
        """
        access = self

        class Checked(serve):
            def __init__(self, *arguments: Any, process_request: Any = None, **options: Any):
                def check(connection: ServerConnection, request: Request) -> Response | None:
                    refusal = access.refusal(connection, request)
                    if refusal or process_request is None:
                        return refusal
                    # viser's page is a single file, and opens its WebSocket at the page's own address.
                    return process_request(connection, replace(request, path="/"))

                options |= {"process_request": check, "create_connection": Connection, "max_size": _MOST_BYTES}
                super().__init__(*arguments, **options)
                asyncio.get_running_loop().set_exception_handler(_log_failure)
                access._installed = True

        try:
            # Private: viser's module that starts the server, of which one name is replaced meanwhile.
            module: Any = importlib.import_module("viser.infra._infra")
            real = module.websockets
            server = _Changed(real.asyncio.server, serve=Checked)
            changed = _Changed(real, asyncio=_Changed(real.asyncio, server=server))
        except (ImportError, AttributeError) as e:
            raise NoAccessControl(_NO_ACCESS_CONTROL) from e
        with _STARTING:
            module.websockets = changed
            try:
                yield
            finally:
                module.websockets = real
        if not self._installed:
            raise NoAccessControl(_NO_ACCESS_CONTROL)

    def refusal(self, connection: ServerConnection, request: Request) -> Response | None:
        """The answer to a request that is refused, or `None`."""
        hosts, origins = request.headers.get_all("Host"), request.headers.get_all("Origin")
        # DNS rebinding: a foreign page whose own name resolves to this machine has the same origin as the server. Any
        # port is accepted, because behind an SSH tunnel the browser's differs from the server's.
        if len(hosts) != 1 or _name(hosts[0]) not in _HOSTS:
            return connection.respond(HTTPStatus.FORBIDDEN, "The live view is served under the name localhost only.\n")
        if origins not in ([], [f"http://{hosts[0]}"]):  # a browser sends one with every WebSocket
            return connection.respond(HTTPStatus.FORBIDDEN, "The live view is served to its own page only.\n")
        path = request.path.partition("?")[0].rstrip("/")
        if not secrets.compare_digest(path.encode(), self.path.encode()):
            return connection.respond(HTTPStatus.FORBIDDEN, "Open the whole address that the live view printed.\n")
        if "Upgrade" in request.headers and len(connection.server.connections) >= _MOST_PAGES:
            return connection.respond(
                HTTPStatus.SERVICE_UNAVAILABLE, f"The live view is open in {_MOST_PAGES} pages, which is its limit.\n"
            )
        return None


def _name(host: str) -> str | None:
    """The name in a `Host` header, without its port."""
    try:
        return urlsplit(f"//{host}").hostname if "@" not in host else None
    except ValueError:
        return None


def _log_failure(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Keeps the terminal clean where viser fails at a message, such as a text sent for a slider."""
    del loop
    _log.debug("viser: %s", context.get("message"), exc_info=context.get("exception"))


class _Changed:
    """A module with other values for some of its names."""

    def __init__(self, module: Any, **names: Any):
        self._module = module
        vars(self).update(names)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._module, name)
