"""Checkpoints are read and moved alike on a disk and in an S3 store that runs."""

import pickle
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from expectations.places import Folder, ObjectFolder, Store, within
from spark_apps.checkpoint import BEGINNING, Checkpoint, Position
from spark_apps.recovery.backup import copied
from spark_apps.relocation import MoveRefused, move, notes, read, set_aside
from spark_apps.session import conf
from spark_apps.settings import Storage
from tests.spark_apps.lake import Lake, trade
from tests.spark_apps.store import seaweed

MANAGER = "spark.sql.streaming.checkpointFileManagerClass"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with seaweed(tmp_path_factory.mktemp("s3")) as running:
        yield running


@pytest.fixture(params=["disk", "s3"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Folder:
    """An empty folder of either kind."""
    if request.param == "disk":
        return tmp_path / "checkpoints"
    store = request.getfixturevalue("store")
    return ObjectFolder(f"s3a://lake/{tmp_path.name}", store)


def told(checkpoint: Checkpoint) -> tuple[object, ...]:
    return (
        checkpoint.exists,
        checkpoint.query_id,
        checkpoint.last_batch,
        checkpoint.begun_batch,
        checkpoint.consumed(),
        checkpoint.first(),
    )


def test_a_batch_that_was_begun_and_not_ended_is_known(place: Folder) -> None:
    write(place, "one/offsets/0", "v1\n{}\n" + '{"snapshot_id": 7, "position": 2}')
    write(place, "one/commits/0", "v1\n{}")
    write(place, "one/offsets/1", "v1\n{}\n" + '{"snapshot_id": 8, "position": 1}')
    checkpoint = Checkpoint(place / "one")

    assert (checkpoint.exists, checkpoint.last_batch) == (True, 0)
    assert checkpoint.begun_batch == 1
    assert checkpoint.newest_batch == 1
    assert checkpoint.consumed() == Position(7, 2)
    assert not Checkpoint(place / "two").exists


def test_a_batch_says_from_where_to_where_it_reads_and_since_when(
    place: Folder,
) -> None:
    first, second = '{"snapshot_id": 7, "position": 2}', '{"snapshot_id": 8}'
    before = datetime.now(UTC)
    write(place, "one/offsets/0", f"v1\n{{}}\n{first}")
    write(place, "one/offsets/1", f"v1\n{{}}\n{second}")
    checkpoint = Checkpoint(place / "one")

    assert checkpoint.reach(1) == {
        "stream": "one",
        "read-from": first,
        "read-to": second,
    }
    assert checkpoint.reach(0)["read-from"] == BEGINNING
    # Stores keep whole seconds.
    assert abs(checkpoint.begun_at(1) - before) < timedelta(seconds=30)


def test_a_checkpoint_is_set_aside_beside_the_others(place: Folder) -> None:
    write(place, "one/offsets/0", "a note")
    write(place, "two/offsets/0", "another")

    old, aside = set_aside(place / "one")

    assert not old.exists()
    assert read(aside, "offsets/0") == b"a note"
    assert aside.name.startswith("one-") and notes(place) == {"two/offsets/0"}


def test_a_backup_holds_what_a_stream_needs_and_no_torn_batch(
    place: Folder, tmp_path: Path
) -> None:
    for name in ("metadata", "sources/0/offsets/0", "offsets/1", "commits/1"):
        write(place, f"one/{name}", name)
    # While it was copied, the stream began another batch and ended it.
    for number in (2, 3):
        write(place, f"one/offsets/{number}", "later")

    copied(place / "one", tmp_path / "copy")

    assert notes(tmp_path / "copy") == {
        *("metadata", "sources/0/offsets/0", "commits/1"),
        *("offsets/1", "offsets/2"),
    }
    assert read(tmp_path / "copy", "metadata") == b"metadata"


def test_a_move_that_would_lose_notes_is_refused(place: Folder, tmp_path: Path) -> None:
    write(place, "one/offsets/0", "the newest")

    with pytest.raises(MoveRefused, match="holds no checkpoints"):
        move(tmp_path / "nothing", place, tmp_path / "mark")

    assert notes(place) == {"one/offsets/0"}
    assert not (tmp_path / "mark").exists()


def test_notes_of_an_earlier_stay_do_not_outlive_a_move(
    place: Folder, tmp_path: Path
) -> None:
    write(place, "one/offsets/99", "of an earlier stay")
    write(tmp_path / "now", "one/offsets/3", "the newest")
    write(tmp_path / "now", "one/offsets/.3.crc", "a checksum")

    move(tmp_path / "now", place, tmp_path / "mark")

    assert notes(place) == {"one/offsets/3"}
    assert read(place, "one/offsets/3") == b"the newest"
    assert not list((place / "one/offsets").glob(".*"))


def test_a_note_that_cannot_be_read_yet_is_waited_for(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("the newest")
    (tmp_path / "note").symlink_to(tmp_path / "folder")  # no file, but not missing
    (tmp_path / "soon").symlink_to(tmp_path / "file")
    later = threading.Timer(1, (tmp_path / "soon").replace, [tmp_path / "note"])
    later.start()

    assert read(tmp_path, "note") == b"the newest"
    with pytest.raises(FileNotFoundError):
        read(tmp_path, "nothing")


@pytest.mark.spark
def test_a_lane_goes_on_in_s3_where_it_was_on_the_disk_and_back_again(
    lake: Lake, store: Store, spark: SparkSession, tmp_path: Path
) -> None:
    disk, mark = lake.settings.checkpoints, tmp_path / "mark"
    place = ObjectFolder(f"s3a://lake/{tmp_path.name}", store)
    name = f"silver-{lake.exchange}"
    lake.arrive(trade(lake.exchange, trade_id="1"))
    lake.lane()
    noted, files = told(Checkpoint(disk / name)), notes(disk)

    report = move(disk, place, mark)

    assert told(Checkpoint(place / name)) == noted
    assert noted[2] == 1 and noted[5] == Position(-1, -1)
    assert notes(place) == files and report["files"] == len(files) > 8
    assert (notes(disk), mark.read_text()) == (set(), str(place))

    with s3a(spark, store):
        there = replace(lake, settings=replace(lake.settings, checkpoints=place))
        there.arrive(trade(lake.exchange, trade_id="2"))
        silver, gold = there.lane()
    assert (silver["rows"], gold["inserted"]) == (1, 1)
    assert Checkpoint(place / name).last_batch == 2

    move(place, disk, mark)
    lake.arrive(trade(lake.exchange, trade_id="3"))
    silver, gold = lake.lane()
    assert (silver["rows"], gold["inserted"]) == (1, 1)
    assert [row.trade_id for row in lake.rows("gold.trades", "trade_id")] == list("123")


def test_keys_of_the_store_are_carried_and_never_shown(store: Store) -> None:
    checkpoint = Checkpoint(ObjectFolder("s3a://lake/one", store))
    again = pickle.loads(pickle.dumps(checkpoint))

    assert again == checkpoint and again.path.store.secret_key == store.secret_key
    for shown in (repr(checkpoint), str(checkpoint.path), str(store)):
        assert store.secret_key not in shown and store.access_key not in shown


@contextmanager
def s3a(spark: SparkSession, store: Store) -> Iterator[None]:
    """Tell a session that runs already what a driver of such a lake is told.

    Other tests share the session: it is told so for this block alone.
    """
    asked = Storage(
        jars=Path(str(spark.conf.get("spark.driver.extraClassPath"))).parent,
        warehouse="s3://lake/warehouse",
        checkpoints="s3a://lake",
        s3_endpoint=store.endpoint,
        s3_access_key=store.access_key,
        s3_secret_key=store.secret_key,
    )
    said = conf(asked)
    for key, value in said.items():
        if key.startswith("spark.hadoop."):
            name = key.removeprefix("spark.hadoop.")
            spark.sparkContext._jsc.hadoopConfiguration().set(name, value)
    spark.conf.set(MANAGER, said[MANAGER])
    try:
        yield
    finally:
        spark.conf.unset(MANAGER)


def write(place: Folder, name: str, text: str) -> None:
    system, root = within(place)
    if isinstance(place, Path):
        (place / name).parent.mkdir(parents=True, exist_ok=True)
    with system.open_output_stream(f"{root}/{name}") as file:
        file.write(text.encode())
