"""Binance's files of past trades: a ZIP with one CSV for each symbol and day.

    6000000001,80123.45000000,0.00150000,120.18517500,1790000000123456,True,True

Id, price, quantity, quote quantity, time, buyer is maker, best match; no header. Times
are in us since 2025-01-01 and in ms before. Beside each file lies its SHA-256, as
`sha256sum` writes it. A file appears the day after, and may be published again.
"""

import csv
import io
import re
from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from typing import IO
from zipfile import BadZipFile, ZipFile

from msgspec import ValidationError, convert

from ingestion.exchange import ArchiveUnreadable, Instrument
from ingestion.exchanges.binance.fill import Row
from ingestion.exchanges.binance.times import moment
from schemas.trade import Side, Trade

LINE = re.compile(rb"\s*([0-9a-fA-F]{64})\b")
WORDS = {"True": True, "False": False, "true": True, "false": False}


class BinanceArchive:
    """Daily files of the spot market."""

    def path(self, instrument: Instrument, day: date) -> str:
        name = instrument.rest_name
        return f"/data/spot/daily/trades/{name}/{name}-trades-{day}.zip"

    def checksum_path(self, instrument: Instrument, day: date) -> str:
        return f"{self.path(instrument, day)}.CHECKSUM"

    def sha256(self, answer: bytes) -> str:
        if (found := LINE.match(answer)) is None:
            raise ArchiveUnreadable(f"no checksum in {answer[:100]!r}")
        return found[1].decode().lower()

    def trades(
        self, file: IO[bytes], instrument: Instrument, received_at: datetime
    ) -> Iterator[Trade]:
        try:
            with ZipFile(file) as packed:
                (name,) = packed.namelist()
                with packed.open(name) as told:
                    rows = csv.reader(io.TextIOWrapper(told, "utf-8", newline=""))
                    for number, row in enumerate(rows, start=1):
                        if number == 1 and row and row[0] == "id":
                            continue
                        yield trade_of(row, number, name, instrument, received_at)
        except (BadZipFile, EOFError, UnicodeDecodeError, csv.Error) as error:
            raise ArchiveUnreadable(str(error)) from error


def trade_of(
    row: list[str],
    number: int,
    name: str,
    instrument: Instrument,
    received_at: datetime,
) -> Trade:
    try:
        trade_id, price, quantity, worth, at, maker, best = row
        read = convert(
            {
                "id": int(trade_id),
                "price": price,
                "qty": quantity,
                "time": int(at),
                "isBuyerMaker": WORDS[maker],
            },
            type=Row,
        )
    except (ValueError, KeyError, ValidationError) as error:
        raise ArchiveUnreadable(
            f"line {number} of {name} is no trade: {error}: {','.join(row)[:200]!r}"
        ) from error
    return Trade(
        trade_id=str(read.id),
        exchange="BINANCE",
        timestamp=moment(read.time),
        price=Decimal(read.price),
        quantity=Decimal(read.qty),
        base_asset=instrument.base,
        quote_currency=instrument.quote,
        side=Side.SELL if read.is_buyer_maker else Side.BUY,
        ingestion_timestamp=received_at,
        vendor_data={
            "native_symbol": instrument.native,
            "source": "archive",
            "origin": "archive",
            "file": name,
            "is_buyer_maker": "true" if read.is_buyer_maker else "false",
            "is_best_match": best.lower(),
            "quoteQty": worth,
        },
    )
