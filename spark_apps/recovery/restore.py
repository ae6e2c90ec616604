"""After a loss: the catalog and the checkpoints, as far as anything tells of them.

What happened is in the tables' files. A backup is where the search begins, and never
where it ends: all that was committed after it is found and rolled forward.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pyspark.sql import SparkSession

from schemas.table import all_exchanges, all_tables, table_at
from spark_apps.recovery.backup import Backup
from spark_apps.recovery.database import Database, pointers
from spark_apps.recovery.heads import Head, NoHead, NotRead, head
from spark_apps.recovery.left import streams_of
from spark_apps.recovery.rebuild import CannotRebuild, is_readable, rebuild
from spark_apps.recovery.settings import Backups
from spark_apps.recovery.store import Pointers, Store
from spark_apps.relocation import set_aside

Say = Callable[[str], None]
ENDLESS = ("bronze.trades", "silver.dead_letters")
"""Whose streams come from Kafka: begun anew, they ask the tables where to begin."""


class NotRestored(Exception):
    """Something is lost for good, or a person must decide; the message says what."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is to be done to the catalog, before anything is."""

    load: Path | None
    """Dump that is loaded first; None where the catalog has tables."""
    schemas: Path | None
    """Dump of the schema registry, to be loaded if it has lost its schemas."""
    heads: Mapping[str, Head]
    """Tables that the catalog does not know, or not at their newest."""
    lost: tuple[str, ...]
    """Checkpoints of lanes that are not there, or not whole."""
    whole: int
    """Tables that are as they should be."""


def plan(
    spark: SparkSession,
    checkpoints: Path,
    registry: Database | None,
    backup: Backup | None,
    say: Say,
) -> Plan:
    """Return what has to be done to the catalog, and which checkpoints are lost.

    Raises:
        NotRestored: files of a table are lost; nothing was done.
    """
    store, catalog = Store(spark), Pointers(spark)
    known = pointers(backup.dump) if backup else {}
    heads: dict[str, Head] = {}
    bad: list[str] = []
    seen: set[str] = set()
    whole = there = 0
    names = sorted({*specified(), *known})
    for number, name in enumerate(names, start=1):
        say(f"  looking at table {number} of {len(names)}: {name}")
        try:
            now = catalog.of(name)
        except NotRead as why:
            say(f"    the catalog points at nothing readable: {why}")
            now = ""
        there += bool(now)
        try:
            found = head(store, folder(store, name, known), now or known.get(name, ""))
        except NoHead as why:
            bad.append(f"{name}: {why}")
            continue
        if found is None:
            continue
        seen.add(name)
        if found.location == now:
            whole += 1
        else:
            heads[name] = found
    if bad:
        raise NotRestored("\n".join(("the object store has lost files:", *bad)))
    return Plan(
        load=backup.dump if backup and not there else None,
        schemas=backup.schemas if backup and registry and registry.is_empty() else None,
        heads=heads,
        lost=tuple(
            stream.name
            for exchange in all_exchanges()
            if set(lane_of(exchange)) <= seen
            for stream in streams_of(exchange, checkpoints)
            if not is_readable(stream.checkpoint)
        ),
        whole=whole,
    )


def specified() -> tuple[str, ...]:
    """Return the names of all tables that there could be, by their specs."""
    return tuple(
        name for table in all_tables() for name in table.identifiers(all_exchanges())
    )


def folder(store: Store, name: str, known: Mapping[str, str]) -> str:
    """Return where a table's files are: as the catalog had it, or by its name."""
    if name in known:
        return known[name].rpartition("/metadata/")[0]
    return f"{store.warehouse}/{name.replace('.', '/')}"


def told(plan: Plan) -> tuple[str, ...]:
    """Return in words what a plan is."""
    lines = []
    if plan.load:
        lines.append(f"load the catalog from {plan.load}")
    if plan.schemas:
        lines.append(f"load the schema registry from {plan.schemas}")
    for name, found in plan.heads.items():
        lines.append(f"point {name} at {found.location.rpartition('/')[2]}")
        lines += [f"  mind: {doubt}" for doubt in found.doubts]
    lines += [f"make the checkpoint {name} again" for name in plan.lost]
    lines.append(
        f"leave {plan.whole} tables as they are, and compare every checkpoint with them"
    )
    return tuple(lines)


def carry_out(
    spark: SparkSession,
    plan: Plan,
    asked: Backups,
    checkpoints: Path,
    backup: Backup | None,
    say: Say,
) -> Sequence[str]:
    """Do what was planned; return what became of each thing that was not as it was.

    It may be interrupted, and done again, at any point.

    Raises:
        NotRestored: checkpoints could not be made; the message says which and why.
    """
    done: list[str] = []
    if plan.load:
        asked.catalog.load(plan.load)
        done.append(f"catalog: loaded from {plan.load.parent.name}")
    if plan.schemas and asked.registry:
        asked.registry.load(plan.schemas)
        done.append(f"schema registry: loaded from {plan.schemas.parent.name}")
    catalog = Pointers(spark)
    for name, found in plan.heads.items():
        catalog.point(name, found.location)
        done.append(f"{name}: points at {found.location.rpartition('/')[2]}")
        say(f"  {done[-1]}")
    exchanges = tuple(each for each in all_exchanges() if is_there(catalog, each))
    for exchange in exchanges:
        done += begin_anew(checkpoints, exchange, plan.heads)
    refused = []
    for exchange in exchanges:
        for stream in streams_of(exchange, checkpoints):
            copy = backup.checkpoint(stream.name) if backup else None
            try:
                rebuilt = rebuild(spark, stream, copy)
            except CannotRebuild as why:
                refused.append(str(why))
                continue
            if rebuilt.said:
                done.append(f"checkpoint {rebuilt.stream}: {rebuilt.said}")
            say(f"  checkpoint {rebuilt.stream}: {rebuilt.said or 'agrees'}")
    if refused:
        raise NotRestored("\n".join(refused))
    return tuple(done)


def is_there(catalog: Pointers, exchange: str) -> bool:
    """Return whether the lane of an exchange has its tables."""
    return all(catalog.of(name) for name in lane_of(exchange))


def lane_of(exchange: str) -> tuple[str, ...]:
    """Return the names of the tables that are an exchange's own."""
    ours = (table for table in all_tables() if table.per_exchange)
    return tuple(table.identifier(exchange) for table in ours)


def begin_anew(
    checkpoints: Path, exchange: str, heads: Mapping[str, Head]
) -> list[str]:
    """Move aside the checkpoints of endless streams whose tables were found again.

    A table may have come back without its last commit, which the checkpoint takes for
    done. Without one, the stream asks the tables where it stopped.
    """
    done = []
    for table in (table_at(address) for address in ENDLESS):
        path = checkpoints / table.checkpoint(exchange)
        if table.identifier(exchange) in heads and path.exists():
            _, aside = set_aside(path)
            done.append(f"checkpoint {path.name}: moved to {aside}, begins anew")
    return done
