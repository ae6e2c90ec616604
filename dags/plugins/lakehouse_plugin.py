"""Airflow plugin: the lakehouse page, and its figures as JSON, behind Airflow's login.

Every program of Airflow loads this module: what reads tables is imported by the
first question, and so in the API server alone.
"""

from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache
from os import environ
from pathlib import Path
from typing import TYPE_CHECKING

from airflow.plugins_manager import AirflowPlugin
from fastapi import FastAPI
from fastapi.responses import JSONResponse
from fastapi.staticfiles import StaticFiles
from starlette.middleware.base import RequestResponseEndpoint
from starlette.requests import Request
from starlette.responses import Response

from dags.factory.login import behind_login

if TYPE_CHECKING:
    from query.refreshed import Refreshed

FILES = Path(__file__).parent / "lakehouse"
PREFIX = "/lakehouse"
ONLY_OURS = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'self'",
    )
)
"""No other host, no inline script: what an exchange sends is text and nothing else."""

app = FastAPI(title="Lakehouse", docs_url=None, redoc_url=None, openapi_url=None)


@app.middleware("http")
async def only_ours(request: Request, call_next: RequestResponseEndpoint) -> Response:
    """Say in each answer what the page may load, and that nothing is kept."""
    answer = await call_next(request)
    answer.headers["Content-Security-Policy"] = ONLY_OURS
    answer.headers["X-Content-Type-Options"] = "nosniff"
    answer.headers["Cache-Control"] = "no-cache"
    return answer


behind_login(app)


@cache
def kept_fresh() -> "Future[Refreshed]":
    """Return this process's figures, once what reads tables is imported: seconds."""
    return ThreadPoolExecutor(1, "lakehouse-start").submit(begun)


def begun() -> "Refreshed":
    from query.refreshed import refreshed
    from query.settings import Settings

    return refreshed(Settings.read(environ))


@app.get("/api/page")
async def figures() -> JSONResponse:
    """Return the page's figures as they are known now, each part with its age.

    The answer is 202 while this process still begins, and 503 where a setting is
    missing; `error` says so. It waits for nothing, so that the server's loop runs on.
    """
    starting = kept_fresh()
    if not starting.done():
        return JSONResponse({"error": "the server has just begun to read"}, 202)
    from query.page import page
    from query.show import plain
    from query.why import why

    try:
        fresh = starting.result()
    except LookupError as missing:
        return JSONResponse({"error": why(missing)}, 503)
    return JSONResponse(plain(page(fresh.settings, fresh.answers())))


app.mount("/", StaticFiles(directory=FILES, html=True))


class LakehousePlugin(AirflowPlugin):
    """Adds the page at /lakehouse and a link to it in the menu."""

    name = "lakehouse"
    fastapi_apps = [{"app": app, "url_prefix": PREFIX, "name": "Lakehouse"}]
    external_views = [
        {
            "name": "Lakehouse",
            "href": f"{PREFIX}/index.html",
            "destination": "nav",
            "url_route": "lakehouse",
            "nav_top_level": True,
            "icon": f"{PREFIX}/icon.svg",
            "icon_dark_mode": f"{PREFIX}/icon-dark.svg",
        }
    ]
