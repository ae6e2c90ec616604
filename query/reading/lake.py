"""The tables by name in DuckDB, each at one snapshot: the current one, or an old."""

import re
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, TypeVar

import duckdb
import pyarrow as pa
from pyiceberg.catalog import Catalog

from query.catalog import open_catalog, table_names, unions
from query.reading.as_of import NOTHING
from query.reading.columns import no_rows
from query.reading.connection import connection
from query.reading.environment import settings_here
from query.reading.frames import to_pandas, to_polars
from query.reading.meant import explained
from query.reading.pins import AsOf, Pin, Pins
from query.reading.refused import QueryRefused
from query.reading.statements import only_reads
from query.reading.terms import Term, all_terms
from query.reading.travel import travelled
from query.settings import Settings

if TYPE_CHECKING:
    from pandas import DataFrame
    from polars import DataFrame as PolarsFrame

T = TypeVar("T")
TRIES = 4
"""How often a query is asked if upkeep removes files under it again and again."""


class Lake:
    """A connection that knows the lake's tables; they are looked up when named.

    A table stays at the snapshot at which it was first named, so that two questions to
    one Lake agree. Once upkeep has removed that, the newest takes its place.

    With `as_of` each table is as it was at that time. A snapshot's id stands for its
    table at it, and for the others as they were when it was committed.

    Raises:
        QueryRefused: `as_of` is no time, or yet to come, or no table's snapshot; or
            there are neither settings nor an environment that says them.
    """

    def __init__(
        self,
        settings: Settings | None = None,
        catalog: Catalog | None = None,
        *,
        as_of: AsOf | None = None,
    ) -> None:
        self.settings = settings or settings_here()
        self.catalog = catalog or open_catalog(self.settings)
        self.pins = Pins(self.settings, self.catalog, as_of)
        self.terms = {term.name: term for term in all_terms()}
        self.engine = connection(self.settings)
        self._made: set[str] = set()
        self._pinned: dict[str, Pin] = {}

    def __enter__(self) -> "Lake":
        return self

    def __exit__(self, *_: object) -> None:
        self.engine.close()

    @property
    def names(self) -> tuple[str, ...]:
        """Every table and union that may stand after FROM; `terms` may too."""
        exchanges = self.settings.exchanges
        return (*table_names(exchanges), *unions(exchanges))

    def arrow(self, text: str) -> pa.Table:
        """Return a query's answer as Arrow.

        Raises:
            QueryRefused: it would write, or names what is not there.
        """
        return self.read(text, lambda answer: answer.to_arrow_table())

    def pandas(self, text: str) -> "DataFrame":
        """Return the answer for pandas, in Arrow's types: decimals stay exact."""
        return to_pandas(self.arrow(text))

    def polars(self, text: str) -> "PolarsFrame":
        """Return the answer for polars."""
        return to_polars(self.arrow(text))

    def read(self, text: str, take: Callable[[duckdb.DuckDBPyConnection], T]) -> T:
        """Return what is taken from a query's answer, whole.

        DuckDB reads while it is taken. Should upkeep remove a file meanwhile, tables
        are looked up anew, and the query is asked and its answer taken once more.

        Raises:
            QueryRefused: it would write, or names what is not there.
        """
        for tries_left in reversed(range(TRIES)):
            try:
                return take(self._ask(text))
            except duckdb.IOException as error:
                if not tries_left or not self._moved():
                    raise QueryRefused(explained(str(error), text, self)) from error
            except duckdb.Error as error:
                raise QueryRefused(explained(str(error), text, self)) from error
        raise AssertionError("the last try returns or raises")

    def view(self, name: str) -> None:
        """Make the view of a table or the macro of a term, once a connection."""
        if name in self._made:
            return
        parts = unions(self.settings.exchanges).get(name)
        match self.terms.get(name):
            case Term() as term:
                for each in term.reads:
                    self.view(each)
                term.define(self.engine)
            case None if parts:
                for part in parts:
                    self.view(part)
                self._unite(name, zip(parts, parts, strict=True))
            case None:
                self._place(name, self._pinned.get(name) or self.pins.pin(name))
        self._made.add(name)

    def named_in(self, text: str) -> Iterator[str]:
        """Yield each table, union and term that a text names."""
        for name in (*self.names, *self.terms):
            if re.search(rf"\b{name}\b", text, re.IGNORECASE):
                yield name

    def at(self, name: str, as_of: AsOf) -> str:
        """Return the view of a table, or a union, as it was at a time or snapshot.

        Raises:
            QueryRefused: that is not kept, or a union was to be at a snapshot.
        """
        parts = unions(self.settings.exchanges).get(name)
        moment, snapshot_id = self.pins.asked(as_of)
        if parts and snapshot_id is not None:
            raise QueryRefused(
                f"{name} has no snapshots of its own: name a time, or a table of "
                f"{', '.join(parts)}"
            )
        suffix = f"_at_{snapshot_id or (moment and int(moment.timestamp() * 1e6))}"
        for part in parts or (name,):
            view = part + suffix
            pin = self._pinned.get(view) or self.pins.pin(part, moment, snapshot_id)
            self._place(view, pin)
        if parts:
            self._unite(name + suffix, [(part, part + suffix) for part in parts])
        return name + suffix

    def _ask(self, text: str) -> duckdb.DuckDBPyConnection:
        asked = travelled(text, self.names, self.at)
        only_reads(asked)
        for name in self.named_in(asked):
            self.view(name)
        return self.engine.execute(asked)

    def _place(self, view: str, pin: Pin) -> None:
        """Make the view of a table at its pin."""
        self._pinned[view] = pin
        if pin.snapshot_id == NOTHING:
            rows = no_rows(self.pins.tables[pin.name][0])
        else:
            # Without an id its columns are today's, not those of the snapshot's day.
            at = "" if pin.is_current else f", snapshot_from_id := {pin.snapshot_id}"
            rows = f"SELECT * FROM iceberg_scan('{pin.location}'{at})"
        self.engine.execute(f"CREATE OR REPLACE VIEW {view} AS {rows}")

    def _unite(self, name: str, parts: Iterable[tuple[str, str]]) -> None:
        """Make the union of tables, each given with the view that shows it."""
        whole = " UNION ALL BY NAME ".join(
            f"SELECT *{self._exchange(part)} FROM {view}" for part, view in parts
        )
        self.engine.execute(f"CREATE OR REPLACE VIEW {name} AS {whole}")

    def _exchange(self, part: str) -> str:
        """Return the column that says whose rows these are, where none does."""
        table, exchange = self.pins.tables[part]
        if any(column.name == "exchange" for column in table.columns):
            return ""
        return f", '{exchange.upper()}' AS exchange"

    def _moved(self) -> bool:
        """Look the pinned tables up anew; return whether any has other files now."""
        newer = {view: self.pins.renewed(pin) for view, pin in self._pinned.items()}
        if newer == self._pinned:
            return False
        self._pinned = newer
        # Columns may be others too, and what was made of the old ones is made again.
        self._made.clear()
        for view, pin in newer.items():
            self._place(view, pin)
        return True
