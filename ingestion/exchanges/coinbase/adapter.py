"""Coinbase's dialect, turned into trades; see `frames` for what it looks like."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from msgspec import Raw, ValidationError, json

from ingestion.exchange import (
    NUMBERS,
    UNREADABLE,
    Archive,
    Capabilities,
    CatalogueUnreadable,
    Fill,
    Frame,
    FrameRejected,
    Instrument,
    Keepalive,
    StreamBroken,
    SymbolRefused,
    instrument_of,
    with_unread,
)
from ingestion.exchanges.coinbase.clock import CLOCK
from ingestion.exchanges.coinbase.fill import TAKEN, CoinbaseFill
from ingestion.exchanges.coinbase.frames import AnyFrame, Match, Product
from schemas.trade import Trade

KNOWN = frozenset(Match.__struct_fields__)
NO_SUCH = "is not a valid product"
"""How a refusal ends that names a product."""

read_match = json.Decoder(Match).decode
read_any = json.Decoder(AnyFrame).decode
read_fields = json.Decoder(dict[str, Raw]).decode
read_products = json.Decoder(list[Product]).decode


class Coinbase:
    """One socket for all products, which are written `BTC-USD`.

    Whoever has not subscribed within five seconds is cut off. Heartbeats come once a
    second for each product, and go on when its trades do not.
    """

    name = "coinbase"
    ws_url = "wss://ws-feed.exchange.coinbase.com"
    rest_url = "https://api.exchange.coinbase.com"
    # Its REST pages by id alone: where a day begins cannot be asked for.
    archive_url = ""
    symbols: tuple[str, ...] = ("BTC-USD", "ETH-USD", "SOL-USD")
    catalogue_path = "/products"
    capabilities = Capabilities(
        numbers="text",
        side_is="maker",
        replay=1,
        # A limit is not documented; a heartbeat a second for each is bearable.
        max_streams=100,
        sends_per_second=8,
        max_life=None,
        silence_allowed=timedelta(seconds=15),
        clock=CLOCK,
    )
    # Heartbeats flow towards us; nothing need be said.
    keepalive: Keepalive | None = None
    fill: Fill | None = CoinbaseFill()
    archive: Archive | None = None

    def instruments(self, answer: bytes) -> Iterable[Instrument]:
        try:
            catalogue = read_products(answer)
        except UNREADABLE as error:
            raise CatalogueUnreadable(f"{error}: {answer[:200]!r}") from error
        for product in catalogue:
            yield Instrument(
                native=product.id,
                rest_name=product.id,
                base=product.base_currency.upper(),
                quote=product.quote_currency.upper(),
                status=product.status,
                trading=product.status == "online" and not product.trading_disabled,
            )

    def url(self, at: str, symbols: Sequence[str]) -> str:
        return at

    def subscriptions(self, symbols: Sequence[str]) -> Iterable[bytes]:
        channels = ["matches", "heartbeat"]
        asked = {"product_ids": list(symbols), "channels": channels}
        yield json.encode({"type": "subscribe", **asked})

    def parse(
        self, frame: Frame, instruments: Mapping[str, Instrument]
    ) -> Iterable[Trade]:
        try:
            match = read_match(frame.payload)
            unread: dict[str, str] = {}
        except ValidationError:
            read = self._read_slowly(frame.payload)
            if read is None:
                return ()
            match, unread = read
        except UNREADABLE as error:
            raise FrameRejected("frame_unparseable", str(error)) from error
        instrument = instrument_of(match.product_id, instruments)
        try:
            return (self._trade(match, instrument, unread, frame.received_at),)
        except OverflowError as error:
            # The first hours of year 1 east of Greenwich are of no year in UTC.
            raise FrameRejected("frame_unparseable", str(error)) from error

    def _read_slowly(self, payload: bytes) -> tuple[Match, dict[str, str]] | None:
        """Return a trade with fields that we do not know; None for what is none."""
        try:
            match read_any(payload):
                case AnyFrame(type="match" | "last_match"):
                    return self._match(read_fields(payload))
                case AnyFrame(type="error", reason=why) if why.endswith(NO_SUCH):
                    raise SymbolRefused(why)
                case AnyFrame(type="error", message=what, reason=why):
                    raise StreamBroken(f"Coinbase refused a request: {what} {why}")
                case AnyFrame(type="subscriptions" | "heartbeat"):
                    return None
        except UNREADABLE as error:
            raise FrameRejected("frame_unparseable", str(error)) from error
        raise FrameRejected("frame_unparseable", "neither a trade nor anything known")

    def _match(self, sent: Mapping[str, Raw]) -> tuple[Match, dict[str, str]]:
        known = {name: sent[name] for name in sent.keys() & KNOWN}
        unread = {name: bytes(sent[name]).decode() for name in sent.keys() - KNOWN}
        return json.decode(json.encode(known), type=Match), unread

    def _trade(
        self,
        match: Match,
        instrument: Instrument,
        unread: dict[str, str],
        received_at: datetime,
    ) -> Trade:
        told = {
            "native_symbol": match.product_id,
            "source": "ws",
            "frame_type": match.type,
            "maker_side": match.side,
            "sequence": str(match.sequence),
            "maker_order_id": match.maker_order_id,
            "taker_order_id": match.taker_order_id,
        }
        return Trade(
            trade_id=str(match.trade_id),
            exchange="COINBASE",
            timestamp=match.time.astimezone(UTC),
            price=NUMBERS[match.price],
            quantity=NUMBERS[match.size],
            base_asset=instrument.base,
            quote_currency=instrument.quote,
            side=TAKEN[match.side],
            ingestion_timestamp=received_at,
            vendor_data=with_unread(told, unread) if unread else told,
        )
