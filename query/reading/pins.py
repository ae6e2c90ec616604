"""At which snapshot each table is read, and where it is found again when files go."""

from dataclasses import dataclass, replace
from datetime import datetime

from pyiceberg.catalog import Catalog
from pyiceberg.table import Table

from query.catalog import table_names
from query.reading.as_of import (
    NOTHING,
    committed_at,
    moment_of,
    snapshot_at,
    snapshot_named,
)
from query.settings import Settings
from schemas.table import NAMESPACE

AsOf = datetime | str | int
YEAR = 8
"""Digits of a day such as 20261105; more are the id of a snapshot."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pin:
    """One table at one snapshot."""

    name: str
    location: str
    """Of the metadata file by which it is read; the lanes' next commits remove it."""
    snapshot_id: int
    asked_for: bool
    """Whether this snapshot was meant, and not whatever is current."""
    is_current: bool
    """Whether it was the current one of that metadata."""


class Pins:
    """Finds each table's snapshot: the current one, or that of a time or an id."""

    def __init__(
        self, settings: Settings, catalog: Catalog, as_of: AsOf | None
    ) -> None:
        self.catalog = catalog
        self.tables = table_names(settings.exchanges)
        self.named = ""
        """The one table that was named by its snapshot's id."""
        self.moment, self.snapshot_id = self.asked(as_of)
        if self.snapshot_id is not None:
            made = {name for *_, name in catalog.list_tables(NAMESPACE)}
            every = ((n, self.table(n)) for n in self.tables if n in made)
            self.named, self.moment = committed_at(every, self.snapshot_id)

    @staticmethod
    def asked(as_of: AsOf | None) -> tuple[datetime | None, int | None]:
        """Return a time, or a snapshot's id, or neither."""
        match as_of:
            case None:
                return None, None
            case int():
                return None, as_of
            case str() if as_of.strip().isdigit() and len(as_of.strip()) > YEAR:
                return None, int(as_of)
            case _:
                return moment_of(as_of), None

    def table(self, name: str) -> Table:
        spec, exchange = self.tables[name]
        return self.catalog.load_table(spec.identifier(exchange))

    def pin(
        self, name: str, moment: datetime | None = None, snapshot_id: int | None = None
    ) -> Pin:
        """Return a table's pin; what is named here goes before what all are as of.

        Raises:
            QueryRefused: upkeep has removed what was asked for.
        """
        table = self.table(name)
        if moment is None and snapshot_id is None:
            moment = self.moment
            if self.named == name:
                snapshot_id = self.snapshot_id
        current = current_of(table)
        at = current
        if snapshot_id is not None:
            at = snapshot_named(name, table, snapshot_id)
        elif moment is not None:
            at = snapshot_at(name, table, moment)
        return Pin(
            name=name,
            location=table.metadata_location,
            snapshot_id=at,
            asked_for=snapshot_id is not None or moment is not None,
            is_current=at == current,
        )

    def renewed(self, pin: Pin) -> Pin:
        """Return the same snapshot by today's metadata, or the newest if it has gone.

        Raises:
            QueryRefused: it has gone, and was asked for.
        """
        table = self.table(pin.name)
        current, at = current_of(table), pin.snapshot_id
        if pin.asked_for:
            snapshot_named(pin.name, table, at)
        elif at != NOTHING and table.snapshot_by_id(at) is None:
            at = current
        location = table.metadata_location
        return replace(pin, location=location, snapshot_id=at, is_current=at == current)


def current_of(table: Table) -> int:
    snapshot = table.current_snapshot()
    return snapshot.snapshot_id if snapshot else NOTHING
