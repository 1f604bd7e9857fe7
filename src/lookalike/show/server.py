"""``make_app``: the page and its REST interface, for one library and its folder and nothing else."""

import asyncio
import contextlib
import hmac
import secrets
import socket
import threading
import webbrowser
from collections.abc import Awaitable, Callable
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from lookalike import __version__
from lookalike.errors import (
    FolderError,
    ImageError,
    LibraryBusyError,
    LibraryError,
    LookalikeError,
    ModelError,
    SettingError,
)
from lookalike.pipeline import Library

LOOPBACK = ("127.0.0.1", "localhost", "::1")
COOKIE = "lookalike-token"
MOST_JSON = 24 << 20
"""Bytes of a request that is no picture."""
STATUS = {
    LibraryBusyError: 409,
    ImageError: 422,
    ModelError: 409,
    SettingError: 409,
    FolderError: 409,
    LibraryError: 409,
    LookalikeError: 409,
}
SECURED = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' blob: data:; connect-src 'self'; font-src 'self'; worker-src 'self'; manifest-src 'self'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
NOT_BUILT = (
    "the page is not built: run `make page` in the repository, or install a release; "
    "the REST interface is there (/api/openapi.json)"
)


def page_folder() -> Path | None:
    """Where the built page lies; None when it was not built."""
    place = Path(str(files("lookalike.show"))) / "page"
    return place if (place / "index.html").is_file() else None


def make_app(library: Library, *, token: str | None = None) -> Any:
    """The page and the REST interface of a library, as an ASGI application (FastAPI).

    Parameters
    ----------
    library : Library
        Built to the end or not: it is looked at again whenever somebody commits to it.
    token : str, optional
        What a visitor must bring, as ``?token=`` in the first address (a cookie from then on) or as a bearer token.
        None lets in everybody who can reach the server and asks for it by an address of this machine.
    """
    from fastapi import FastAPI
    from fastapi.staticfiles import StaticFiles

    from lookalike.show import server_editing, server_finding, server_reading, server_taking
    from lookalike.show.served import Served

    description = "Everything that the page does. Tables come as Arrow streams, pictures as JPEG, all else as JSON."
    app = FastAPI(
        title="Lookalike", version=__version__, description=description,
        openapi_url="/api/openapi.json", docs_url=None, redoc_url=None,
    )  # fmt: skip
    app.state.served = Served(library)
    for part in (server_reading, server_finding, server_editing, server_taking):
        app.include_router(part.routes, responses=_failures())
    app.add_exception_handler(LookalikeError, _said)
    app.add_exception_handler(OSError, _lost)
    place = page_folder()
    if place is not None:
        app.mount("/", StaticFiles(directory=place, html=True))
    else:
        app.get("/", include_in_schema=False)(_not_built)
    app.add_middleware(Guard, token=token)
    return app


def _failures() -> dict[int | str, dict[str, Any]]:
    """For the OpenAPI: how things can go wrong, each with one line in ``detail``."""
    said = {
        400: "not understood",
        404: "not there",
        409: "not possible now",
        412: "changed meanwhile",
        413: "too large",
    }
    schema = {"type": "object", "properties": {"detail": {}}, "required": ["detail"]}
    return {
        code: {"description": text, "content": {"application/json": {"schema": schema}}} for code, text in said.items()
    }


async def _said(request: Any, error: Exception) -> Any:
    from fastapi.responses import JSONResponse

    status = next(code for kind, code in STATUS.items() if isinstance(error, kind))
    return JSONResponse({"detail": str(error)}, status)


async def _lost(request: Any, error: Exception) -> Any:
    from fastapi.responses import JSONResponse

    return JSONResponse({"detail": f"a file of the library is gone ({getattr(error, 'strerror', None) or error})"}, 409)


async def _not_built() -> Any:
    from fastapi.responses import PlainTextResponse

    return PlainTextResponse(NOT_BUILT, 503)


