"""Every exchange that has a folder keeps the promises of `Exchange`."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from ingestion.exchange import CatalogueUnreadable, Frame, FrameRejected, load
from schemas.exchange import has_past_days, opened
from schemas.table import all_exchanges
from schemas.trade import Trade
from tests.ingestion.samples import NOON, catalogue_of, frame_of, samples, told

EACH = pytest.mark.parametrize("name", all_exchanges())
GARBAGE = [b"", b"{", b"\xff", b"[]", b"null", b"{}", b'"x"', b'{"data":' * 9999]


def parsed(name: str, frame: Frame) -> list[Trade]:
    exchange = load(name)
    return list(exchange.parse(frame, catalogue_of(exchange)))


@EACH
def test_an_exchange_is_called_what_its_folder_is_called(name: str) -> None:
    assert load(name).name == name


@EACH
def test_an_exchange_opened_on_a_day_that_any_room_can_read(name: str) -> None:
    assert 2009 < opened(name).year <= NOON.year


@EACH
def test_what_a_folder_says_of_past_days_is_what_its_adapter_can(name: str) -> None:
    exchange, long_ago = load(name), NOON - timedelta(days=30)
    by_rest = exchange.fill is not None and exchange.fill.since(long_ago) is not None

    assert has_past_days(name) == (exchange.archive is not None or by_rest)
    assert bool(exchange.archive_url) == (exchange.archive is not None)


@EACH
def test_what_no_rest_brings_back_comes_by_two_connections(name: str) -> None:
    exchange = load(name)
    fills = exchange.fill is not None and exchange.fill.first(1, NOON) is not None

    assert exchange.capabilities.copies >= (1 if fills else 2)


def test_an_unknown_exchange_is_refused_by_name() -> None:
    with pytest.raises(LookupError, match="no exchange 'acme'"):
        load("acme")
    with pytest.raises(LookupError, match="no exchange 'acme'"):
        opened("acme")


@EACH
def test_an_exchange_has_samples_of_trades_of_silence_and_of_refusal(
    name: str,
) -> None:
    mine = [param.values[1] for param in samples() if param.values[0] == name]
    assert any(sample.get("trades") for sample in mine)
    assert any(sample.get("trades") == [] for sample in mine)
    assert any(sample.get("raises") == "StreamBroken" for sample in mine)
    reasons = {sample.get("error_reason") for sample in mine}
    assert {"frame_unparseable", "symbol_unknown"} <= reasons


@pytest.mark.parametrize(("name", "sample"), list(samples("trades", "silence")))
def test_a_frame_yields_what_is_written_beside_it(
    name: str, sample: dict[str, Any]
) -> None:
    assert [*map(told, parsed(name, frame_of(sample)))] == sample["trades"]


@pytest.mark.parametrize(("name", "sample"), list(samples()))
def test_a_frame_confirms_the_symbols_that_are_written_beside_it(
    name: str, sample: dict[str, Any]
) -> None:
    confirms = load(name).capabilities.confirms
    told = confirms(frame_of(sample).payload) if confirms else ()

    assert list(told) == sample.get("confirms", [])


@EACH
def test_an_exchange_that_confirms_symbols_has_a_sample_of_it(name: str) -> None:
    mine = [param.values[1] for param in samples() if param.values[0] == name]
    said = any(sample.get("confirms") for sample in mine)

    assert said == (load(name).capabilities.confirms is not None)


@pytest.mark.parametrize(("name", "sample"), list(samples("trades")))
def test_a_trade_is_stamped_with_its_frame_and_its_numbers_are_no_floats(
    name: str, sample: dict[str, Any]
) -> None:
    trades = parsed(name, frame_of(sample))
    assert trades and trades == parsed(name, frame_of(sample))
    for trade in trades:
        assert trade.ingestion_timestamp == NOON
        assert type(trade.price) is type(trade.quantity) is Decimal


@pytest.mark.parametrize(("name", "sample"), list(samples("refusal")))
def test_a_refusal_raises_what_is_written_beside_it(
    name: str, sample: dict[str, Any]
) -> None:
    with pytest.raises(Exception) as raised:
        parsed(name, frame_of(sample))
    assert type(raised.value).__name__ == sample["raises"]
    if isinstance(raised.value, FrameRejected):
        assert raised.value.error_reason == sample["error_reason"]


@EACH
@pytest.mark.parametrize("payload", GARBAGE, ids=lambda payload: repr(payload[:9]))
def test_a_frame_nobody_can_read_is_rejected_and_never_crashes(
    name: str, payload: bytes
) -> None:
    with pytest.raises(FrameRejected):
        parsed(name, Frame(payload, NOON))
    if confirms := load(name).capabilities.confirms:
        assert not confirms(payload)


@EACH
def test_a_catalogue_spells_assets_as_everybody_does(name: str) -> None:
    catalogue = catalogue_of(load(name))
    assets = {i.base for i in catalogue.values()} | {
        i.quote for i in catalogue.values()
    }
    assert "BTC" in assets and not assets & {"XBT", "XDG"}
    assert len({i.symbol for i in catalogue.values()}) == len(catalogue)


@EACH
@pytest.mark.parametrize(
    "answer", [b"", b"{}", b"<html>", b'{"error":["EService:Unavailable"]}']
)
def test_an_answer_that_is_no_catalogue_says_so(name: str, answer: bytes) -> None:
    with pytest.raises(CatalogueUnreadable):
        list(load(name).instruments(answer))
