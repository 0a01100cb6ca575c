"""Serves the page: `serve` until it is interrupted."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from ppcr_ros.core.errors import ConfigError, PPCRError
from ppcr_ros.web.access import Access, Gate
from ppcr_ros.web.board import PageBoard
from ppcr_ros.web.source import Source

INSTALL = "pip install 'nicegui>=3.18,<4', or pip install 'ppcr_ros[web]'"
_CLOSE_SEC = 2
_SILENT_SEC = 20.0
"""A browser that says nothing for so long is gone: where models run, all are slow at times."""
_WATCH_SEC = 0.1


class PageError(PPCRError):
    """The page cannot be served."""


@dataclass(frozen=True)
class PageOptions:
    """Options of serving the page.

    Attributes:
        access: where, and who may do what.
        max_rate_hz: so many pictures a second at most.

    Raises:
        ConfigError: for a rate that is none.
    """

    access: Access = field(default_factory=Access)
    max_rate_hz: float = 15.0

    def __post_init__(self) -> None:
        if not 0.1 <= self.max_rate_hz <= 60.0:
            raise ConfigError(
                f"the page's rate is {self.max_rate_hz} Hz; expected 0.1 to 60 pictures a second."
            )


def check_installed() -> None:
    """See whether the page's library is there.

    Raises:
        PageError: where it is not, with what to install.
    """
    try:
        import nicegui  # noqa: F401
    except ImportError as error:
        raise PageError(f"the page needs NiceGUI ({error}): {INSTALL}") from error


def serve(source: Source, options: PageOptions, say: Callable[[str], None] = print) -> None:
    """Serve the page about ``source`` until SIGINT or SIGTERM; once in a process.

    Args:
        source: where pictures and results come from; it is started and closed.
        options: where and for whom.
        say: told the address, once it can be opened.

    Raises:
        PageError: where the library is missing or the address cannot be listened on.
    """
    check_installed()
    import uvicorn

    access = options.access
    listener = _listener(access)
    board = PageBoard(options.max_rate_hz)
    try:
        app = _application(source, board, options)
        config = uvicorn.Config(
            Gate(app, access, board),
            log_level="warning",
            access_log=False,
            timeout_graceful_shutdown=_CLOSE_SEC,
            ws_max_size=1_000_000,
        )
        source.start(board)
        port = listener.getsockname()[1]
        host = f"[{access.host}]" if ":" in access.host else access.host
        say(f"the page: http://{host}:{port}/{_manner(access)}")
        with suppress(KeyboardInterrupt):  # the way to end it
            asyncio.run(_run(_server(config), listener, source, board))
    finally:
        source.close()
        board.close()
        listener.close()


def _server(config: Any) -> Any:
    import uvicorn

    class Server(uvicorn.Server):  # type: ignore[misc, unused-ignore]
        """Ends once: of a terminal's Ctrl-C `ros2 launch` makes two, and uvicorn's end in haste
        after the second one is a traceback in the log."""

        def handle_exit(self, sig: int, frame: Any) -> None:
            if not self.should_exit:
                super().handle_exit(sig, frame)

    return Server(config)


async def _run(server: Any, listener: socket.socket, source: Source, board: PageBoard) -> None:
    """Serve, and tell the source whether somebody looks."""

    async def watch() -> None:
        watched = False
        while True:
            if board.watched != watched:
                watched = not watched
                source.watch(watched)
            await asyncio.sleep(_WATCH_SEC)

    watching = asyncio.create_task(watch())
    try:
        await server.serve(sockets=[listener])
    finally:
        watching.cancel()


def _application(source: Source, board: PageBoard, options: PageOptions) -> Any:
    from fastapi import FastAPI
    from nicegui import ui

    from ppcr_ros.web.page import Controls, Page

    controls = Controls(source, board, read_only=options.access.read_only)

    async def root() -> None:
        page = Page(board, controls, options.max_rate_hz)
        await ui.context.client.connected()
        await page.look_for_speech()

    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    ui.run_with(
        app,
        root=root,
        title="ppcr",
        gzip_middleware_factory=None,  # what comes often is JPEG
        show_welcome_message=False,
        reconnect_timeout=_SILENT_SEC,
    )
    return app


def _listener(access: Access) -> socket.socket:
    family = socket.AF_INET6 if ":" in access.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((access.host, access.port))
        listener.listen()  # who comes as soon as the address is told waits, and is not refused
    except OSError as error:
        listener.close()
        raise PageError(
            f"cannot listen on {access.host} port {access.port}: {error.strerror or error}. Give "
            "another one with --port (launch: web_port:=8081)."
        ) from error
    return listener


def _manner(access: Access) -> str:
    manner = ", to be looked at only" if access.read_only else ""
    return f"{manner}; it asks for the token" if access.token else manner
