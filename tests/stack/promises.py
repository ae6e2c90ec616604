"""What the five promises say, asked of the tables of a whole stack."""

import json
import os
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, NamedTuple

from sqlalchemy.exc import OperationalError

from query.reading.refused import QueryRefused
from tests.stack.laptop import Laptop, eventually, kill

GOLD = "gold_crypto_trades"
RATE = 60
"""Trades a second of the simulated feed."""
CANDLES = {"1m": "1 MINUTE", "5m": "5 MINUTE", "1h": "1 HOUR", "1d": "1 DAY"}


def rows(laptop: Laptop, exchange: str) -> int:
    return int(
        laptop.one(
            f"SELECT count(*) AS n FROM {GOLD} WHERE exchange = '{exchange.upper()}'"
        )
    )


def goes_on(laptop: Laptop, within: float = 300) -> float:
    """Return the seconds until gold of every exchange has more rows than now.

    The catalog or the objects may be away meanwhile: then there is no answer yet.
    """
    before: dict[str, int] = {}

    def more() -> bool:
        try:
            now = {exchange: rows(laptop, exchange) for exchange in laptop.exchanges}
        except (OperationalError, QueryRefused, OSError) as away:
            print(f"no answer yet: {str(away).splitlines()[0]}")
            return False
        before.update({name: n for name, n in now.items() if name not in before})
        return all(n > before[name] for name, n in now.items())

    return eventually(more, "gold of every exchange goes on", within)


def lost(laptop: Laptop) -> list[dict[str, object]]:
    """Return the symbols in which an id is missing between the first and the last."""
    return laptop.sql(
        "SELECT exchange, symbol, max(id) - min(id) + 1 - count(*) AS missing FROM "
        f"(SELECT exchange, symbol, trade_id::BIGINT AS id FROM {GOLD}) "
        "GROUP BY ALL HAVING missing <> 0"
    )


def doubled(laptop: Laptop) -> list[dict[str, object]]:
    return laptop.sql(
        f"SELECT message_id, count(*) AS n FROM {GOLD} GROUP BY ALL HAVING n > 1"
    )


class Compared(NamedTuple):
    """One symbol's trades in gold beside the truth."""

    exchange: str
    symbol: str
    happened: int
    missing: int
    unknown: int
    """In gold, and never happened."""
    changed: int


def compared(laptop: Laptop, until: Mapping[str, Mapping[str, int]]) -> list[Compared]:
    """Return each symbol's comparison, from gold's first trade up to an id.

    `until` has the ids by exchange and symbol, as `last_ids` gives them.
    """
    return [
        compared_symbol(laptop, exchange, native, last)
        for exchange, ids in until.items()
        for native, last in ids.items()
    ]


def compared_symbol(laptop: Laptop, exchange: str, native: str, last: int) -> Compared:
    held = held_of(laptop, exchange, native)
    truth = truth_of(laptop, exchange, native, min(held, default=last + 1), last)
    mine = {number: row for number, row in held.items() if number <= last}
    return Compared(
        exchange,
        native,
        happened=len(truth),
        missing=len(truth.keys() - mine.keys()),
        unknown=len(mine.keys() - truth.keys()),
        changed=sum(
            not same(mine[number], truth[number])
            for number in mine.keys() & truth.keys()
        ),
    )


def bent(laptop: Laptop, exchange: str) -> tuple[int, list[object]]:
    """Return how many gold rows were compared with the truth, and those that differ."""
    differ: list[object] = []
    count = 0
    for native in natives(laptop, exchange):
        mine = held_of(laptop, exchange, native)
        count += len(mine)
        if mine:
            truth = truth_of(laptop, exchange, native, min(mine), max(mine))
            differ += [
                (row, truth[number])
                for number, row in mine.items()
                if not same(row, truth[number])
            ]
    return count, differ


def natives(laptop: Laptop, exchange: str) -> list[str]:
    """Return the symbols that gold has of an exchange, as it spells them."""
    rows = laptop.sql(
        "SELECT DISTINCT vendor_data['native_symbol'] AS native "
        f"FROM {GOLD} WHERE exchange = '{exchange.upper()}' ORDER BY ALL"
    )
    return [str(row["native"]) for row in rows]


def held_of(laptop: Laptop, exchange: str, native: str) -> dict[int, dict[str, Any]]:
    """Return what gold has of a symbol, by trade id."""
    rows = laptop.sql(
        "SELECT trade_id, price::VARCHAR AS price, quantity::VARCHAR AS "
        "quantity, side, epoch_us(timestamp) AS us, vendor_data['origin'] AS origin "
        f"FROM {GOLD} WHERE exchange = '{exchange.upper()}' "
        f"AND vendor_data['native_symbol'] = '{native}'"
    )
    return {int(row["trade_id"]): row for row in rows}


def truth_of(
    laptop: Laptop, exchange: str, native: str, first: int, last: int
) -> dict[int, dict[str, Any]]:
    """Return what happened, by trade id."""
    span = f"symbol={native}&from_id={first}&to_id={last}"
    lines = laptop.control(f"truth/{exchange}?{span}").splitlines()
    return {int(told["trade_id"]): told for told in map(json.loads, lines)}


def same(row: Mapping[str, Any], told: Mapping[str, Any]) -> bool:
    return (
        Decimal(row["price"]) == Decimal(told["price"])
        and Decimal(row["quantity"]) == Decimal(told["quantity"])
        # Kraken's REST tells seconds as a double, up to 119 ns off.
        and abs(int(row["us"]) - int(told["time_us"])) <= bool(row["origin"])
        and bool(row["side"] == told["side"].upper())
    )


