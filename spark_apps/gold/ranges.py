"""Trades to the ranges of their ids, and ranges that grow together."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from schemas.trade import CONNECTION

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LIVE = "ws"
"""What `vendor_data` says of the source of a trade that came by WebSocket."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A row of `gold.ranges`: trade ids of which gold has every one."""

    exchange: str
    symbol: str
    first_id: int
    last_id: int
    first_timestamp: datetime
    last_timestamp: datetime
    live_from_id: int | None = None
    """The first trade that came by WebSocket, and not from the past."""
    live_since: datetime | None = None
    """When its first frame by WebSocket reached us."""
    first_connection: str | None = None
    last_connection: str | None = None
    """By which connections the trades at its ends came; see `ingestion.reading`."""

    @property
    def whose(self) -> tuple[str, str]:
        return self.exchange, self.symbol


def ranges(trades: DataFrame) -> DataFrame:
    """Return the unbroken ranges of ids in some of gold's trades, times in us.

    An id that is no number is nobody's: the rows of exchanges that count their trades
    have none.
    """
    mine = Window.partitionBy("exchange", "symbol").orderBy("id")
    return (
        trades.select(
            "exchange",
            "symbol",
            F.expr("try_cast(trade_id AS bigint)").alias("id"),
            F.unix_micros("timestamp").alias("us"),
            F.unix_micros("ingestion_timestamp").alias("came_us"),
            (F.col("vendor_data")["source"] == LIVE).alias("live"),
            F.col("vendor_data")[CONNECTION].alias("connection"),
        )
        .where("id IS NOT NULL")
        # The rows of one range have one difference: both count up by one.
        .withColumn("apart", F.col("id") - F.row_number().over(mine))
        .groupBy("exchange", "symbol", "apart")
        .agg(
            F.min("id").alias("first_id"),
            F.max("id").alias("last_id"),
            F.min_by("us", "id").alias("first_us"),
            F.max_by("us", "id").alias("last_us"),
            F.min(F.when(F.col("live"), F.col("id"))).alias("live_from_id"),
            F.min(F.when(F.col("live"), F.col("came_us"))).alias("live_since_us"),
            F.min_by("connection", "id").alias("first_connection"),
            F.max_by("connection", "id").alias("last_connection"),
        )
        .drop("apart")
    )


def collected(found: DataFrame) -> list[Held]:
    """Return the rows of `ranges`."""
    return [
        Held(
            exchange=row.exchange,
            symbol=row.symbol,
            first_id=row.first_id,
            last_id=row.last_id,
            first_timestamp=moment(row.first_us),
            last_timestamp=moment(row.last_us),
            live_from_id=row.live_from_id,
            live_since=moment(row.live_since_us) if row.live_since_us else None,
            first_connection=row.first_connection,
            last_connection=row.last_connection,
        )
        for row in found.collect()
    ]


def moment(us: int) -> datetime:
    """Return microseconds since 1970 as a moment in UTC."""
    return EPOCH + timedelta(microseconds=us)


def grown(held: Iterable[Held]) -> Mapping[tuple[str, str], Sequence[Held]]:
    """Return each symbol's ranges, ascending, those that touch or overlap as one."""
    whole: dict[tuple[str, str], list[Held]] = {}
    for each in sorted(held, key=lambda h: (h.exchange, h.symbol, h.first_id)):
        mine = whole.setdefault(each.whose, [])
        if mine and each.first_id <= mine[-1].last_id + 1:
            mine[-1] = _as_one(mine[-1], each)
        else:
            mine.append(each)
    return whole


def _as_one(low: Held, high: Held) -> Held:
    last = max(low, high, key=lambda each: each.last_id)
    lives = [each.live_from_id for each in (low, high) if each.live_from_id is not None]
    since = [each.live_since for each in (low, high) if each.live_since is not None]
    return Held(
        exchange=low.exchange,
        symbol=low.symbol,
        first_id=low.first_id,
        last_id=last.last_id,
        first_timestamp=low.first_timestamp,
        last_timestamp=last.last_timestamp,
        live_from_id=min(lives, default=None),
        live_since=min(since, default=None),
        first_connection=low.first_connection,
        last_connection=last.last_connection,
    )
