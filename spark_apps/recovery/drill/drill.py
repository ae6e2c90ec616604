"""The drill itself: a backup in, and out whether a restore from it would do."""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from schemas.table import Table, all_exchanges, all_tables
from spark_apps.recovery.backup import (
    MANIFEST,
    Backup,
    BackupDamaged,
    all_backups,
    opened,
)
from spark_apps.recovery.drill.broker import Broker
from spark_apps.recovery.drill.objects import Objects
from spark_apps.recovery.drill.report import FAILS, HOLDS, Report, short
from spark_apps.recovery.drill.scratch import NotLoaded, Scratch, scratch
from spark_apps.recovery.drill.streams import ENDLESS, Judged, of_kafka, of_lane
from spark_apps.recovery.drill.tables import Found, by_name, found
from spark_apps.recovery.left import streams_of
from spark_apps.recovery.settings import Backups
from spark_apps.settings import Settings
from spark_apps.upkeep.keep import Keep

NEXT = "take a backup (./bullion backup, or the DAG checkpoint_backup), then drill it"


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """What was found of a backup, and what is wrong with all of it."""

    tables: tuple[Found, ...] = ()
    streams: tuple[Judged, ...] = ()
    faults: tuple[str, ...] = ()


def drill(
    settings: Settings, asked: Backups, keep: Keep, env: Mapping[str, str], chosen: str
) -> Report:
    """Restore a backup beside all that runs, and return what was found.

    Raises:
        DatabaseFailed, BrokerAway, StoreAway: what is needed to judge does not answer.
    """
    began, now = time.monotonic(), datetime.now(UTC)
    backup: Backup | None = None
    try:
        backup = picked(asked.folder, chosen)
        with scratch(backup, asked, env) as place:
            proof = proven(settings, backup, keep, place)
    except (BackupDamaged, NotLoaded) as why:
        proof = Proof(faults=(f"{why}: {NEXT}",))
    faults = (
        *proof.faults,
        *(f"{each.name}: {each.note}" for each in proof.tables if each.is_lost),
        *(
            f"checkpoint {each.name}: {each.fault}"
            for each in proof.streams
            if each.fault
        ),
    )
    return {
        "at": now.isoformat(timespec="seconds"),
        "backup": backup.folder.name if backup else "",
        "age_hours": age_hours(backup, now) if backup else 0.0,
        "verdict": FAILS if faults else HOLDS,
        "faults": list(faults),
        "tables": [as_row(each) for each in proof.tables],
        "streams": [as_row(each) for each in proof.streams],
        "files": sum(each.files for each in proof.tables),
        "lost": sum(each.lost for each in proof.streams),
        "alone_until": alone_until(backup, keep, settings.exchanges) if backup else "",
        "seconds": round(time.monotonic() - began, 1),
    }


def picked(folder: Path, chosen: str) -> Backup:
    """Return the backup of that name, or the newest.

    Raises:
        BackupDamaged: there is none, or it is not whole.
    """
    there = all_backups(folder)
    if not chosen and there:
        return opened(there[0])
    for each in there:
        if each.name == chosen:
            return opened(each)
    names = ", ".join(each.name for each in there)
    if not there:
        raise BackupDamaged(f"there is no backup in {folder}")
    raise BackupDamaged(f"no backup {chosen}; there are: {names}")


def proven(settings: Settings, backup: Backup, keep: Keep, place: Scratch) -> Proof:
    """Return what is found of a backup that was restored in a scratch place."""
    known: Mapping[str, str] = json.loads((backup.folder / MANIFEST).read_text())[
        "tables"
    ]
    held = place.database.pointers()
    if held != known:
        differ = ", ".join(sorted({*held.items()} ^ {*known.items()})[0])
        why = f"the catalog does not hold what the manifest says, such as {differ}"
        return Proof(faults=(f"{why}: {NEXT}",))
    objects = Objects(place.catalog.properties)
    specs = of_names(all_exchanges())
    wanted = of_names(settings.exchanges)
    looked = tuple(
        found(
            name,
            known.get(name, ""),
            place.catalog,
            objects,
            int(backup.taken_at.timestamp() * 1000),
            keep.history(specs[name]) if name in specs else keep.snapshots,
        )
        for name in sorted({*wanted, *known})
    )
    broker = Broker(settings.kafka_servers)
    try:
        return Proof(tables=looked, streams=checkpoints(place, looked, broker))
    finally:
        broker.close()


def checkpoints(
    place: Scratch, looked: tuple[Found, ...], broker: Broker
) -> tuple[Judged, ...]:
    """Return what is found of each checkpoint that the backup has."""
    names = by_name(looked)
    judged = []
    for exchange in all_exchanges():
        for stream in streams_of(exchange, place.checkpoints):
            if stream.folder.is_dir():
                judged.append(of_lane(stream, names))
        for spec in all_tables():
            folder = place.checkpoints / spec.checkpoint(exchange)
            if spec.address in ENDLESS and folder.is_dir():
                table = names.get(
                    spec.identifier(exchange if spec.per_exchange else "")
                )
                judged.append(of_kafka(spec.address, exchange, folder, table, broker))
    return tuple(sorted(judged, key=lambda each: each.name))


def of_names(exchanges: tuple[str, ...]) -> Mapping[str, Table]:
    """Return the spec of each table that these exchanges have, by its name."""
    return {
        name: table for table in all_tables() for name in table.identifiers(exchanges)
    }


def age_hours(backup: Backup, now: datetime) -> float:
    return round((now - backup.taken_at).total_seconds() / 3600, 2)


def alone_until(backup: Backup, keep: Keep, exchanges: tuple[str, ...]) -> str:
    """Return until when each table can be read as it was, by today's settings."""
    ages = (keep.history(table) for table in of_names(exchanges).values())
    return short(backup.taken_at + min(ages))


def as_row(one: Found | Judged) -> dict[str, Any]:
    """Return the fields that a report shows."""
    return {
        each.name: getattr(one, each.name)
        for each in fields(one)
        if each.name != "table"
    }
