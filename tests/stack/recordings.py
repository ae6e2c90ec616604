"""Recorded trades as their files tell them, read without any of the product's code."""

import gzip
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from schemas.table import ROOT

DATA = ROOT.parent / "shared/data"


@dataclass(frozen=True, slots=True)
class Told:
    """What the exchange said of one trade, digit by digit."""

    trade_id: str
    price: Decimal
    quantity: Decimal
    time_us: int
    side: str


def binance(folder: Path = DATA) -> Iterator[Told]:
    """Yield the trades of the recorded frames: the buyer as maker is a taker's sale."""
    (file,) = (folder / "binance").glob("*.jsonl.gz")
    with gzip.open(file, "rt") as lines:
        for line in lines:
            trade = json.loads(line.partition(" ")[2])["data"]
            yield Told(
                trade_id=str(trade["t"]),
                price=Decimal(trade["p"]),
                quantity=Decimal(trade["q"]),
                time_us=trade["T"] * 1000,
                side="SELL" if trade["m"] else "BUY",
            )


def kraken(folder: Path = DATA) -> Iterator[Told]:
    """Yield the trades of the recorded REST page; times are cut to microseconds."""
    (file,) = (folder / "kraken").glob("*.json")
    text = re.sub(r"(\d{10}\.\d+)", r'"\1"', file.read_text())
    for rows in json.loads(text)["result"].values():
        if isinstance(rows, list):
            for price, volume, seconds, side, _, _, trade_id in rows:
                yield Told(
                    trade_id=str(trade_id),
                    price=Decimal(price),
                    quantity=Decimal(volume),
                    time_us=int(Decimal(seconds) * 1_000_000),
                    side={"b": "BUY", "s": "SELL"}[side],
                )
