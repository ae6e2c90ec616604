"""Candles of one minute, computed whole from gold trades and never added to."""

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from schemas.tables.gold.candles_1m import TABLE
from spark_apps.app import Run

KEY = ("exchange", "symbol", "window_start")


def minutes(trades: DataFrame) -> DataFrame:
    """Return the minutes in which these trades happened, each once."""
    start = F.date_trunc("minute", "timestamp").alias("window_start")
    return trades.select("exchange", "symbol", start).distinct()


def candles(trades: DataFrame, run: Run) -> DataFrame:
    """Return the candle of each minute, from all of its trades.

    A minute whose sums have more than 20 places before the point has a NULL in them;
    the table cannot hold it.
    """
    start = F.date_trunc("minute", "timestamp")
    by_exchange_order = F.struct(
        "timestamp", F.expr("try_cast(trade_id AS decimal(38, 0))"), "trade_id"
    )
    sums = trades.groupBy("exchange", "symbol", start.alias("window_start")).agg(
        F.min_by("price", by_exchange_order).alias("open_price"),
        F.max("price").alias("high_price"),
        F.min("price").alias("low_price"),
        F.max_by("price", by_exchange_order).alias("close_price"),
        F.try_sum("quantity").alias("volume"),
        F.try_sum(quote_volume()).alias("quote_volume"),
        F.count("*").alias("trade_count"),
        F.count(quote_volume()).alias("counted"),
    )
    whole = F.col("counted") == F.col("trade_count")
    return (
        sums.withColumn("window_end", F.expr("window_start + INTERVAL 1 MINUTE"))
        .withColumn("window_date", F.to_date("window_start"))
        .withColumn("vwap", F.when(whole, F.try_divide("quote_volume", "volume")))
        .withColumn("created_at", F.lit(run.started_at))
        .withColumn("updated_at", F.lit(run.started_at))
        .select(*(column.name for column in TABLE.columns))
    )


def quote_volume() -> Column:
    """Return price times quantity to 18 places, none of them lost on the way.

    Two decimals(38,18) have a product that no decimal holds, so it is put together from
    whole and fractional parts, each of which is exact; the last one is rounded behind
    the 18th place. NULL if it has more than 20 places before the point.
    """
    return F.expr("""
        try_add(
          try_multiply(price, try_cast(floor(quantity) AS decimal(19, 0))),
          try_add(
            try_multiply(
              try_cast(floor(price) AS decimal(19, 0)),
              cast(quantity - floor(quantity) AS decimal(18, 18))),
            cast(try_multiply(
              cast(price - floor(price) AS decimal(18, 18)),
              cast(quantity - floor(quantity) AS decimal(18, 18)))
              AS decimal(38, 18))))
        """)
