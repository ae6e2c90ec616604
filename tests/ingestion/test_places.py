"""Settings are read once, and say what they lack."""

import random
from dataclasses import replace
from datetime import timedelta

import pytest

from ingestion.backoff import delays
from ingestion.catalogue import NothingToCapture, chosen
from ingestion.exchange import Instrument, load
from ingestion.settings import Place, Settings, words
from schemas.exchange import usual_exchanges
from schemas.table import all_exchanges

ENOUGH = {"BULLION_KAFKA_SERVERS": "k:1", "BULLION_REGISTRY_URL": "http://r/"}


def instrument(native: str, base: str = "BTC") -> Instrument:
    return Instrument(
        native=native, rest_name=native, base=base, quote="USD", status="", trading=True
    )


@pytest.mark.parametrize("listed", ["a,b", " a  b ", "a, b,a,", "a\nb"])
def test_a_list_is_cut_at_commas_and_blanks(listed: str) -> None:
    assert words(listed) == ("a", "b")


def test_nothing_listed_means_what_is_usual() -> None:
    assert words(" , ") == ()
    assert Settings.read(ENOUGH).exchanges == usual_exchanges()


def test_a_missing_setting_is_named() -> None:
    with pytest.raises(KeyError, match="BULLION_KAFKA_SERVERS"):
        Settings.read({})


@pytest.mark.parametrize("name", all_exchanges())
def test_a_place_is_the_exchange_itself_unless_a_setting_says_else(name: str) -> None:
    exchange = load(name)
    url = f"BULLION_{name.upper()}_WS_URL"
    assert Place.read({}, exchange).ws_url == exchange.ws_url
    assert Place.read({url: "ws://h/x/"}, exchange).ws_url == "ws://h/x"


def test_delays_begin_soon_double_and_stay_bounded() -> None:
    drawn = delays(timedelta(seconds=5), timedelta(seconds=60), random.Random(1))
    bounds = [1, 5, 10, 20, 40, 60, 60, 60]
    for bound, wait in zip(bounds, drawn, strict=False):
        assert (0 if bound == 1 else bound / 2) <= wait <= bound


def test_symbols_that_are_not_listed_or_collide_are_left_out() -> None:
    catalogue = {n: instrument(n) for n in ("BTC/USD", "XBT/USD")}
    wanted = ("NO/SUCH", "BTC/USD", "XBT/USD")
    assert chosen("acme", wanted, catalogue) == ("BTC/USD",)


def test_a_pattern_means_what_trades_now_and_a_name_means_itself() -> None:
    listed = ("BTC/USD", "ETH/USD", "ETH/EUR", "SOL/USD")
    catalogue = {name: instrument(name, name[:3]) for name in listed}
    catalogue["SOL/USD"] = replace(catalogue["SOL/USD"], trading=False)
    catalogue["ETH/EUR"] = replace(catalogue["ETH/EUR"], quote="EUR")

    assert chosen("acme", ("*/USD",), catalogue) == ("BTC/USD", "ETH/USD")
    assert chosen("acme", ("all",), catalogue) == ("BTC/USD", "ETH/EUR", "ETH/USD")
    assert chosen("acme", ("ETH/*", "SOL/USD", "ETH/USD"), catalogue) == (
        "ETH/EUR",
        "ETH/USD",
        "SOL/USD",
    )


def test_no_symbol_left_names_the_setting_to_change() -> None:
    with pytest.raises(NothingToCapture, match="BULLION_ACME_SYMBOLS.*BTC/USD"):
        chosen("acme", ("NO/SUCH",), {"BTC/USD": instrument("BTC/USD")})
