"""Recorded files of two kinds, read into trades without losing a digit.

Frames: `<ns> <json>`, one a line (Binance). A page: the JSON of Kraken's REST `Trades`.
"""

import gzip
import json
from dataclasses import dataclass
from decimal import Decimal
from hashlib import sha256
from pathlib import Path

from simulator.kraken.pairs import pair_named
from simulator.trade import Trade

SIDES = {"b": "buy", "s": "sell"}
ORDERS = {"m": "market", "l": "limit"}


class NotARecording(ValueError):
    """Nothing can be replayed from the path; the text says what it should hold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """The trades of one symbol of one exchange, and when each was received."""

    exchange: str
    symbol: str
    trades: list[Trade]
    received_ns: list[int]
    digest: str


def recordings(path: Path) -> list[Recording]:
    """Return what is recorded at this path: a file, or a folder with one a exchange.

    Raises:
        NotARecording: there is nothing, or not what we can read.
    """
    files = [path] if path.is_file() else found(path)
    if not files:
        raise NotARecording(
            f"nothing is recorded in {path}: expected binance/*.jsonl(.gz) with lines "
            "`<ns> <frame>`, or kraken/*.json(.gz) with a page of REST trades; "
            "`--feed simulated` needs no files"
        )
    return [read(file) for file in files]


def found(folder: Path) -> list[Path]:
    files = []
    for pattern in ("binance/*.jsonl*", "kraken/*.json*"):
        matching = sorted(folder.glob(pattern))
        if len(matching) > 1:
            names = ", ".join(str(file) for file in matching)
            raise NotARecording(f"one recording an exchange, please, not: {names}")
        files += matching
    return files


def read(file: Path) -> Recording:
    """Return the recording; its kind shows in its name."""
    packed = file.read_bytes()
    raw = gzip.decompress(packed) if file.suffix == ".gz" else packed
    digest = sha256(raw).hexdigest()[:16]
    try:
        if ".jsonl" in file.suffixes:
            return frames(raw.decode(), digest)
        return page(raw.decode(), digest)
    except (KeyError, IndexError, TypeError, ValueError) as broken:
        raise NotARecording(f"cannot replay {file}: {broken!r}") from broken


def frames(text: str, digest: str) -> Recording:
    """Return the trades of recorded frames; the text of each is kept as it is."""
    trades, received = [], []
    for line in text.splitlines():
        stamp, _, frame = line.partition(" ")
        data = json.loads(frame)["data"]
        received.append(int(stamp))
        trades.append(
            Trade(
                data["s"],
                data["t"],
                data["p"],
                data["q"],
                data["T"] * 1_000_000,
                "sell" if data["m"] else "buy",
                "limit",
                data["E"],
                frame,
            )
        )
    return one_symbol("binance", trades, received, digest)


def page(text: str, digest: str) -> Recording:
    """Return the trades of a REST page; the time keeps every digit it has."""
    result = json.loads(text, parse_float=Decimal)["result"]
    ((name, rows),) = ((key, rows) for key, rows in result.items() if key != "last")
    symbol = pair_named(name).symbol
    trades = [
        Trade(
            symbol,
            row[6],
            row[0],
            row[1],
            int(row[2] * 10**9),
            SIDES[row[3]],
            ORDERS[row[4]],
        )
        for row in rows
    ]
    return one_symbol("kraken", trades, [one.time_ns for one in trades], digest)


def one_symbol(
    exchange: str, trades: list[Trade], received: list[int], digest: str
) -> Recording:
    ids = [trade.trade_id for trade in trades]
    if len({trade.symbol for trade in trades}) != 1:
        raise ValueError("a recording holds trades of exactly one symbol")
    if ids != list(range(ids[0], ids[0] + len(ids))):
        raise ValueError("the ids of a recording count up by one")
    return Recording(
        exchange=exchange,
        symbol=trades[0].symbol,
        trades=trades,
        received_ns=received,
        digest=digest,
    )
