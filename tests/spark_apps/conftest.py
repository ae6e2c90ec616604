"""One local Spark session with real Iceberg tables in a folder of the test run."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from schemas.table import ROOT
from spark_apps.pace import INTERPRETED
from spark_apps.session import conf
from spark_apps.settings import Storage
from tests.spark_apps.lake import Lake, Registry

JARS = Path(os.environ.get("BULLION_JARS") or ROOT / ".bullion/jars/spark")
BRIEF = " -XX:TieredStopAtLevel=1 -XX:ReservedCodeCacheSize=240m -XX:+UseSerialGC"
"""A driver that lives for minutes spends most of them on compiling itself well.

Java then gives compiled code 48 MB, which are full after some fifty tests: code is
thrown away, with a whole garbage collection each time, and compiled again.
"""


@pytest.fixture(scope="session")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkSession]:
    folder = tmp_path_factory.mktemp("warehouse")
    builder = SparkSession.builder
    for key, value in conf(Storage(jars=JARS, warehouse=f"file://{folder}")).items():
        lean = BRIEF if key == "spark.driver.extraJavaOptions" else ""
        builder = builder.config(key, value + lean)
    for key, value in INTERPRETED.items():
        builder = builder.config(key, value)
    session = builder.config("spark.ui.enabled", "false").getOrCreate()
    session.sparkContext.setLogLevel("ERROR")
    yield session
    session.stop()


@pytest.fixture(autouse=True)
def told_if_java_dies(request: pytest.FixtureRequest) -> Iterator[None]:
    """Say how Spark's JVM ended, where it ended in a test: Spark only says it is gone.

    The exit code is 52 for want of memory, 134 for a fault of Java's own, -9 or 137
    for one that was killed.
    """
    yield
    if "spark" in request.fixturenames:
        session = request.getfixturevalue("spark")
        code = session.sparkContext._gateway.proc.poll()
        assert code is None, f"Spark's JVM ended with code {code} in this test"


@pytest.fixture(scope="session")
def registry() -> Iterator[Registry]:
    with Registry() as running:
        yield running


@pytest.fixture(scope="session")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where lakes are kept as they were made, for all tests that begin with such."""
    return tmp_path_factory.mktemp("shelf")


@pytest.fixture
def lake(spark: SparkSession, registry: Registry, tmp_path: Path, shelf: Path) -> Lake:
    """A lake of one exchange, bootstrapped and empty."""
    return Lake.begun(spark, registry, tmp_path, shelf)
