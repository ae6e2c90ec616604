"""Samples: what lies beside each adapter, read for the tests.

`python -m tests.ingestion.samples EXCHANGE` writes one for each line of its input, a
frame or a sample, as the adapter reads it now: a draft, to be held against the words of
the exchange.
"""

import json
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from ingestion.exchange import (
    Exchange,
    Frame,
    FrameRejected,
    Instrument,
    StreamBroken,
    StreamEnding,
    SymbolRefused,
    load,
)
from schemas.table import ROOT, all_exchanges
from schemas.trade import Trade

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def samples(*kinds: str) -> Iterator[Any]:
    """Yield (exchange, sample) for each line of each file in each samples folder."""
    for name in all_exchanges():
        folder = ROOT / "ingestion/exchanges" / name / "samples"
        for file in sorted(folder.glob("*.jsonl")):
            if kinds and file.stem not in kinds:
                continue
            for number, line in enumerate(file.read_text().splitlines(), start=1):
                yield pytest.param(
                    name, json.loads(line), id=f"{name}-{file.stem}-{number}"
                )


def frame_of(sample: dict[str, Any]) -> Frame:
    # The frame is kept as text: as JSON within JSON, 0.00044780 would lose its zero.
    return Frame(sample["frame"].encode(), NOON)


def catalogue_of(exchange: Exchange) -> dict[str, Instrument]:
    file = ROOT / "ingestion/exchanges" / exchange.name / "samples/catalogue.json"
    return {i.native: i for i in exchange.instruments(file.read_bytes())}


def told(trade: Trade) -> dict[str, Any]:
    """Return a trade as it is written beside its frame."""
    return {
        "message_id": trade.message_id,
        "trade_id": trade.trade_id,
        "symbol": trade.symbol,
        "exchange": trade.exchange,
        "timestamp": trade.timestamp.isoformat(),
        "price": str(trade.price),
        "quantity": str(trade.quantity),
        "base_asset": trade.base_asset,
        "quote_currency": trade.quote_currency,
        "side": str(trade.side),
        "vendor_data": dict(trade.vendor_data),
    }


def drafted(exchange: Exchange, text: str) -> dict[str, Any]:
    """Return a sample of a frame: its trades, or what it raises."""
    try:
        frame = Frame(text.encode(), NOON)
        trades = [*map(told, exchange.parse(frame, catalogue_of(exchange)))]
    except (FrameRejected, SymbolRefused, StreamBroken, StreamEnding) as raised:
        sample = {"frame": text, "raises": type(raised).__name__}
        if isinstance(raised, FrameRejected):
            sample["error_reason"] = raised.error_reason
        return sample
    return {"frame": text, "trades": trades}


if __name__ == "__main__":
    for line in sys.stdin.read().splitlines():
        again = line.startswith('{"frame": ')
        frame = json.loads(line)["frame"] if again else line
        print(json.dumps(drafted(load(sys.argv[1]), frame)))
