"""What is lost of a whole stack comes back: checkpoints, catalog, and both at once.

The story's second part: the same five promises are held.
"""

import json
import shutil
import subprocess
import time

import pytest

from query.status import Airflow
from schemas.exchange import usual_exchanges
from stack.place import Place
from stack.programs import as_postgres
from tests.stack import promises
from tests.stack.laptop import Laptop, eventually

pytestmark = pytest.mark.stack


def lose_checkpoints(laptop: Laptop) -> None:
    shutil.rmtree(laptop.home / "checkpoints")


def lose_databases(laptop: Laptop, *names: str) -> None:
    """Drop databases while everything is down."""
    place = Place.read(laptop.env)
    folder = place.data / "postgres"
    # The server in single-user mode: nothing else has to run for this.
    (folder / "postmaster.pid").unlink(missing_ok=True)
    subprocess.run(
        [
            *as_postgres(),
            str(place.postgres_bin / "postgres"),
            *("--single", "-D", str(folder), "postgres"),
        ],
        input="".join(f"DROP DATABASE {name};\n" for name in names),
        text=True,
        check=True,
        capture_output=True,
        cwd=place.data,
    )


def restored(laptop: Laptop) -> tuple[str, list[str]]:
    """Return all that a restore said, and where it made which checkpoint go on."""
    began = time.monotonic()
    said = laptop.run("restore", "--yes")
    print(said, f"restored within {time.monotonic() - began:.0f} s", sep="\n")
    done = said.rpartition("things were restored:")[2].splitlines()
    return said, [line for line in done if line.startswith("  checkpoint ")]


def passed_over(laptop: Laptop) -> list[dict[str, object]]:
    """Return what Kafka gave that bronze lacks or doubles, and what gold lacks.

    While the stack is down nobody listens to the exchanges: ids of that time are holes
    until they are filled from REST, and no fault of a restore.
    """
    found = []
    for exchange in usual_exchanges():
        found += laptop.sql(
            'SELECT "partition", count(*) AS n, min("offset") AS a, max("offset") AS b '
            f"FROM bronze_{exchange}_trades GROUP BY ALL "
            'HAVING a <> 0 OR b + 1 <> n OR count(DISTINCT "offset") <> n'
        )
        found += laptop.sql(
            "WITH ends AS (SELECT symbol, max(trade_id::BIGINT) AS last FROM "
            f"{promises.GOLD} WHERE exchange = '{exchange.upper()}' GROUP BY ALL) "
            f"SELECT s.symbol, s.trade_id FROM silver_{exchange}_trades s "
            f"JOIN ends ON ends.symbol = s.symbol ANTI JOIN {promises.GOLD} g "
            "ON g.message_id = s.message_id WHERE s.trade_id::BIGINT <= ends.last"
        )
    return found


def require_promises(laptop: Laptop) -> None:
    assert promises.doubled(laptop) == []
    assert promises.settled(laptop) == []
    # Trades of a fill have old ids: some may be on their way from silver to gold.
    eventually(lambda: passed_over(laptop) == [], "gold has what silver had before")
    for exchange in usual_exchanges():
        compared, differ = promises.bent(laptop, exchange)
        assert compared and differ == []


def drilled(laptop: Laptop, run: str, **conf: str) -> dict[str, str]:
    """Trigger the drill in Airflow; return how each of its tasks ended."""
    flow, runs = Airflow(laptop.settings), "/api/v2/dags/restore_drill/dagRuns"
    flow.ask(runs, {"dag_run_id": run, "logical_date": None, "conf": conf})

    def state() -> str:
        return str(flow.ask(f"{runs}/{run}")["state"])

    eventually(lambda: state() in ("success", "failed"), f"{run} ends", every=3)
    tasks = flow.ask(f"{runs}/{run}/taskInstances")["task_instances"]
    return {each["task_id"]: str(each["state"]) for each in tasks}


