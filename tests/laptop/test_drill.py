"""A backup is restored beside what runs, judged, and nothing of it stays."""

import json
import shutil
import signal
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from io import BytesIO
from itertools import count
from pathlib import Path

import psycopg2
import pytest
from pyarrow import parquet

from spark_apps.recovery.backup import MANIFEST, STAMP, sealed
from spark_apps.recovery.database import SCRATCH, Database, DatabaseFailed
from spark_apps.recovery.drill.objects import Objects, StoreAway
from spark_apps.recovery.drill.report import KEPT, Report, told
from spark_apps.recovery.drill.scratch import FOLDER
from stack import steps
from stack.place import Place
from stack.programs import postgres
from stack.secrets import kept
from stack.settings import environment
from stack.when_ready import answers
from tests.laptop.drilled import EXCHANGE, TOPIC, Small
from tests.laptop.ports import free_ports
from tests.laptop.test_postgres import held, started

NUMBER = count(1)
GOLD = "market_data.gold_crypto_trades"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """PostgreSQL as the laptop runs it, with the rights that it gives."""
    home = tmp_path_factory.mktemp("home")
    found = Place.read({"BULLION_HOME": str(home)})
    for folder in (found.data, found.run):
        folder.mkdir(parents=True)
    found.envs.symlink_to(Place.read().envs)
    steps.init_postgres(found, environment(found))
    place = replace(found, ports=free_ports())
    with started(place):
        assert held(lambda: answers(postgres(place).ready))
        steps.databases(place, environment(place))
        yield place


def asked(server: Place, database: str, query: str) -> list[tuple[object, ...]]:
    """Return what a query of the catalog's user gives; it is outside transactions."""
    connection = psycopg2.connect(
        host="127.0.0.1",
        port=server.ports["POSTGRES"],
        dbname=database,
        user="catalog",
        password=kept(server)["catalog"],
    )
    connection.autocommit = True
    try:
        with connection.cursor() as cursor:
            cursor.execute(query)
            return list(cursor.fetchall()) if cursor.description else []
    finally:
        connection.close()


@pytest.fixture
def small(server: Place, tmp_path: Path) -> Iterator[Small]:
    name = f"lake_{next(NUMBER)}"
    asked(server, "catalog", f"CREATE DATABASE {name}")
    small = Small.made(server, name, tmp_path)
    yield small
    small.catalog.engine.dispose()


def left(server: Place, small: Small) -> list[object]:
    """Return what a drill has left: databases, and its folder."""
    named = "SELECT datname FROM pg_database WHERE datname LIKE %s" % f"'%{SCRATCH}'"
    place = small.backups.folder / FOLDER
    return [*asked(server, "catalog", named), *([place] if place.exists() else [])]


def live(server: Place, small: Small) -> object:
    """Return all that a drill must not touch."""
    database = small.env["BULLION_CATALOG"].rpartition("/")[2]
    files = {
        file: file.stat().st_mtime_ns
        for part in ("checkpoints", "warehouse")
        for file in (small.folder / part).rglob("*")
    }
    rows = asked(server, database, "SELECT * FROM iceberg_tables ORDER BY table_name")
    return files, rows


def states(report: Report) -> dict[str, str]:
    return {each["name"]: each["state"] for each in report["tables"]}


def test_a_sound_backup_holds_and_nothing_of_the_drill_stays(
    server: Place, small: Small
) -> None:
    folder, before = small.backup(), live(server, small)

    done = small.begun()
    said, error = done.communicate()
    assert done.returncode == 0, error
    report = json.loads(said.splitlines()[-1])

    assert report["faults"] == [] and report["verdict"] == "holds"
    assert report["backup"] == folder.name and report["lost"] == 0
    assert set(states(report).values()) == {"as then"}
    assert GOLD in states(report) and report["files"] == 6
    gold = next(each for each in report["tables"] if each["name"] == GOLD)
    assert (gold["rows_then"], gold["rows"], gold["files"]) == (2, 2, 1)
    ways = {each["name"]: each["goes_on"] for each in report["streams"]}
    assert ways == {
        f"bronze-{EXCHANGE}": "at message 2",
        f"gold-{EXCHANGE}": "as it is",
        f"silver-{EXCHANGE}": "as it is",
        f"silver-dead_letters-{EXCHANGE}": "at message 0",
    }
    assert live(server, small) == before
    assert left(server, small) == []
    (line,) = (small.backups.folder / KEPT).read_text().splitlines()
    assert json.loads(line) == report
    assert said.startswith(told(report))
    assert "a restore would lose nothing" in said
    assert "each table can be read as it was then" in said


def test_what_came_after_the_backup_is_found_again(server: Place, small: Small) -> None:
    small.backup(datetime.now(UTC) - timedelta(hours=1))
    small.backup()
    old = min(small.backups.folder.glob("[0-9]*"))
    table = small.table("gold.trades")
    table.append(table.scan().to_arrow())

    newest = small.drill()
    chosen = small.drill(old.name)

    assert newest["verdict"] == chosen["verdict"] == "holds"
    gold = next(each for each in newest["tables"] if each["name"] == GOLD)
    assert (gold["rows_then"], gold["rows"], gold["files"]) == (2, 4, 2)
    assert chosen["backup"] == old.name and 0.9 < chosen["age_hours"] < 1.1


