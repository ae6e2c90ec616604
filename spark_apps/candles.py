"""Candles of any width: computed whole from trades, or from finer candles."""

from datetime import timedelta
from functools import partial

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from schemas.candle import CANDLE_COLUMNS
from spark_apps.app import Run, Windows


def candles(writes: str, reads: str, width: timedelta) -> Windows:
    """Return the app that keeps the candles of one width, from trades or candles."""
    anew = partial(from_trades, width=width)
    finer = partial(from_candles, width=width)
    return Windows(
        writes=writes,
        reads=reads,
        width=width,
        becomes=anew if reads == "gold.trades" else finer,
        anew=anew,
    )


def touched(trades: DataFrame, width: timedelta) -> DataFrame:
    """Return the key of each window in which one of these rows lies, once."""
    start = window_start("timestamp", width).alias("window_start")
    return trades.select("exchange", "symbol", start).distinct()


def window_start(column: str, width: timedelta) -> Column:
    """Return the first instant of the window that a time lies in; windows are UTC."""
    every = width // timedelta(microseconds=1)
    return F.expr(
        f"timestamp_micros(unix_micros({column}) - "
        f"pmod(unix_micros({column}), {every}L))"
    )


def from_trades(trades: DataFrame, run: Run, width: timedelta) -> DataFrame:
    """Return the candle of each window, from all of its trades."""
    by_exchange_order = F.struct(
        "timestamp", F.expr("try_cast(trade_id AS decimal(38, 0))"), "trade_id"
    )
    bought = F.expr("CASE WHEN side = 'BUY' THEN quantity ELSE 0 END")
    start = window_start("timestamp", width).alias("window_start")
    sums = trades.groupBy("exchange", "symbol", start).agg(
        F.min_by("price", by_exchange_order).alias("open_price"),
        F.max("price").alias("high_price"),
        F.min("price").alias("low_price"),
        F.max_by("price", by_exchange_order).alias("close_price"),
        F.try_sum("quantity").alias("volume"),
        _sum_of_all(quote_volume()).alias("quote_volume"),
        F.try_sum(bought).alias("taker_buy_volume"),
        F.count("*").alias("trade_count"),
    )
    return _finished(sums, run, width)


def from_candles(finer: DataFrame, run: Run, width: timedelta) -> DataFrame:
    """Return the candle of each window, from all finer candles inside it.

    Sums of sums are exact: the digits are those that the trades would give.
    """
    start = window_start("window_start", width)
    inside = finer.withColumn("begins", F.col("window_start"))
    sums = inside.groupBy("exchange", "symbol", start.alias("window_start")).agg(
        F.min_by("open_price", "begins").alias("open_price"),
        F.max("high_price").alias("high_price"),
        F.min("low_price").alias("low_price"),
        F.max_by("close_price", "begins").alias("close_price"),
        *(
            _sum_of_all(F.col(name)).alias(name)
            for name in ("volume", "quote_volume", "taker_buy_volume")
        ),
        F.sum("trade_count").alias("trade_count"),
    )
    return _finished(sums, run, width)


def _sum_of_all(value: Column) -> Column:
    """Return the sum, NULL if one of the values is NULL or no decimal holds it."""
    return F.when(F.count(value) == F.count("*"), F.try_sum(value))


def _finished(sums: DataFrame, run: Run, width: timedelta) -> DataFrame:
    seconds = width // timedelta(seconds=1)
    return (
        sums.withColumn(
            "window_end", F.expr(f"window_start + INTERVAL '{seconds}' SECOND")
        )
        .withColumn("window_date", F.to_date("window_start"))
        .withColumn("vwap", F.try_divide("quote_volume", "volume"))
        .withColumn("created_at", F.lit(run.started_at))
        .withColumn("updated_at", F.lit(run.started_at))
        .select(*(column.name for column in CANDLE_COLUMNS))
    )


def quote_volume() -> Column:
    """Return price times quantity to 18 places, none of them lost on the way.

    Two decimals(38,18) have a product that no decimal holds, so it is put together from
    whole and fractional parts, each of which is exact; the last one is rounded behind
    the 18th place. NULL if it has more than 20 places before the point.
    """
    small = "try_cast({} AS decimal(18, 8))".format
    return F.expr(f"""
        CASE WHEN price = {small("price")} AND quantity = {small("quantity")}
        THEN try_cast({small("price")} * {small("quantity")} AS decimal(38, 18))
        ELSE try_add(
          try_multiply(price, try_cast(floor(quantity) AS decimal(19, 0))),
          try_add(
            try_multiply(
              try_cast(floor(price) AS decimal(19, 0)),
              cast(quantity - floor(quantity) AS decimal(18, 18))),
            cast(try_multiply(
              cast(price - floor(price) AS decimal(18, 18)),
              cast(quantity - floor(quantity) AS decimal(18, 18)))
              AS decimal(38, 18))))
        END
        """)
