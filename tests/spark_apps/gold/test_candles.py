"""Candles of every width are those that the trades give, whatever came when."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal, localcontext
from itertools import islice, product
from random import Random

import pytest
from pyspark.sql import SparkSession
from pyspark.sql.types import DecimalType, StructField, StructType

from schemas.trade import Side
from spark_apps.candles import quote_volume
from spark_apps.pace import FEW, paced
from spark_apps.rollup import ALL_TIME, Change, owed
from spark_apps.spans import EXCHANGE, SPANS, aligned, as_text
from tests.spark_apps.candles import PLACES, told
from tests.spark_apps.lake import NOON, Lake, trade

WIDTHS = {
    "1m": timedelta(minutes=1),
    "5m": timedelta(minutes=5),
    "1h": timedelta(hours=1),
    "1d": timedelta(days=1),
}
DAY = datetime(2026, 11, 22)


def hour(first: int, last: int) -> tuple[datetime, datetime]:
    return DAY.replace(hour=first), DAY.replace(hour=last)


def changed(number: int, *spans: tuple[datetime, datetime]) -> Change:
    return Change(number, {SPANS: as_text(spans), EXCHANGE: "acme"})


def test_only_what_changed_since_the_last_time_is_owed() -> None:
    line = (changed(3, hour(5, 6)), Change(2, {}), changed(1, hour(1, 2)))

    assert owed(line, 2, ["acme"]) == {"acme": [hour(5, 6)]}
    assert owed(line, 3, ["acme"]) == {}


def test_everything_is_owed_where_the_last_place_is_gone() -> None:
    assert owed((changed(3, hour(5, 6)),), 1, ["acme"]) == {"acme": [ALL_TIME]}
    assert owed((changed(3, hour(5, 6)),), None, ["acme"]) == {"acme": [ALL_TIME]}


def test_spans_grow_to_whole_windows() -> None:
    odd = [(DAY.replace(minute=7), DAY.replace(minute=9)), hour(1, 2)]

    assert aligned(odd, timedelta(hours=1)) == [hour(0, 2)]


def numbers() -> Iterator[Decimal]:
    """Give numbers as exchanges have them, and at and beyond the edges of those."""
    yield from map(Decimal, ("0", "1E-8", "9999999999.99999999", "10000000000"))
    yield from map(Decimal, ("1.000000001", "1E-18", "9999999999999999999.5"))
    chance = Random(7)
    while True:
        places = chance.choice((2, 8, 8, 9, 18))
        yield Decimal(chance.randrange(1, 10 ** chance.randint(1, 20))).scaleb(-places)


@pytest.mark.spark
@pytest.mark.parametrize("rows", [FEW, FEW + 1])
def test_no_digit_of_a_product_is_lost(spark: SparkSession, rows: int) -> None:
    several = list(islice(numbers(), 40))
    wide = DecimalType(38, 18)
    schema = StructType([StructField(n, wide) for n in ("price", "quantity")])

    with paced(spark, rows):
        made = (
            spark.createDataFrame(list(product(several, repeat=2)), schema)
            .select("price", "quantity", quote_volume().alias("paid"))
            .collect()
        )

    with localcontext(prec=200, rounding=ROUND_HALF_UP):
        exact = {row: row.price * row.quantity for row in made}
        wanted = {row: value.quantize(PLACES) for row, value in exact.items()}
    told = {row: row.paid for row in made}
    assert told == {
        row: value if value < 10**20 else None for row, value in wanted.items()
    }


def check(lake: Lake) -> None:
    """Compare every table of candles with plain Python over what gold holds."""
    trades = lake.rows("gold.trades")
    for name, width in WIDTHS.items():
        held = lake.rows(f"gold.candles_{name}", "window_start, symbol")
        wanted = told(trades, width)
        assert [{key: row[key] for key in wanted[0]} for row in held] == wanted, name


@pytest.mark.spark
def test_late_trades_change_just_their_windows(lake: Lake) -> None:
    lake.arrive(
        *(
            trade(
                lake.exchange,
                trade_id=str(n),
                timestamp=NOON + timedelta(minutes=7 * n),
                price=Decimal(100 + n),
                quantity=Decimal("0.00000001") * (n + 1),
                side=Side.SELL if n % 3 else Side.BUY,
                base_asset="BTC" if n % 2 else "ETH",
            )
            for n in range(24)
        )
    )
    lake.lane()
    first = lake.roll_up()
    before = {n: lake.rows(f"gold.candles_{n}", "window_start") for n in WIDTHS}
    check(lake)

    lake.arrive(
        trade(
            lake.exchange,
            trade_id="late",
            timestamp=NOON + timedelta(minutes=1),
            price=Decimal("9.5"),
        )
    )
    lake.lane()
    with pytest.raises(Exception, match="after gold.candles_5m"):
        lake.roll_up(crash="after gold.candles_5m")
    second = lake.roll_up()

    check(lake)
    assert first["windows"] and second["windows"]
    # Of each width one new or changed candle; all others keep their row, untouched.
    for name in WIDTHS:
        after = lake.rows(f"gold.candles_{name}", "window_start")
        assert sum(row not in before[name] for row in after) == 1, name
    assert lake.roll_up()["windows"] == 0


@pytest.mark.spark
def test_where_finer_candles_are_gone_trades_are_asked(lake: Lake) -> None:
    long_ago = NOON - timedelta(days=800)
    lake.arrive(
        *(
            trade(
                lake.exchange,
                trade_id=str(n),
                timestamp=long_ago + timedelta(minutes=n),
            )
            for n in range(3)
        )
    )
    lake.lane()
    lake.roll_up()
    # Retention takes the minutes, and a late trade brings one of them back alone.
    lake.spark.sql(f"DELETE FROM {lake.name('gold.candles_1m')}")
    lake.arrive(trade(lake.exchange, trade_id="9", timestamp=long_ago))
    lake.lane()

    replace(lake, settings=replace(lake.settings, kept_for={})).roll_up()

    (wide,) = lake.rows("gold.candles_5m", "window_start")
    assert wide.trade_count == 4