def test_a_data_file_that_is_gone_is_named(server: Place, small: Small) -> None:
    small.backup()
    (file,) = (small.folder / "warehouse/market_data/gold_crypto_trades/data").rglob(
        "*.parquet"
    )
    file.unlink()

    report = small.drill()

    assert report["verdict"] == "fails"
    assert states(report)[GOLD] == "lost"
    (fault,) = report["faults"]
    assert fault.startswith(f"{GOLD}: 1 of 1 files are gone: ") and file.name in fault
    assert left(server, small) == []


def emptied(file: Path) -> bytes:
    """Return a file of Parquet as long as this one, and without its rows."""
    buffer = BytesIO()
    parquet.write_table(parquet.read_table(file).slice(0, 0), buffer)
    made = buffer.getvalue()
    footer = int.from_bytes(made[-8:-4], "little") + 8
    room = bytes(file.stat().st_size - len(made))
    return made[:-footer] + room + made[-footer:]


def test_a_table_whose_state_of_then_has_expired_comes_back_at_its_newest(
    small: Small,
) -> None:
    small.backup()
    for address in ("silver.trades", "gold.trades"):
        table = small.table(address)
        old = table.current_snapshot()
        assert old
        time.sleep(0.01)
        table.append(table.scan().to_arrow())
        table.maintenance.expire_snapshots().by_id(old.snapshot_id).commit()

    report = small.drill()

    expired = {f"market_data.silver_{EXCHANGE}_trades", GOLD}
    newest = {name for name, state in states(report).items() if state == "newest"}
    assert newest == expired and report["verdict"] == "holds"
    until = datetime.strptime(report["backup"], STAMP) + timedelta(hours=6)
    assert f"expires from {until:%Y-%m-%d %H:%M} UTC on" in told(report)
    notes = {each["note"] for each in report["tables"] if each["name"] in expired}
    assert notes == {"what it was then has expired (kept 24 h)"}
    (gold,) = (e for e in report["streams"] if e["name"] == f"gold-{EXCHANGE}")
    assert "begins anew at the oldest" in gold["goes_on"]


def test_a_reader_whose_place_has_expired_is_a_fault(small: Small) -> None:
    small.backup()
    table = small.table("bronze.trades")
    old = table.current_snapshot()
    assert old
    small.arrive(2, 1)
    small.table("bronze.trades").maintenance.expire_snapshots().by_id(
        old.snapshot_id
    ).commit()

    (fault,) = small.drill()["faults"]

    assert fault.startswith(f"checkpoint silver-{EXCHANGE}: it stands at a snapshot")


def test_a_table_that_cannot_be_read_whole_is_a_fault(small: Small) -> None:
    small.backup()
    addresses = ("gold.trades", "silver.trades", "silver.accounting", "bronze.trades")
    addresses += ("gold.accounting",)
    cut, other, manifest, metadata, fewer = folders = [
        Path(small.table(each).location().removeprefix("file://")) for each in addresses
    ]
    (file,) = cut.rglob("*.parquet")
    file.write_bytes(file.read_bytes()[:-1])
    (file,) = other.rglob("*.parquet")
    # As long as before, and no Parquet.
    file.write_bytes(bytes(file.stat().st_size))
    for file in manifest.rglob("*-m0.avro"):
        file.unlink()
    shutil.rmtree(metadata / "metadata")
    (file,) = fewer.rglob("*.parquet")
    file.write_bytes(emptied(file))

    report = small.drill()

    lost = {name for name, state in states(report).items() if state == "lost"}
    assert lost == {f"market_data.{each.name}" for each in folders}
    whys = {each["name"]: each["note"] for each in report["tables"] if each["note"]}
    named = ("bytes, and should", "Parquet", "lacks 1 of", "is gone", "has 0 rows")
    for folder, why in zip(folders, named, strict=True):
        assert why in whys[f"market_data.{folder.name}"]
    # A stream that reads a lost table cannot be judged, and says so.
    assert f"market_data.bronze_{EXCHANGE}_trades cannot" in "".join(report["faults"])


def test_a_checkpoint_that_is_ahead_of_its_tables_is_a_fault(small: Small) -> None:
    folder = small.folder_of("silver.trades")
    later = small.arrive(2, 1)
    noted = (folder / "offsets/1").read_text().splitlines()
    spot = json.loads(noted[-1]) | {"snapshot_id": later}
    (folder / "offsets/2").write_text("\n".join([*noted[:-1], json.dumps(spot)]))
    shutil.copy(folder / "commits/1", folder / "commits/2")
    small.backup()

    report = small.drill()

    assert report["faults"] == [
        f"checkpoint silver-{EXCHANGE}: it notes batch 2 as ended, and its tables end "
        "at 1"
    ]


