"""The application: addresses that read, none that writes. Everything needs a signed-in user, also what is not there.

| address | shows |
|---|---|
| `/` | the history of drills |
| `/run?run_id=...` | the drill of an Airflow run (the run's tab) |
| `/of/<drill>` | one drill: its verdict, its downloads, its report |
| `/of/<drill>/report` | the report as filed, in a sandbox |
| `/of/<drill>/files/<artifact>` | an artifact of the list in `shelf`, to save |
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Any

from airflow.exceptions import AirflowNotFoundException
from botocore.exceptions import BotoCoreError, ClientError
from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.responses import HTMLResponse

from drill.core.plan import drill_id_of
from drill.ui import access, pages
from drill.ui.shelf import DOWNLOADS, PAGE, Shelf, Unknown
from engine.storage import StorageError

PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; frame-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)
# What a drill filed is shown, never trusted: no script, no address, no origin of ours.
FILED_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:; sandbox; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": PAGE_POLICY,
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
log = logging.getLogger(__name__)
Next = Callable[[Request], Awaitable[Response]]


def build(shelf: Shelf) -> FastAPI:
    """The application over one shelf."""
    app = FastAPI(title="DR drills", dependencies=[access.reader], docs_url=None, redoc_url=None, openapi_url=None)
    app.middleware("http")(_headers)
    app.exception_handler(Unknown)(_unknown)
    for failure in (AirflowNotFoundException, BotoCoreError, ClientError, StorageError):
        app.exception_handler(failure)(lambda _, error: _silent(shelf, error))
    _reading(app, shelf)
    _refusing(app)
    return app


def _reading(app: FastAPI, shelf: Shelf) -> None:
    @app.get("/", response_class=HTMLResponse)
    def history() -> str:
        return pages.history(shelf.entries())

    @app.get("/run", response_class=HTMLResponse)
    def run(run_id: str) -> str:
        drill_id = drill_id_of(run_id)
        return pages.drill(shelf.entry(drill_id), shelf.downloads(drill_id), up="")

    @app.get("/of/{drill_id}", response_class=HTMLResponse)
    def drill(drill_id: str) -> str:
        return pages.drill(shelf.entry(drill_id), shelf.downloads(drill_id), up="../")

    @app.get("/of/{drill_id}/report")
    def report(drill_id: str) -> Response:
        content = shelf.artifact(drill_id, PAGE)
        return Response(content, media_type=DOWNLOADS[PAGE], headers={"Content-Security-Policy": FILED_POLICY})

    @app.get("/of/{drill_id}/files/{name}")
    def artifact(drill_id: str, name: str) -> Response:
        content = shelf.artifact(drill_id, name)
        saved = {"Content-Disposition": f'attachment; filename="{drill_id}-{name}"'}
        return Response(content, media_type=DOWNLOADS[name], headers=saved)

    @app.get("/static/{name}")
    def static(name: str) -> Response:
        content, media_type = pages.static(name)
        return Response(content, media_type=media_type, headers={"Cache-Control": "private, max-age=300"})


def _refusing(app: FastAPI) -> None:
    """What is not there is not there for readers only: nobody else learns it. These come last."""

    @app.get("/{anything:path}")
    def absent(anything: str) -> None:
        del anything
        raise Unknown("no such page")

    @app.api_route("/{anything:path}", methods=["POST", "PUT", "PATCH", "DELETE"], dependencies=[access.writer])
    def unwritable(anything: str) -> None:
        del anything
        raise HTTPException(405, "these pages write nothing", headers={"Allow": "GET"})


async def _headers(request: Request, call_next: Next) -> Response:
    response = await call_next(request)
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    return response


def _unknown(_: Request, absent: Exception) -> HTMLResponse:
    return HTMLResponse(pages.notice("Not found", str(absent)), 404)


def _silent(shelf: Shelf, error: Any) -> HTMLResponse:
    """The store does not answer: say so, keep the details in the log, and open it anew next time."""
    shelf.close()
    log.warning("drill pages: the evidence store: %s", error)
    text = "The evidence store does not answer, so no drill can be shown; the API server's log has the reason."
    return HTMLResponse(pages.notice("No evidence store", text), 503)
