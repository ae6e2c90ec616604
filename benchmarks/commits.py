"""A day of commits each 5 s, made faster, with upkeep each hour: do tables stay small?

    ./bullion bench commits [--commits 17280] [--every 5] [--rows 100]

A local session writes bronze as the continuous driver does, a batch a commit, in a
folder that is deleted afterwards: the first of each hour with Spark, the others as
copies of its file that Iceberg appends in the same way. Each hour of the simulated day,
720 commits, a stream reads what is new, as a lane would, and upkeep runs; 6 hours of
snapshots are kept, as bronze keeps them, measured in commits. A line an hour, all of it
as JSON in the last. A day of fewer commits, one a minute: --commits 1440 --every 60.
"""

import json
import os
import shutil
import tempfile
import time
from argparse import ArgumentParser
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from schemas.table import CATALOG, all_exchanges, table_at
from spark_apps.checkpoint import Checkpoint
from spark_apps.pace import INTERPRETED
from spark_apps.session import conf
from spark_apps.settings import Storage
from spark_apps.streams import history, prime, reader
from spark_apps.tables import create_all
from spark_apps.upkeep import manifests
from spark_apps.upkeep.keep import Keep
from spark_apps.upkeep.table_upkeep import Kept, maintain

KEPT_HOURS = 6
BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
BRONZE = table_at("bronze.trades")


@dataclass(frozen=True, slots=True, kw_only=True)
class Hour:
    """What a table was like at the end of a simulated hour, before and after upkeep."""

    commits: int
    ms_per_commit: float
    read_s: float
    """What the stream's run took that read this hour's commits."""
    upkeep_s: float
    manifests_before: int
    manifests: int
    snapshots: int
    files: int
    metadata_bytes_before: int
    metadata_bytes: int


class Lake:
    """One bronze table in a folder, and the stream that reads it."""

    def __init__(self, spark: SparkSession, folder: Path) -> None:
        self.spark, self.folder = spark, folder
        self.exchange = all_exchanges()[0]
        create_all(spark, [self.exchange])
        self.identifier = BRONZE.identifier(self.exchange)
        self.checkpoint = Checkpoint(
            folder / "checkpoints" / table_at("silver.trades").checkpoint(self.exchange)
        )
        prime(spark, self.identifier, self.checkpoint)

    def write(self, number: int, rows: int, moment: datetime) -> None:
        """Write one batch with Spark, as of its moment in the simulated day."""
        frame = self.spark.range(rows).select(
            F.lit(b"BTCUSD").alias("kafka_key"),
            F.encode(F.lpad(F.col("id").cast("string"), 190, "x"), "utf-8").alias(
                "raw_bytes"
            ),
            F.lit(None).cast(BRONZE.columns[2].type).alias("headers"),
            F.lit("acme").alias("topic"),
            F.lit(0).alias("partition"),
            (F.col("id") + number * rows).alias("offset"),
            F.lit(moment).alias("kafka_timestamp"),
            F.lit(1).alias("schema_id"),
            F.lit(moment).alias("bronze_ingestion_timestamp"),
        )
        writer = frame.coalesce(1).writeTo(f"{CATALOG}.{self.identifier}")
        for key, value in stream(number).items():
            writer = writer.option(f"snapshot-property.{key}", value)
        writer.append()

    def repeats(self) -> "Repeats":
        """Return what commits the newest batch again, with a file of its own."""
        return Repeats(self.spark, self.identifier)

    def read(self) -> None:
        query = (
            reader(self.spark, self.identifier)
            .writeStream.foreachBatch(counted)
            .option("checkpointLocation", str(self.checkpoint.path))
            .trigger(availableNow=True)
            .start()
        )
        query.awaitTermination()

    def kept(self, snapshots: timedelta) -> Kept:
        return Kept(
            table=BRONZE,
            identifier=self.identifier,
            exchanges=(self.exchange,),
            checkpoints=self.folder / "checkpoints",
            keep=replace(Keep.read({}), bronze_snapshots=snapshots),
        )

    def metadata_bytes(self) -> int:
        """Return the size of the current metadata file."""
        metadata = self.folder / "lake" / self.identifier.replace(".", "/") / "metadata"
        files = metadata.glob("v*.metadata.json")
        newest = max(files, key=lambda file: int(file.name[1:].split(".")[0]))
        return newest.stat().st_size

    def manifests(self) -> int:
        return manifests.count(self.spark, self.identifier)

    def files(self) -> int:
        return self.spark.table(f"{CATALOG}.{self.identifier}.files").count()


