"""Two runs of one turn never meet, and settings say what they lack."""

import os
from pathlib import Path

import pytest

from schemas.exchange import usual_exchanges
from spark_apps.job_guard import Busy, hold_lock
from spark_apps.session import conf
from spark_apps.settings import Settings, Storage


def test_a_second_run_of_a_busy_lane_is_refused(tmp_path: Path) -> None:
    lock = hold_lock(tmp_path / "locks", "gold.trades.acme")

    with pytest.raises(Busy, match=f"held by process {os.getpid()}"):
        hold_lock(tmp_path / "locks", "gold.trades.acme")
    os.close(hold_lock(tmp_path / "locks", "silver.trades.acme"))

    os.close(lock)
    os.close(hold_lock(tmp_path / "locks", "gold.trades.acme"))


def test_settings_name_what_is_missing_and_who_asked() -> None:
    with pytest.raises(KeyError, match="BULLION_HOME"):
        Settings.read({})
    with pytest.raises(LookupError, match="mtgox"):
        Settings.read({"BULLION_HOME": "/h", "BULLION_EXCHANGES": "mtgox"})
    read = Settings.read({"BULLION_HOME": "/h", "AIRFLOW_CTX_DAG_ID": "lane__acme"})

    assert read.exchanges == usual_exchanges()
    assert read.checkpoints == Path("/h/checkpoints")
    assert read.airflow == {"bullion.airflow-dag-id": "lane__acme"}


def test_spark_is_told_where_the_lake_is_and_nothing_is_open_to_others(
    tmp_path: Path,
) -> None:
    env = {
        "BULLION_HOME": str(tmp_path),
        "BULLION_CATALOG_USER": "lake",
        "BULLION_CATALOG_PASSWORD": "secret",
        "BULLION_S3_ACCESS_KEY": "key",
        "BULLION_S3_SECRET_KEY": "secret",
    }
    with pytest.raises(FileNotFoundError, match="./bullion up"):
        conf(Storage.read(env))
    (tmp_path / "jars/spark").mkdir(parents=True)
    (tmp_path / "jars/spark/one.jar").touch()

    told = conf(Storage.read(env))

    assert told["spark.driver.extraClassPath"] == f"{tmp_path}/jars/spark/*"
    assert told["spark.sql.catalog.lake.uri"].startswith("jdbc:postgresql://127.0.0.1")
    assert told["spark.sql.catalog.lake.jdbc.schema-version"] == "V1"
    assert told["spark.sql.session.timeZone"] == "UTC"
    assert told["spark.driver.bindAddress"] == "127.0.0.1"
