"""Samples: what lies beside each adapter, read for the tests."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from ingestion.exchange import Exchange, Frame, Instrument
from schemas.table import ROOT, all_exchanges

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