class Guard:
    """Around the application: who may ask, for how much, and what a browser may do with the answers."""

    def __init__(self, app: Any, token: str | None) -> None:
        self.app, self.token = app, token

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answers a request, or refuses it in one line."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}

        async def secured(message: Any) -> None:
            if message["type"] == "http.response.start":
                there = {name.lower() for name, _ in message["headers"]}
                more = [(name.lower().encode(), value.encode()) for name, value in SECURED.items()]
                message["headers"] = [
                    *message["headers"],
                    *((name, value) for name, value in more if name not in there),
                ]
            await send(message)

        answer = self._refusal(scope, headers) or self._with_token(scope, headers)
        if answer is not None:
            await answer(scope, receive, secured)
            return
        await self.app(scope, self._bounded(scope, receive), secured)

    def _refusal(self, scope: Any, headers: dict[str, str]) -> Any:
        """To a page of another site, which must not use what the visitor's browser may do."""
        from fastapi.responses import JSONResponse

        host = headers.get("host", "")
        if self.token is None and _name_of(host) not in LOOPBACK:
            return JSONResponse({"detail": f"this server answers to {', '.join(LOOPBACK)} only"}, 403)
        origin = headers.get("origin")
        foreign = origin is not None and origin.partition("://")[2] != host
        if scope["method"] not in ("GET", "HEAD") and (foreign or headers.get("sec-fetch-site") == "cross-site"):
            return JSONResponse({"detail": "another site may not change anything here"}, 403)
        return None

    def _with_token(self, scope: Any, headers: dict[str, str]) -> Any:
        """Takes a token from the address into a cookie; refuses those who bring none. None lets the request through."""
        from urllib.parse import parse_qsl

        from fastapi.responses import JSONResponse, RedirectResponse

        if self.token is None:
            return None
        query = parse_qsl(scope["query_string"].decode("latin-1"))
        if self._fits(dict(query).get("token", "")):
            rest = urlencode([(name, value) for name, value in query if name != "token"])
            answer = RedirectResponse("/" + scope["path"].lstrip("/") + (f"?{rest}" if rest else ""), 303)
            answer.set_cookie(COOKIE, self.token, httponly=True, samesite="strict")
            return answer
        cookies = dict(part.strip().partition("=")[::2] for part in headers.get("cookie", "").split(";"))
        bearer = headers.get("authorization", "").removeprefix("Bearer ")
        if self._fits(cookies.get(COOKIE, "")) or self._fits(bearer):
            return None
        return JSONResponse({"detail": "a token is needed; open the address that `lookalike serve` printed"}, 401)

    def _fits(self, given: str) -> bool:
        return hmac.compare_digest(given.encode(), str(self.token).encode())

    def _bounded(self, scope: Any, receive: Callable[[], Awaitable[Any]]) -> Callable[[], Awaitable[Any]]:
        """What is received, as long as it is not too much; a picture has a bound of its own."""
        from fastapi import HTTPException

        if scope["path"] == "/api/find":
            return receive
        received = 0

        async def bounded() -> Any:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > MOST_JSON:
                raise HTTPException(413, f"the request is longer than {MOST_JSON >> 20} MiB")
            return message

        return bounded


def _name_of(host: str) -> str:
    """A host without its port."""
    return host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]


def serve(
    library: Library, *, host: str = "127.0.0.1", port: int = 8765, token: str | None = None, browser: bool = True,
    ready: Callable[[str], None] | None = None,
) -> None:  # fmt: skip
    """Serves the page until it is interrupted.

    Parameters
    ----------
    library : Library
    host : str
        Where to listen. Anything but this machine alone needs a token; one is made up where none is given.
    port : int
        The first to try; when it is taken the next that is free, up to twenty further. 0 takes any.
    token : str, optional
        See `make_app`.
    browser : bool
        Whether to open the page in the user's browser.
    ready : callable, optional
        Is called with the address once the server listens.

    Raises
    ------
    SettingError
        The host cannot be listened on, or no port is free.
    """
    import uvicorn

    if host not in LOOPBACK and token is None:
        token = secrets.token_urlsafe(18)
    listening = _listen(host, port)
    shown = f"[{host}]" if ":" in host else host
    address = f"http://{shown}:{listening.getsockname()[1]}/" + (f"?token={token}" if token else "")
    app = make_app(library, token=token)
    config = uvicorn.Config(app, log_level="warning", access_log=False, lifespan="off")
    server = uvicorn.Server(config)
    threading.Thread(target=lambda: asyncio.run(_tell(server, address, browser, ready)), daemon=True).start()
    try:
        server.run(sockets=[listening])
    finally:
        listening.close()


async def _tell(server: Any, address: str, browser: bool, ready: Callable[[str], None] | None) -> None:
    while not server.started:
        await asyncio.sleep(0.02)
    if ready:
        ready(address)
    if browser:
        webbrowser.open(address)
    with contextlib.suppress(LookalikeError):  # not built that far
        server.config.app.state.served.warm()


def _listen(host: str, port: int) -> socket.socket:
    """A socket on the first port that is free."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for candidate in range(port, min(port + 21, 65536)) if port else [0]:
        listening = socket.socket(family)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((host, candidate))
            listening.listen(128)
            return listening
        except OSError as error:
            listening.close()
            problem = error
        except OverflowError as error:
            raise SettingError(f"port={port} is none; expected 0 to 65535") from error
    raise SettingError(
        f"cannot listen on {host}, port {port} and following ({problem.strerror}); choose another --port"
    )
