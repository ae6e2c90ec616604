"""Airflow plugin: the Data Docs as a page of the UI, behind Airflow's own login."""

from os import environ

from airflow.plugins_manager import AirflowPlugin
from fastapi import FastAPI, HTTPException
from fastapi.staticfiles import StaticFiles
from jwt import PyJWTError
from starlette.middleware.base import RequestResponseEndpoint
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

app = FastAPI(title="Data Docs", docs_url=None, redoc_url=None, openapi_url=None)


@app.middleware("http")
async def ask_for_login(
    request: Request, call_next: RequestResponseEndpoint
) -> Response:
    """Let in who has the UI's cookie or a bearer token: Airflow itself does not ask."""
    from airflow.api_fastapi.app import get_auth_manager

    bearer = request.headers.get("authorization", "").removeprefix("Bearer ")
    token = request.cookies.get("_token") or bearer
    try:
        await get_auth_manager().get_user_from_token(token)
    except (PyJWTError, HTTPException, KeyError, ValueError):
        return PlainTextResponse("Log in to Airflow first.", status_code=401)
    return await call_next(request)


for path, variable in (("/vendor", "BULLION_VENDOR"), ("/", "BULLION_DATA_DOCS")):
    app.mount(
        path, StaticFiles(directory=environ[variable], html=True, check_dir=False)
    )


class DataDocsPlugin(AirflowPlugin):
    """Adds the pages at /data-docs and a link to them in the menu."""

    name = "data_docs"
    fastapi_apps = [{"app": app, "url_prefix": "/data-docs", "name": "Data Docs"}]
    external_views = [
        {
            "name": "Data quality",
            "href": "/data-docs/index.html",
            "destination": "nav",
            "category": "browse",
            "url_route": "data-quality",
        }
    ]