def last_ids(laptop: Laptop) -> dict[str, dict[str, int]]:
    """Return the newest id of each symbol, by exchange; of those that are captured."""
    state = json.loads(laptop.control("state"))
    return {name: state[name]["last"] for name in laptop.exchanges if name in state}


def open_gaps(laptop: Laptop) -> list[dict[str, object]]:
    """Return the holes of which trades are still to come."""
    return laptop.sql("SELECT * FROM trade_gaps WHERE state IN ('open', 'filling')")


def tortured(laptop: Laptop) -> dict[str, Any]:
    """Return how many faults are to come, and how often each sort was done."""
    told: dict[str, Any] = json.loads(laptop.control("torture"))
    return told


def settled(laptop: Laptop) -> list[dict[str, object]]:
    """Return the messages that are neither in silver nor among the dead letters.

    Only what silver has had time to read is asked for: each partition up to the last
    offset that either table holds.
    """
    broken = []
    for exchange in laptop.exchanges:
        broken += laptop.sql(
            "WITH out AS (SELECT kafka_partition AS p, kafka_offset AS o "
            f"FROM silver_{exchange}_trades UNION ALL "
            "SELECT kafka_partition, kafka_offset FROM silver_dead_letters "
            f"WHERE stage = 'silver' AND exchange = '{exchange.upper()}'), "
            "ends AS (SELECT p, max(o) AS last FROM out GROUP BY p) "
            'SELECT b."partition" AS p, b."offset" AS o, count(out.o) AS times '
            f'FROM bronze_{exchange}_trades b JOIN ends ON ends.p = b."partition" '
            'AND b."offset" <= ends.last '
            'LEFT JOIN out ON out.p = b."partition" AND out.o = b."offset" '
            "GROUP BY ALL HAVING count(out.o) <> 1 OR count(*) <> 1"
        )
    return broken


def other_candles(laptop: Laptop, width: str) -> tuple[int, list[dict[str, object]]]:
    """Return how many candles there are, and those that trades would not give.

    A lane may be one run ahead in trades: windows that a trade of the last five minutes
    lies in, or was written to, are still being made.
    """
    table = f"gold_crypto_candles_{width}"
    differ = laptop.sql(
        "WITH made AS (SELECT exchange, symbol, "
        f"time_bucket(INTERVAL {CANDLES[width]}, timestamp) AS window_start, "
        "arg_min(price, (timestamp, trade_id::BIGINT)) AS open_price, "
        "max(price) AS high_price, min(price) AS low_price, "
        "arg_max(price, (timestamp, trade_id::BIGINT)) AS close_price, "
        "sum(quantity) AS volume, "
        "sum(quantity) FILTER (side = 'BUY') AS taker_buy_volume, "
        "count(*) AS trade_count, max(gold_ingestion_timestamp) AS written "
        f"FROM {GOLD} GROUP BY ALL) "
        f"SELECT * FROM made FULL JOIN {table} c "
        "USING (exchange, symbol, window_start) "
        "WHERE coalesce(written < now() - INTERVAL 3 MINUTE, true) "
        "AND (made.open_price, made.high_price, made.low_price, made.close_price, "
        "made.volume, coalesce(made.taker_buy_volume, 0), made.trade_count) "
        "IS DISTINCT FROM (c.open_price, c.high_price, c.low_price, c.close_price, "
        "c.volume, c.taker_buy_volume, c.trade_count)"
    )
    return int(laptop.one(f"SELECT count(*) AS n FROM {table}")), differ


def unaccounted(laptop: Laptop) -> list[dict[str, object]]:
    """Return the Kafka partitions whose accounts do not follow upon each other.

    Each batch's messages are silver trades or dead letters, and begin where those of
    the batch before it ended; no batch is told of twice.
    """
    return laptop.sql(
        "SELECT * FROM (SELECT *, lag(last_offset) OVER (PARTITION BY exchange, "
        "kafka_topic, kafka_partition ORDER BY first_offset) AS before "
        "FROM silver_accounting) WHERE bronze_rows <> silver_rows + dead_letters "
        "OR bronze_rows <> last_offset - first_offset + 1 "
        "OR first_offset <> coalesce(before, -1) + 1"
    )


def end_everything(laptop: Laptop) -> None:
    """Kill every process of the stack, as a power cut would.

    One that is just being forked escapes the first look: it is done when none is left.
    """

    def none_left() -> bool:
        for pid in laptop.processes():
            try:
                kill(pid)
            except ProcessLookupError:
                continue  # it ended with another of them
        return not laptop.processes()

    eventually(none_left, "every process of the stack is dead", within=60, every=0.5)


def is_running(laptop: Laptop, program: str) -> bool:
    """Return whether `status` knows the pid of a program."""
    return bool(process_of(laptop, program)["pid"])


def process_of(laptop: Laptop, program: str) -> dict[str, Any]:
    """Return what `status` says of a program's process."""
    told = laptop.status()["processes"]
    process: dict[str, Any]
    (process,) = (each for each in told if each["name"] == program)
    return process


def pid_of(laptop: Laptop, program: str) -> int:
    """Return the pid of a program that `status` says is running."""
    pid = int(process_of(laptop, program)["pid"])
    os.kill(pid, 0)
    return pid