class Repeats:
    """Commits like the newest one: a copy of its file, appended by Iceberg itself.

    What a table's metadata become is the same, in a tenth of the time.
    """

    def __init__(self, spark: SparkSession, identifier: str) -> None:
        java = spark._jvm.org.apache.iceberg
        session = spark._jsparkSession
        name = f"{CATALOG}.{identifier}"
        self.files = java.DataFiles
        self.table = java.spark.Spark3Util.loadIcebergTable(session, name)
        newest = self.table.currentSnapshot()
        (self.file,) = newest.addedDataFiles(self.table.io())
        self.app = newest.summary()["spark.app.id"]

    def commit(self, number: int) -> None:
        path = Path(urlsplit(self.file.location()).path)
        copy = path.with_name(f"{number:08d}-{path.name}")
        shutil.copyfile(path, copy)
        builder = self.files.builder(self.table.spec()).copy(self.file)
        append = self.table.newAppend().appendFile(
            builder.withPath(f"file:{copy}").build()
        )
        for key, value in {**stream(number), "spark.app.id": self.app}.items():
            append.set(key, value)
        append.commit()


def stream(number: int) -> dict[str, str]:
    """Return what a stream says of itself in each commit."""
    said = {"queryId": "acme", "epochId": str(number)}
    return {f"spark.sql.streaming.{key}": value for key, value in said.items()}


def counted(batch: DataFrame, batch_id: int) -> None:
    batch.count()


def seconds(act: Callable[[], object]) -> float:
    """Return how long it took."""
    began = time.monotonic()
    act()
    return round(time.monotonic() - began, 2)


def simulate(lake: Lake, commits: int, every: timedelta, rows: int) -> list[Hour]:
    """Return how each hour ended; each is printed when it is over."""
    an_hour = timedelta(hours=1) // every
    hours: list[Hour] = []
    moments: list[datetime] = []
    for first in range(0, commits, an_hour):
        numbers = range(first, min(first + an_hour, commits))
        moments.append(datetime.now(UTC))
        lake.write(first, rows, BEGAN + first * every)
        repeats, began = lake.repeats(), time.monotonic()
        for number in numbers[1:]:
            moments.append(datetime.now(UTC))
            repeats.commit(number)
        took = time.monotonic() - began
        before = (lake.manifests(), lake.metadata_bytes())
        read = seconds(lake.read)
        oldest = moments[max(0, len(moments) - KEPT_HOURS * an_hour)]
        # Commits keep real time, and rows that of the simulated day, long before.
        day = BEGAN + numbers.stop * every + timedelta(minutes=15)
        kept = lake.kept(day - oldest)
        upkeep = seconds(partial(maintain, lake.spark, kept, day))
        hours.append(
            Hour(
                commits=numbers.stop,
                ms_per_commit=round(1000 * took / len(numbers), 1),
                read_s=read,
                upkeep_s=upkeep,
                manifests_before=before[0],
                manifests=lake.manifests(),
                snapshots=len(history(lake.spark, lake.identifier)),
                files=lake.files(),
                metadata_bytes_before=before[1],
                metadata_bytes=lake.metadata_bytes(),
            )
        )
        print(*(f"{k} {v}" for k, v in asdict(hours[-1]).items()), sep=", ", flush=True)
    return hours


def main() -> None:
    """Simulate, print, and leave nothing behind."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--commits", type=int, default=17_280)
    parser.add_argument("--every", type=float, default=5, help="seconds apart (5)")
    parser.add_argument("--rows", type=int, default=100, help="of one commit (100)")
    asked = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="bullion-commits-"))
    storage = Storage(
        jars=Path(os.environ["BULLION_JARS"]), warehouse=f"file://{folder}/lake"
    )
    builder = SparkSession.builder.config("spark.ui.enabled", "false")
    # A commit of few rows is not worth compiling for; so do lanes hold it.
    for key, value in (conf(storage) | INTERPRETED).items():
        builder = builder.config(key, value)
    spark = builder.getOrCreate()
    try:
        hours = simulate(
            Lake(spark, folder),
            asked.commits,
            timedelta(seconds=asked.every),
            asked.rows,
        )
        print(json.dumps([asdict(hour) for hour in hours]))
    finally:
        spark.stop()
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
