"""What we pack by hand is what fastavro packs, and nothing is ever rounded."""

import io
import json
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import fastavro
import pytest

from ingestion.exchange import FrameRejected, load
from ingestion.wire import decimal, header, long, packed_rejection, packed_trade
from schemas.rejected import RejectedFrame
from schemas.topic import REJECTED, TRADES
from schemas.trade import Side, Trade
from tests.ingestion.samples import NOON, catalogue_of, frame_of, samples

V3 = fastavro.parse_schema(json.loads(TRADES.schema))
HEAD = header(77)


def as_fastavro(trade: Trade) -> bytes:
    out = io.BytesIO()
    fastavro.schemaless_writer(out, V3, {**asdict(trade), "side": str(trade.side)})
    return b"\x00\x00\x00\x00\x4d" + out.getvalue()


def trade(price: str, **changes: Any) -> Trade:
    given: dict[str, Any] = {
        "trade_id": "1",
        "exchange": "ACME",
        "timestamp": datetime(1969, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
        "price": Decimal(price),
        "quantity": Decimal("0.5"),
        "base_asset": "BTC",
        "quote_currency": "USD",
        "side": Side.SELL,
        "ingestion_timestamp": NOON,
        "vendor_data": {},
    }
    return Trade(**(given | changes))


@pytest.mark.parametrize(("name", "sample"), list(samples("trades")))
def test_a_sample_is_packed_as_fastavro_packs_it(
    name: str, sample: dict[str, Any]
) -> None:
    exchange = load(name)
    for one in exchange.parse(frame_of(sample), catalogue_of(exchange)):
        assert packed_trade(one, HEAD) == as_fastavro(one)


@pytest.mark.parametrize(
    "price",
    ["0", "-1", "1E-18", "-1E-18", "0.1270", "128e-18", "-128e-18", "255e-18"]
    + ["99999999999999999999.999999999999999999", "1E+19", "270638277.50461281"],
)
def test_a_price_is_packed_as_fastavro_packs_it(price: str) -> None:
    one = trade(price, vendor_data={"é": "x" * 70, "b": ""})
    assert packed_trade(one, HEAD) == as_fastavro(one)


@pytest.mark.parametrize(
    "moment",
    [
        *("0001-01-01T00:00:00", "1970-01-01T00:00:00", "1978-12-02T19:29:36.710655"),
        *("1978-12-02T19:29:36.710656", "2026-11-27T20:59:59.999999"),
        *("3111-09-16T23:10:18.963967", "3111-09-16T23:10:18.963968"),
        *("2000-02-29T12:34:56.000001", "9999-12-31T23:59:59.999999"),
    ],
)
def test_a_time_is_packed_as_fastavro_packs_it(moment: str) -> None:
    one = trade("1", timestamp=datetime.fromisoformat(f"{moment}+00:00"))
    assert packed_trade(one, HEAD) == as_fastavro(one)


def test_every_bit_of_a_time_finds_its_byte() -> None:
    first = datetime(1970, 1, 1, tzinfo=UTC)
    for bit in range(55):
        moment = first + timedelta(microseconds=1 << bit)
        moment += timedelta(microseconds=1 << 48)
        one = trade("1", timestamp=moment)
        assert packed_trade(one, HEAD) == as_fastavro(one), moment


@pytest.mark.parametrize("size", [0, 1, 40, 41, 63, 64, 1000])
def test_a_text_of_any_length_is_packed_as_fastavro_packs_it(size: int) -> None:
    one = trade("1", base_asset="x" * size, vendor_data={"y" * size: "z" * size})
    assert packed_trade(one, HEAD) == as_fastavro(one)


@pytest.mark.parametrize("size", [8191, 8192])
def test_a_length_is_packed_as_fastavro_packs_it(size: int) -> None:
    frame = b"x" * size
    packed = io.BytesIO()
    fastavro.schemaless_writer(packed, "bytes", frame)
    assert long(size) + frame == packed.getvalue()


@pytest.mark.parametrize(
    "price", ["1E+20", "1E-19", "0.1234567890123456789", "NaN", "Infinity", "1E+999999"]
)
def test_a_price_without_room_is_rejected_and_never_rounded(price: str) -> None:
    with pytest.raises(FrameRejected, match="does not fit"):
        decimal(Decimal(price))


def test_a_rejected_frame_is_kept_byte_by_byte() -> None:
    rejected = RejectedFrame(
        exchange="ACME",
        error_reason="frame_unparseable",
        error_detail="no JSON",
        source="wss://acme.example/stream",
        ingestion_timestamp=NOON,
        frame=bytes(range(256)) * 300,
    )
    schema = fastavro.parse_schema(json.loads(REJECTED.schema))
    packed = io.BytesIO(packed_rejection(rejected, HEAD)[5:])
    assert fastavro.schemaless_reader(packed, schema, None) == asdict(rejected)
