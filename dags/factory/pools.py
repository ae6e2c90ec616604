"""The pools, from the table specs: `python -m dags.factory.pools` prints them."""

import json

from dags.factory.settings import exchanges
from schemas.table import all_tables

UPKEEP = "upkeep"
"""The pool in which whoever maintains tables is alone."""


def all_pools() -> dict[str, dict[str, object]]:
    """Return each pool by name: one slot for whoever writes a table."""
    turns = {
        f"{table.address}.{exchange}": pool(1, f"Who writes {table.address} now.")
        for table in all_tables()
        for exchange in exchanges()
    }
    return {
        "gates": pool(2, "Gates asked at once."),
        "inspection": pool(1, "Who looks at what gold got now."),
        "watch": pool(1, "Who looks for incidents now."),
        "gold.candles": pool(1, "Who computes wider candles now."),
        "gold.gaps": pool(1, "Who keeps the ledger of trade ids now."),
        "gold.counts": pool(1, "Who compares gold with REST's counts now."),
        "gold.audits": pool(1, "Who proves a day of all tables now."),
        "rebuild": pool(1, "Who derives a layer again now."),
        "gold.decisions": pool(1, "Who enters what a person decided now."),
        "silver.replays": pool(1, "Who sends dead letters again now."),
        "fills": pool(1, "Who asks exchanges for missing trades now."),
        "backfills": pool(2, "Days of the past that are brought side by side."),
        UPKEEP: pool(1, "Who compacts, expires or drops now."),
        **turns,
    }


def pool(slots: int, description: str) -> dict[str, object]:
    return {"slots": slots, "description": description, "include_deferred": False}


if __name__ == "__main__":
    print(json.dumps(all_pools(), indent=1))
