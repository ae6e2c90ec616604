"""Airflow plugin: the Data Docs as a page of the UI, behind Airflow's own login."""

from os import environ

from airflow.plugins_manager import AirflowPlugin
from fastapi import FastAPI
from fastapi.staticfiles import StaticFiles

from dags.factory.login import behind_login

app = behind_login(
    FastAPI(title="Data Docs", docs_url=None, redoc_url=None, openapi_url=None)
)
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
