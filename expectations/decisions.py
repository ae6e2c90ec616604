"""What people decided of closed gates, and which rows are judged no more for it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import duckdb
import pyarrow as pa
from pyiceberg.catalog import Catalog
from pyiceberg.expressions import And, EqualTo, Reference
from pyiceberg.expressions.literals import literal

from expectations.stage import REFUSE, STAGE, TRADE
from schemas.table import table_at


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """A row of `gold.decisions`, as far as the gate goes by it."""

    snapshot_from: int
    snapshot_to: int
    decision: str
    expectations: frozenset[str]

    def covered(self, line: Sequence[int]) -> frozenset[int]:
        """Return which snapshots of a line, the newest first, it was taken of."""
        if self.snapshot_to not in line:
            return frozenset()
        mine = line[line.index(self.snapshot_to) :]
        if self.snapshot_from in mine:
            mine = mine[: mine.index(self.snapshot_from)]
        return frozenset(mine)


@dataclass(frozen=True, slots=True, kw_only=True)
class Exempt:
    """What of an increment is judged no more; empty where nobody decided anything."""

    admitted: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Expectations by the data file whose rows need not meet them."""
    refused: pa.Table | None = None
    """TRADE of each that is a dead letter; gold leaves out whatever says it again."""

    def __bool__(self) -> bool:
        return bool(self.admitted) or self.refused is not None

    def names(self) -> frozenset[str]:
        """Return the expectations that some rows need not meet."""
        return frozenset(name for each in self.admitted.values() for name in each)

    def load(self, engine: duckdb.DuckDBPyConnection) -> None:
        """Put both into temporary tables, `admitted` and `refused`.

        Files are told by their last name, for a path may be spelt in several ways.
        """
        engine.execute(
            "CREATE OR REPLACE TEMP TABLE admitted (file VARCHAR, name VARCHAR); "
            "CREATE OR REPLACE TEMP TABLE refused (symbol VARCHAR, trade_id VARCHAR)"
        )
        pairs = [
            (file.rpartition("/")[2], name)
            for file, names in self.admitted.items()
            for name in names
        ]
        if pairs:
            engine.executemany("INSERT INTO admitted VALUES ($1, $2)", pairs)
        if self.refused is not None:
            engine.register("letters", self.refused)
            engine.execute("INSERT INTO refused SELECT * FROM letters")
            engine.unregister("letters")


NOBODY = Exempt()
"""Nobody decided anything."""


def decisions(catalog: Catalog, exchange: str) -> list[Decision]:
    """Return what was decided of one exchange's lane."""
    table = catalog.load_table(table_at("gold.decisions").identifier())
    rows = table.scan(
        row_filter=EqualTo(term=Reference("exchange"), value=literal(exchange.upper()))
    ).to_arrow()
    return [
        Decision(
            snapshot_from=row["snapshot_from"],
            snapshot_to=row["snapshot_to"],
            decision=row["decision"],
            expectations=frozenset(row["expectations"].split(",")),
        )
        for row in rows.to_pylist()
    ]


def exempt(
    catalog: Catalog, exchange: str, files: Mapping[int, Sequence[str]]
) -> Exempt:
    """Return what was decided of an increment: its files by snapshot, newest first."""
    line = list(files)
    taken = decisions(catalog, exchange)
    if not taken:
        return NOBODY
    admitted: dict[str, frozenset[str]] = {}
    for decision in taken:
        for snapshot in decision.covered(line):
            for file in files[snapshot]:
                known = admitted.get(file, frozenset())
                admitted[file] = known | decision.expectations
    refused = any(decision.decision == REFUSE for decision in taken)
    return Exempt(
        admitted=admitted, refused=letters(catalog, exchange) if refused else None
    )


def letters(catalog: Catalog, exchange: str) -> pa.Table:
    """Return TRADE of each row of the exchange that a person refused."""
    table = catalog.load_table(table_at("silver.dead_letters").identifier())
    mine = And(
        EqualTo(term=Reference("stage"), value=literal(STAGE)),
        EqualTo(term=Reference("exchange"), value=literal(exchange.upper())),
    )
    return table.scan(row_filter=mine, selected_fields=TRADE).to_arrow().select(TRADE)
