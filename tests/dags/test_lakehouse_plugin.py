"""The lakehouse page: for members, whole without other hosts, and text stays text."""

import importlib.util
import os
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, wait
from decimal import Decimal
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import uvicorn
from fastapi import FastAPI
from fastapi.testclient import TestClient
from pyiceberg.catalog.sql import SqlCatalog
from starlette.responses import RedirectResponse

from query.page import Sources, parts
from query.refreshed import Refreshed
from query.settings import Settings
from schemas.table import ROOT, all_exchanges, table_at
from tests.expectations.cases import NOON
from tests.expectations.tables import append
from tests.query.conftest import EXCHANGE, catalog, settings

__all__ = ["catalog", "settings"]

PLUGIN = ROOT / "dags/plugins/lakehouse_plugin.py"
FILES = sorted((ROOT / "dags/plugins/lakehouse").iterdir())
HOSTILE = "<img src=x onerror=document.title='taken'>"
BROWSER = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))),
    None,
)


@pytest.fixture
def plugin(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Return the plugin as Airflow loads it, where nothing of bullion is set."""
    for name in [name for name in os.environ if name.startswith("BULLION_")]:
        monkeypatch.delenv(name)
    spec = importlib.util.spec_from_file_location("lakehouse_plugin", PLUGIN)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def over_lake(
    plugin: ModuleType, settings: Settings, catalog: SqlCatalog
) -> Iterator[ModuleType]:
    """The plugin over the small lake, with a symbol that would like to be markup."""
    rows = [
        {
            "exchange": EXCHANGE.upper(),
            "symbol": HOSTILE,
            "window_start": NOON,
            "window_end": NOON,
            "window_date": NOON.date(),
            **{f"{name}_price": Decimal("1.50") for name in PRICES},
            "trade_count": 1200,
            "created_at": NOON,
            "updated_at": NOON,
        }
    ]
    table = catalog.load_table(table_at("gold.candles_1m").identifier())
    append(table, "gold.candles_1m", rows)
    fresh = Refreshed(settings, lambda: Sources(settings, catalog))
    begun: Future[Refreshed] = Future()
    begun.set_result(fresh)
    plugin.kept_fresh = lambda: begun  # type: ignore[attr-defined]
    yield plugin
    fresh.close()


PRICES = ("open", "high", "low", "close")


def whole(client: TestClient, names: set[str]) -> dict[str, Any]:
    """Return the page's object once each of these parts was asked."""
    for _ in range(300):
        told: dict[str, Any] = client.get("/api/page").json()
        if all(told["parts"][n]["at"] or told["parts"][n]["error"] for n in names):
            return told
        time.sleep(0.1)
    raise AssertionError(f"not all of {names} came: {told['parts']}")


@pytest.mark.parametrize("path", ["/", "/index.html", "/page.js", "/api/page", "/no"])
@pytest.mark.parametrize(
    "headers", [{}, {"Authorization": "Bearer forged"}, {"Cookie": "_token=forged"}]
)
def test_a_stranger_is_told_to_log_in(
    plugin: ModuleType, token: str, path: str, headers: dict[str, str]
) -> None:
    answer = TestClient(plugin.app).get(path, headers=headers)

    assert (answer.status_code, answer.text) == (401, "Log in to Airflow first.")


def test_a_member_sees_every_file_and_the_policy_lets_in_no_other_host(
    plugin: ModuleType, token: str
) -> None:
    client = TestClient(plugin.app, cookies={"_token": token})

    for file in FILES:
        answer = client.get(f"/{file.name}")
        assert answer.status_code == 200 and answer.text == file.read_text()
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy and "script-src 'self';" in policy


def test_no_file_names_another_host_and_none_reads_markup() -> None:
    assert len(FILES) > 8
    for file in FILES:
        text = file.read_text().replace("http://www.w3.org/2000/svg", "")
        assert not re.search(r"(https?:)?//[\w.-]+\.\w", text), file.name
        assert not re.search(
            r"innerHTML|outerHTML|insertAdjacent|document\.write|eval\(", text
        ), file.name


def test_each_part_of_the_page_has_its_place_in_the_answer(
    over_lake: ModuleType, token: str, settings: Settings
) -> None:
    client = TestClient(over_lake.app, cookies={"_token": token})
    names = {part.name for part in parts(settings)}

    told = whole(client, {f"lane {EXCHANGE}", "market", "timetable", "gates"})

    assert set(told) == {"at", "exchanges", "bars_s", "verdict", "parts"}
    assert told["exchanges"] == list(all_exchanges())
    assert set(told["parts"]) == names
    assert all(
        set(part) == {"at", "age_s", "took_s", "error", "told"}
        for part in told["parts"].values()
    )
    assert told["parts"]["market"]["told"]["symbols"][0]["price"].startswith("1.50")
    assert "Airflow is away" in told["parts"]["timetable"]["error"]
    lane = told["parts"][f"lane {EXCHANGE}"]["told"]
    assert lane["layers"]["gold"]["rows"] == 3
    assert lane["kafka_lag"].startswith("unknown")


def test_without_settings_the_answer_says_which_is_missing(
    plugin: ModuleType, token: str
) -> None:
    client = TestClient(plugin.app, cookies={"_token": token})

    wait([plugin.kept_fresh()])
    answer = client.get("/api/page")

    assert answer.status_code == 503
    assert "BULLION_CATALOG_USER is not set" in answer.json()["error"]


def test_the_first_answer_waits_for_no_import(plugin: ModuleType, token: str) -> None:
    still_imported: Future[Refreshed] = Future()
    plugin.kept_fresh = lambda: still_imported  # type: ignore[attr-defined]
    answer = TestClient(plugin.app, cookies={"_token": token}).get("/api/page")

    assert answer.status_code == 202
    assert answer.json() == {"error": "the server has just begun to read"}


def test_the_menu_leads_to_the_page(plugin: ModuleType) -> None:
    (view,) = plugin.LakehousePlugin.external_views
    (app,) = plugin.LakehousePlugin.fastapi_apps

    assert view["href"] == f"{app['url_prefix']}/index.html"
    assert (view["name"], view["nav_top_level"]) == ("Lakehouse", True)


def test_loading_the_plugin_imports_nothing_that_reads_tables() -> None:
    words = f"import runpy, sys; runpy.run_path({str(PLUGIN)!r}); print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", words],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )

    assert {"airflow.plugins_manager", "dags.factory.login"} <= {*done.stdout.split()}
    assert not {"duckdb", "pyiceberg", "pandas", "query"} & {*done.stdout.split()}


