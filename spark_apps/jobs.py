"""What each word of `spark_apps.run` does, once there is a session to do it in."""

import argparse
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from importlib import import_module
from typing import Any

from pyspark.sql import SparkSession

from spark_apps.audit import job as auditing
from spark_apps.bootstrap import bootstrap
from spark_apps.cluster_check import cluster_check
from spark_apps.failpoint import ordered
from spark_apps.lane import promote, refine
from spark_apps.ledger import keep_ledger
from spark_apps.rebuild import asked as rebuilding
from spark_apps.rebuild.job import rebuild
from spark_apps.reconciliation import reconcile
from spark_apps.replay import command as letters
from spark_apps.rollup import roll_up
from spark_apps.settings import Settings
from spark_apps.upkeep import job
from spark_apps.upkeep.keep import Keep

CANDLES = ("gold.candles_5m", "gold.candles_1h", "gold.candles_1d")
"""The apps whose windows follow from the minutes, each after what it reads."""
UPKEEP = ("upkeep", "retention", "orphans")
"""Jobs that share one turn: no two of them meet at a table."""
Report = Mapping[str, object]


def turn_of(asked: argparse.Namespace) -> str:
    """Return in whose turn a job writes: its lock, and its session of the server."""
    if asked.app in UPKEEP:
        return "upkeep"
    exchange = "" if asked.app == "rebuild" else getattr(asked, "exchange", "")
    return f"{asked.app}.{exchange}" if exchange else asked.app


def step(
    asked: argparse.Namespace, env: Mapping[str, str]
) -> Callable[[SparkSession, Settings], Report]:
    """Return what a job does; `env` says how long rows are kept."""
    match asked.app:
        case "bootstrap":
            return bootstrap
        case "cluster-check":
            return cluster_check
        case "gold.candles":
            widths = [app_of(each) for each in CANDLES]
            ages = Keep.read(env).rows
            return lambda spark, settings: roll_up(
                spark,
                widths,
                replace(settings, kept_for=ages),
                ordered(settings.locks, asked.app),
            )
        case "gold.gaps":
            return lambda spark, settings: keep_ledger(
                spark, settings, asked.answers, ordered(settings.locks, asked.app)
            )
        case "gold.counts":
            return lambda spark, settings: reconcile(spark, settings, asked.counts)
        case "silver.replays":
            return lambda spark, settings: letters.replay(spark, settings, asked)
        case "audit":
            asking = auditing.Audit(
                days=auditing.days(asked.first, asked.last, datetime.now(UTC)),
                told=asked.archive,
                apps=[app_of(each) for each in ("gold.candles_1m", *CANDLES)],
                kept=Keep.read(env).rows,
            )
            return lambda spark, settings: auditing.audit(spark, settings, asking)
        case "rebuild":
            chosen = rebuilding.read(asked, datetime.now(UTC))
            every = tuple(app_of(each) for each in ("gold.candles_1m", *CANDLES))
            ages = Keep.read(env).rows
            return lambda spark, settings: rebuild(
                spark, replace(settings, kept_for=ages), chosen, every
            )
        case "orphans":
            keep = Keep.read(env)
            return lambda spark, settings: job.orphans(
                spark, settings, keep, asked.tables, asked.delete
            )
        case "upkeep" | "retention":
            keep = Keep.read(env)
            act = job.upkeep if asked.app == "upkeep" else job.retention
            return lambda spark, settings: act(spark, settings, keep, asked.tables)
    app = app_of(asked.app)
    if asked.app == "silver.trades":
        return lambda spark, settings: refine(
            spark, app, asked.exchange, settings, ordered(settings.locks, asked.app)
        )
    return lambda spark, settings: promote(
        spark,
        app,
        asked.exchange,
        settings,
        asked.gated,
        ordered(settings.locks, asked.app),
        some_refused=asked.refused > 0,
    )


def app_of(address: str) -> Any:
    """Return the app that lives at a table's address."""
    return import_module(f"spark_apps.{address}").APP
