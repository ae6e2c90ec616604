"""The Data Docs are open to nobody who has not logged in."""

import importlib.util
import shutil
from pathlib import Path
from types import ModuleType

import pytest
from airflow.api_fastapi.app import create_auth_manager
from fastapi.testclient import TestClient

from schemas.table import ROOT

PLUGIN = ROOT / "dags/plugins/data_docs_plugin.py"


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Return the plugin as Airflow loads it, with one page and one vendored file."""
    for name, file in (("DATA_DOCS", "index.html"), ("VENDOR", "jquery.js")):
        (tmp_path / name).mkdir()
        (tmp_path / name / file).write_text("for members")
        monkeypatch.setenv(f"BULLION_{name}", str(tmp_path / name))
    create_auth_manager()
    spec = importlib.util.spec_from_file_location("data_docs_plugin", PLUGIN)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("path", ["/", "/index.html", "/vendor/jquery.js", "/nothing"])
@pytest.mark.parametrize(
    "headers", [{}, {"Authorization": "Bearer forged"}, {"Cookie": "_token=forged"}]
)
def test_a_stranger_is_told_to_log_in(
    plugin: ModuleType, path: str, headers: dict[str, str]
) -> None:
    answer = TestClient(plugin.app).get(path, headers=headers)

    assert answer.status_code == 401
    assert "for members" not in answer.text


def test_the_menu_leads_to_the_pages(plugin: ModuleType) -> None:
    (view,) = plugin.DataDocsPlugin.external_views
    (app,) = plugin.DataDocsPlugin.fastapi_apps

    assert view["href"] == f"{app['url_prefix']}/index.html"
    assert view["name"] == "Data quality"


@pytest.fixture
def member(plugin: ModuleType, token: str) -> TestClient:
    return TestClient(plugin.app, cookies={"_token": token})


@pytest.mark.parametrize("path", ["/", "/index.html", "/validations/one.html"])
def test_before_the_first_report_a_page_says_when_it_comes(
    member: TestClient, tmp_path: Path, path: str
) -> None:
    shutil.rmtree(tmp_path / "DATA_DOCS")

    early = member.get(path)

    assert early.status_code == 202
    assert "not there yet" in early.text and "<i>data_docs</i>" in early.text
    assert member.get("/vendor/jquery.js").text == "for members"
    (tmp_path / "DATA_DOCS").mkdir()
    (tmp_path / "DATA_DOCS/index.html").write_text("the report")
    assert member.get("/index.html").text == "the report"
