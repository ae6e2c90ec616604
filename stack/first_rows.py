"""The end of `up`: the first rows in gold, and where to look next."""

import json
import time

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from stack.place import Place
from stack.profile import on_cluster
from stack.settings import exchanges
from stack.status import lanes

console = Console()
PATIENCE = 240
NEWEST = (
    "SELECT exchange, symbol, strftime(timestamp, '%Y-%m-%d %H:%M:%S') AS time, side, "
    "price::VARCHAR AS price, quantity::VARCHAR AS quantity, trade_id "
    "FROM (FROM gold_crypto_trades QUALIFY row_number() OVER (PARTITION BY exchange "
    "ORDER BY gold_ingestion_timestamp DESC, timestamp DESC) <= 3) ORDER BY ALL"
)
COUNTED = "SELECT exchange, count(*) AS n FROM gold_crypto_trades GROUP BY exchange"


def tell(place: Place, wait: bool) -> None:
    """Show the newest trades of gold, and the addresses that people open."""
    if wait and not arrived(place):
        console.print(
            "[yellow]no rows in gold yet[/]: look at ./bullion status and at the lanes "
            "in the Airflow UI; the next run brings them"
        )
    rows = answer(place, NEWEST)
    if rows:
        table = Table(
            title="gold, newest",
            header_style="bold cyan",
            box=SIMPLE_HEAD,
            padding=(0, 1, 0, 0),
        )
        for name in rows[0]:
            right = name in ("price", "quantity", "trade_id")
            table.add_column(name, justify="right" if right else "left", no_wrap=True)
        for row in rows:
            table.add_row(
                *(
                    (
                        str(value).rstrip("0").rstrip(".")
                        if name in ("price", "quantity")
                        else str(value)
                    )
                    for name, value in row.items()
                )
            )
        console.print(table)
    port = place.ports
    console.print(
        f"Airflow   http://127.0.0.1:{port['AIRFLOW']}  as admin, password in "
        f"{place.home / 'airflow/passwords.json'}\n"
        f"Lakehouse http://127.0.0.1:{port['AIRFLOW']}/plugin/lakehouse  "
        "(Lakehouse in Airflow's menu)\n"
        f"Spark     http://127.0.0.1:{port['SPARK_UI']} (lanes), "
        f"{bronze_page(place)}\n"
        "next      ./bullion status, ./bullion sql, ./bullion down",
        soft_wrap=True,
        highlight=False,
    )


def bronze_page(place: Place) -> str:
    if on_cluster(place):
        return f"http://127.0.0.1:{place.ports['SPARK_MASTER_UI']} (cluster)"
    return f"http://127.0.0.1:{place.ports['BRONZE_UI']} (bronze)"


def arrived(place: Place) -> bool:
    """Return whether every exchange has rows in gold, once some time has passed."""
    wanted = {exchange.upper() for exchange in exchanges(place)}
    began = time.monotonic()
    with console.status("waiting for the first rows in gold") as shown:
        while time.monotonic() - began < PATIENCE:
            found = {str(row["exchange"]): row["n"] for row in answer(place, COUNTED)}
            if wanted <= found.keys():
                took = time.monotonic() - began
                console.print(
                    f"[green]gold has rows[/] of each exchange: {found}, "
                    f"{took:.0f} s after everything was up"
                )
                return True
            shown.update(f"waiting for the first rows in gold: {found or 'none yet'}")
            time.sleep(2)
    return False


def answer(place: Place, query: str) -> list[dict[str, object]]:
    """Return the rows of a query; none while the tables cannot be read yet."""
    said = lanes(place, "sql", query, "--format", "json")
    if said.returncode:
        return []
    rows: list[dict[str, object]] = json.loads(said.stdout)
    return rows
