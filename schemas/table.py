"""The words in which tables are described, and the walk that finds what there is."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from importlib import import_module
from pathlib import Path

NAMESPACE = "market_data"
CATALOG = "lake"
"""Name of the Iceberg catalog; engines share tables only under the same name."""
ROOT = Path(__file__).parents[1]


class Layer(StrEnum):
    """How far a record has come from the exchange."""

    BRONZE = "bronze"
    SILVER = "silver"
    GOLD = "gold"


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its type in Spark's DDL, and what it means."""

    name: str
    type: str
    about: str
    nullable: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Everything that is true of a table, whoever reads or writes it."""

    layer: Layer
    name: str
    stored_as: str
    """Name in the catalog, with `{exchange}` where each exchange has a table."""
    about: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    partitioned_by: tuple[str, ...]
    sorted_by: tuple[str, ...] = ()
    kept_for: timedelta | None = None
    """Age at which whole partitions are deleted; `None` keeps them for ever."""
    target_file_mb: int = 128
    distribution: str = "none"
    """Iceberg's `write.distribution-mode`: how rows are arranged before a write."""

    @property
    def address(self) -> str:
        """The name this table has in every room, such as `silver.trades`."""
        return f"{self.layer}.{self.name}"

    @property
    def keep_setting(self) -> str:
        """The variable that overrides `kept_for`: BULLION_KEEP_GOLD_TRADES_DAYS."""
        return f"BULLION_KEEP_{self.address.replace('.', '_').upper()}_DAYS"

    @property
    def per_exchange(self) -> bool:
        """Whether each exchange has its own table of this kind."""
        return "{exchange}" in self.stored_as

    @property
    def ddl(self) -> str:
        """The columns as a schema string, as Spark reads it."""
        return ", ".join(
            f"`{column.name}` {column.type}{'' if column.nullable else ' NOT NULL'}"
            for column in self.columns
        )

    def identifier(self, exchange: str = "") -> str:
        """Return the name in the catalog, such as `market_data.silver_acme_trades`.

        A table that all exchanges share has one identifier, whatever the exchange.

        Raises:
            ValueError: the table is one of many, and no exchange was named.
        """
        if self.per_exchange and not exchange:
            raise ValueError(f"{self.address} is a table of each exchange: name one")
        return f"{NAMESPACE}.{self.stored_as.format(exchange=exchange)}"

    def checkpoint(self, exchange: str) -> str:
        """Return the folder, below the checkpoints, of the stream that writes it."""
        name = "" if self.name == "trades" else f"{self.name}-"
        return f"{self.layer}-{name}{exchange}"

    def identifiers(self, exchanges: tuple[str, ...]) -> tuple[str, ...]:
        """Return every name in the catalog: one, or one for each exchange."""
        if not self.per_exchange:
            return (self.identifier(),)
        return tuple(self.identifier(exchange) for exchange in exchanges)


def all_tables() -> tuple[Table, ...]:
    """Return the TABLE of every module under `schemas/tables`, bronze first."""
    return tuple(
        table_at(f"{layer}.{file.stem}")
        for layer in Layer
        for file in sorted((ROOT / "schemas/tables" / layer).glob("[a-z]*.py"))
    )


def table_at(address: str) -> Table:
    """Return the table at an address such as `silver.trades`.

    Raises:
        LookupError: nothing lives there; the message names the addresses there are.
    """
    layer, _, name = address.partition(".")
    if not (ROOT / "schemas/tables" / layer / f"{name}.py").is_file():
        known = sorted(
            f"{file.parent.name}.{file.stem}"
            for file in (ROOT / "schemas/tables").glob("*/[a-z]*.py")
        )
        raise LookupError(f"no table at {address!r}; there are: {', '.join(known)}")
    table: Table = import_module(f"schemas.tables.{address}").TABLE
    return table


def all_exchanges() -> tuple[str, ...]:
    """Return the name of every exchange that has a folder; the folder registers it.

    Names are read from the disk and nothing is imported, so that every room may ask.
    """
    folders = (ROOT / "ingestion/exchanges").glob("*/__init__.py")
    return tuple(sorted(file.parent.name for file in folders))