@pytest.fixture
def address(over_lake: ModuleType, token: str) -> Iterator[str]:
    """Serve the page as Airflow does, below its prefix, and let its browser in."""
    outer = FastAPI()

    @outer.get("/enter")
    def enter() -> RedirectResponse:
        answer = RedirectResponse("/lakehouse/index.html")
        answer.set_cookie("_token", token)
        return answer

    outer.mount("/lakehouse", over_lake.app)
    server = uvicorn.Server(uvicorn.Config(outer, port=0, log_level="error"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.05)
    port = server.servers[0].sockets[0].getsockname()[1]
    client = TestClient(over_lake.app, cookies={"_token": token})
    whole(
        client, {part.name for part in parts(over_lake.kept_fresh().result().settings)}
    )
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join()


@pytest.mark.skipif(BROWSER is None, reason="no Chromium: apt-get install chromium")
def test_a_browser_shows_the_figures_and_takes_a_hostile_symbol_for_text(
    address: str, tmp_path: Path
) -> None:
    assert BROWSER is not None
    log = tmp_path / "net.json"
    done = subprocess.run(
        [
            *(BROWSER, "--headless=new", "--no-sandbox", "--disable-gpu"),
            *("--disable-background-networking", "--disable-component-update"),
            *("--disable-sync", "--no-first-run", f"--user-data-dir={tmp_path}/user"),
            *(f"--log-net-log={log}", "--virtual-time-budget=4000", "--dump-dom"),
            f"{address}/enter",
        ],
        capture_output=True,
        text=True,
        timeout=90,
        check=True,
    )
    shown = done.stdout

    assert HOSTILE.replace("<", "&lt;").replace(">", "&gt;") in shown
    assert "<img" not in shown and "<title>Lakehouse</title>" in shown
    assert "things to look at" in shown
    for heading in ("Market", "Lanes", "Dead letters", "Table health", "Next runs"):
        assert f">{heading}" in shown
    assert f"{EXCHANGE}</a>" in shown and "Airflow is away" in shown
    assert shown.count('class="card"') == len(all_exchanges())
    urls = set(re.findall(r'"url":"(https?://[^"]+/lakehouse/[^"]+)"', log.read_text()))
    assert urls and all(url.startswith(address) for url in urls)