def test_a_backup_is_taken_beside_running_streams(laptop: Laptop) -> None:
    promises.goes_on(laptop)

    laptop.run("backup")

    # Airflow has taken one too, at the first start.
    backup = max((laptop.home / "backups").glob("[0-9]*"))
    manifest = json.loads((backup / "manifest.json").read_text())
    names = {path.name for path in (laptop.home / "checkpoints").iterdir()}
    assert set(manifest["streams"]) == names
    assert all(told["query_id"] for told in manifest["streams"].values())
    for exchange in usual_exchanges():
        assert f"market_data.silver_{exchange}_trades" in manifest["tables"]


def test_a_drill_restores_it_beside_all_that_runs_and_leaves_nothing(
    laptop: Laptop,
) -> None:
    backups = laptop.home / "backups"
    newest = max(backups.glob("[0-9]*")).name

    said = laptop.run("drill")

    print(said)
    assert f"backup {newest}, " in said and "the backup HOLDS" in said
    assert "a restore would lose nothing" in said
    told = json.loads((backups / "drills.jsonl").read_text().splitlines()[-1])
    assert (told["backup"], told["verdict"]) == (newest, "holds")
    assert {each["state"] for each in told["tables"]} == {"as then"}
    streams = {each["name"] for each in told["streams"]}
    assert streams == {path.name for path in (laptop.home / "checkpoints").iterdir()}
    assert not (backups / ".drill").exists()
    assert drilled(laptop, "by-name", backup=newest) == {
        "drill": "success",
        "verdict": "success",
    }
    promises.goes_on(laptop)


def test_a_drill_is_red_where_a_file_of_a_table_is_gone(laptop: Laptop) -> None:
    # The oldest of bronze: whoever reads it has done so, and it is brought back.
    name = f"market_data.bronze_{usual_exchanges()[0]}_trades"
    table = laptop.catalog.load_table(name)
    entries = table.inspect.entries().sort_by("sequence_number").to_pylist()
    gone = str(entries[0]["data_file"]["file_path"])
    with table.io.new_input(gone).open() as file:
        content = file.read()
    table.io.delete(gone)
    try:
        said = laptop.run("drill", check=False)
        states = drilled(laptop, "a-file-is-gone")
    finally:
        with table.io.new_output(gone).create() as file:
            file.write(content)

    assert "the backup FAILS" in said
    assert f"AT FAULT: {name}: 1 of " in said and gone in said
    # It could be asked, and the answer is no.
    assert states == {"drill": "success", "verdict": "failed"}
    # No DAG's newest run has failed then: the watch has nothing to tell.
    assert drilled(laptop, "it-is-back")["verdict"] == "success"
    assert laptop.status()["drill"]["verdict"] == "holds"


def test_restore_is_refused_while_anything_runs(laptop: Laptop) -> None:
    with pytest.raises(AssertionError, match="./bullion down"):
        laptop.run("restore", "--yes")


def test_what_is_lost_is_made_again(laptop: Laptop) -> None:
    before = {
        exchange: promises.rows(laptop, exchange) for exchange in usual_exchanges()
    }
    promises.end_everything(laptop)

    lose_checkpoints(laptop)
    _, places = restored(laptop)
    assert len(places) == 2 * len(usual_exchanges())

    lose_databases(laptop, "catalog", "registry")
    said, _ = restored(laptop)
    assert "catalog: loaded from" in said
    assert "schema registry: loaded from" in said

    lose_checkpoints(laptop)
    lose_databases(laptop, "catalog")
    shutil.rmtree(laptop.home / "backups")
    said, again = restored(laptop)
    assert "no backup" in said
    assert again == places

    laptop.run("up", "--no-wait")
    promises.goes_on(laptop)
    assert all(promises.rows(laptop, exchange) > n for exchange, n in before.items())
    require_promises(laptop)
    held, differ = promises.other_candles(laptop, "1m")
    assert held
    assert differ == []
