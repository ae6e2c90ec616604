"""Airflow plugin: the Data Docs as a page of the UI, behind Airflow's own login."""

from os import environ
from pathlib import Path

from airflow.plugins_manager import AirflowPlugin
from fastapi import FastAPI
from fastapi.responses import HTMLResponse
from fastapi.staticfiles import StaticFiles
from starlette.types import Receive, Scope, Send

from dags.factory.login import behind_login

NOT_YET = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta http-equiv="refresh" content="20">
<title>Data quality: not there yet</title>
<style>:root { color-scheme: light dark; } body { font: 16px/1.5 sans-serif;
  max-width: 40em; margin: 4em auto; padding: 0 1em; }</style>
<h1>The gates' report is not there yet</h1>
<p>It is published for the first time some two minutes after the first start, and then
every five. This page looks again by itself.</p>
<p>If it stays so, look at the DAG <i>data_docs</i>, under <i>Dags</i> in the menu: is
its last run red, or is it paused? The lanes and their gates do not depend on it: their
figures are at <i>Lakehouse</i>.</p>
</html>
"""
"""No links: Airflow shows it in a frame that may not lead its parent elsewhere."""


class Published(StaticFiles):
    """The pages that were published last; 202, and when to come back, before."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer with a file once there is a report."""
        if Path(environ["BULLION_DATA_DOCS"], "index.html").exists():
            return await super().__call__(scope, receive, send)
        await HTMLResponse(NOT_YET, 202)(scope, receive, send)


app = behind_login(
    FastAPI(title="Data Docs", docs_url=None, redoc_url=None, openapi_url=None)
)
for path, variable, kind in (
    ("/vendor", "BULLION_VENDOR", StaticFiles),
    ("/", "BULLION_DATA_DOCS", Published),
):
    app.mount(path, kind(directory=environ[variable], html=True, check_dir=False))


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