def test_notes_that_cannot_be_read_are_faults(small: Small) -> None:
    for address, note, text in (
        ("gold.trades", "offsets/1", "v1\n{torn"),
        ("silver.trades", "commits/1", ""),
        ("bronze.trades", "offsets/0", "v2\n{}"),
    ):
        (small.folder_of(address) / note).write_text(text)
    small.backup()

    faults = small.drill()["faults"]

    named = [each.partition(":")[0] for each in faults]
    assert named == [
        f"checkpoint {one}-{EXCHANGE}" for one in ("bronze", "gold", "silver")
    ]


def test_messages_that_kafka_has_dropped_are_counted_unless_a_table_has_them(
    small: Small,
) -> None:
    small.backup()
    # The broker keeps some five megabytes of a partition.
    small.kafka.publish(TOPIC, 12, size=900_000)
    small.arrive(2, 1)

    bronze = next(
        each
        for each in small.drill()["streams"]
        if each["name"] == f"bronze-{EXCHANGE}"
    )

    assert bronze["gone"] > 2 and bronze["lost"] == bronze["gone"] - 1
    assert bronze["goes_on"] == "behind what bronze.trades holds"


def test_a_topic_that_was_made_anew_is_a_fault(small: Small) -> None:
    small.note_kafka("bronze.trades", 7)
    small.backup()

    (fault,) = small.drill()["faults"]

    assert "reads " + TOPIC + "/0 from 7, and Kafka ends at 2" in fault


def test_a_backup_that_is_damaged_or_away_is_a_verdict_with_a_next_step(
    small: Small,
) -> None:
    (fault,) = small.drill()["faults"]
    assert "there is no backup in" in fault and "./bullion backup" in fault

    folder = small.backup()
    (fault,) = small.drill("2026-01-01T00-00-00Z")["faults"]
    assert folder.name in fault

    dump = folder / "catalog.sql"
    dump.write_text(dump.read_text() + "\n")
    (fault,) = small.drill()["faults"]
    assert "catalog.sql is not as the manifest says" in fault


def test_a_dump_that_does_not_restore_whole_is_a_fault(
    server: Place, small: Small
) -> None:
    folder = small.backup()
    manifest = json.loads((folder / MANIFEST).read_text())
    more = {**manifest, "tables": {**manifest["tables"], "market_data.more": "x"}}
    (folder / MANIFEST).write_text(json.dumps(more))
    (fault,) = small.drill()["faults"]
    assert "market_data.more" in fault and "./bullion backup" in fault

    dump = folder / "catalog.sql"
    dump.write_text(dump.read_text() + "\nSELECT 1 / 0;\n")
    manifest["files"]["catalog.sql"] = sealed(dump)
    (folder / MANIFEST).write_text(json.dumps(manifest))
    (fault,) = small.drill()["faults"]
    assert "catalog.sql does not load" in fault and "division by zero" in fault
    assert left(server, small) == []


def test_a_drill_that_was_killed_is_cleared_by_the_next(
    server: Place, small: Small
) -> None:
    small.backup()
    # Kafka is away: the drill waits for it, with all restored.
    killed = small.begun(BULLION_KAFKA_SERVERS="127.0.0.1:1")
    assert held(lambda: len(left(server, small)) == 2)
    time.sleep(1)
    killed.kill()
    killed.communicate()
    assert len(left(server, small)) == 2

    assert small.drill()["verdict"] == "holds"
    assert left(server, small) == []


def test_a_drill_that_is_ended_removes_what_it_restored(
    server: Place, small: Small
) -> None:
    small.backup()
    ended = small.begun(BULLION_KAFKA_SERVERS="127.0.0.1:1")
    assert held(lambda: len(left(server, small)) == 2)
    ended.send_signal(signal.SIGTERM)

    ended.communicate()
    assert ended.returncode == 143
    assert left(server, small) == []


def test_what_cannot_be_asked_is_an_error_and_no_verdict(
    server: Place, small: Small
) -> None:
    small.backup()
    done = small.begun(BULLION_KAFKA_SERVERS="127.0.0.1:1")
    _, error = done.communicate()

    assert done.returncode == 1
    assert "BrokerAway" in error and "./bullion status" in error
    assert not (small.backups.folder / KEPT).exists()
    assert left(server, small) == []


def test_a_store_that_is_away_is_no_file_that_is_lost() -> None:
    away = {
        "warehouse": "s3://lake/warehouse",
        "s3.endpoint": "http://127.0.0.1:1",
        "s3.access-key-id": "none",
        "s3.secret-access-key": "none",
        "s3.region": "us-east-1",
    }
    store = Objects(away)
    for ask in (store.list, store.metadata, store.rows_in):
        with pytest.raises(StoreAway, match="./bullion status"):
            ask("s3://lake/warehouse/market_data/a")


def test_who_may_not_create_a_database_is_told_what_to_type(server: Place) -> None:
    secret = kept(server)["registry"]
    address = f"127.0.0.1:{server.ports['POSTGRES']}/registry"
    mine = Database(
        address=address,
        user="registry",
        password=secret,
        programs=str(server.postgres_bin),
    )
    with pytest.raises(DatabaseFailed, match="ALTER ROLE registry CREATEDB"):
        mine.make_scratch()
