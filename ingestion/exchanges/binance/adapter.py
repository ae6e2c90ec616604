"""Binance's dialect, turned into trades; see `frames` for what it looks like."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from msgspec import UNSET, Raw, ValidationError, json

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
    StreamEnding,
    instrument_of,
    with_unread,
)
from ingestion.exchanges.binance.archive import BinanceArchive
from ingestion.exchanges.binance.clock import CLOCK
from ingestion.exchanges.binance.fill import BinanceFill
from ingestion.exchanges.binance.frames import (
    AnyEvent,
    AnyFrame,
    ExchangeInfo,
    TradeEvent,
    TradeFrame,
)
from ingestion.exchanges.binance.times import in_microseconds, moment
from schemas.trade import Side, Trade

ENVELOPE = frozenset(TradeFrame.__struct_encode_fields__)
KNOWN = frozenset(TradeEvent.__struct_encode_fields__)

read_trade = json.Decoder(TradeFrame).decode
read_any = json.Decoder(AnyFrame).decode
read_event = json.Decoder(AnyEvent).decode
read_fields = json.Decoder(dict[str, Raw]).decode


class Binance:
    """Symbols stand in the URL; nothing needs to be said after connecting."""

    name = "binance"
    ws_url = "wss://stream.binance.com:9443"
    rest_url = "https://api.binance.com"
    archive_url = "https://data.binance.vision"
    symbols: tuple[str, ...] = ("BTCUSDT", "ETHUSDT", "SOLUSDT")
    catalogue_path = "/api/v3/exchangeInfo"
    capabilities = Capabilities(
        numbers="text",
        side_is="buyer_maker",
        replay=0,
        max_streams=1024,
        sends_per_second=5,
        max_life=timedelta(hours=24),
        # There is no heartbeat among the frames: a few quiet pairs may well say
        # nothing for a minute. A dead socket is found sooner, by our own pings.
        silence_allowed=timedelta(seconds=90),
        clock=CLOCK,
    )
    # Binance pings, and the socket answers; there is nothing to add.
    keepalive: Keepalive | None = None
    fill: Fill | None = BinanceFill()
    archive: Archive | None = BinanceArchive()

    def instruments(self, answer: bytes) -> Iterable[Instrument]:
        try:
            catalogue = json.decode(answer, type=ExchangeInfo)
        except UNREADABLE as error:
            raise CatalogueUnreadable(f"{error}: {answer[:200]!r}") from error
        for entry in catalogue.symbols:
            yield Instrument(
                native=entry.symbol,
                rest_name=entry.symbol,
                base=entry.base_asset.upper(),
                quote=entry.quote_asset.upper(),
                status=entry.status,
                trading=entry.status == "TRADING",
            )

    def url(self, at: str, symbols: Sequence[str]) -> str:
        streams = "/".join(f"{symbol.lower()}@trade" for symbol in symbols)
        return f"{at}/stream?streams={streams}&timeUnit=MICROSECOND"

    def subscriptions(self, symbols: Sequence[str]) -> Iterable[bytes]:
        return ()

    def parse(
        self, frame: Frame, instruments: Mapping[str, Instrument]
    ) -> Iterable[Trade]:
        try:
            event = read_trade(frame.payload).data
            unread: dict[str, str] = {}
        except ValidationError:
            read = self._read_slowly(frame.payload)
            if read is None:
                return ()
            event, unread = read
        except UNREADABLE as error:
            raise FrameRejected("frame_unparseable", str(error)) from error
        instrument = instrument_of(event.symbol, instruments)
        return (self._trade(event, instrument, unread, frame.received_at),)

    def _read_slowly(self, payload: bytes) -> tuple[TradeEvent, dict[str, str]] | None:
        """Return a trade with fields that we do not know, or None for an answer."""
        try:
            match read_any(payload):
                case AnyFrame(data=Raw() as data):
                    return self._event(payload, data)
                case AnyFrame(event_type="serverShutdown"):
                    raise StreamEnding("Binance announced its shutdown")
                case AnyFrame(error=fault) if fault is not UNSET:
                    raise StreamBroken(f"Binance refused a request: {fault.msg}")
                case AnyFrame(code=int(), msg=why):
                    raise StreamBroken(f"Binance refused a request: {why}")
                case AnyFrame(result=result) if result is not UNSET:
                    return None
        except UNREADABLE as error:
            raise FrameRejected("frame_unparseable", str(error)) from error
        raise FrameRejected("frame_unparseable", "neither a trade nor anything known")

    def _event(self, payload: bytes, data: Raw) -> tuple[TradeEvent, dict[str, str]]:
        match read_event(data).event_type:
            case "trade":
                sent = read_fields(data)
                around = read_fields(payload)
                known = {name: raw for name, raw in sent.items() if name in KNOWN}
                event = json.decode(json.encode(known), type=TradeEvent)
                unread = {n: around[n] for n in around.keys() - ENVELOPE}
                unread |= {n: sent[n] for n in sent.keys() - KNOWN}
                return event, {n: bytes(raw).decode() for n, raw in unread.items()}
            case "serverShutdown":
                raise StreamEnding("Binance announced its shutdown")
            case other:
                raise FrameRejected("frame_unparseable", f"unknown event {other!r}")

    def _trade(
        self,
        event: TradeEvent,
        instrument: Instrument,
        unread: dict[str, str],
        received_at: datetime,
    ) -> Trade:
        told = {
            "native_symbol": event.symbol,
            "source": "ws",
            "event_type": event.event_type,
            "event_time_us": in_microseconds(event.event_time),
            "is_buyer_maker": "true" if event.buyer_is_maker else "false",
        }
        if event.is_best_match is not UNSET:
            told["is_best_match"] = "true" if event.is_best_match else "false"
        return Trade(
            trade_id=str(event.trade_id),
            exchange="BINANCE",
            timestamp=moment(event.trade_time),
            price=NUMBERS[event.price],
            quantity=NUMBERS[event.quantity],
            base_asset=instrument.base,
            quote_currency=instrument.quote,
            # The maker's order rested in the book: the other one took it.
            side=Side.SELL if event.buyer_is_maker else Side.BUY,
            ingestion_timestamp=received_at,
            vendor_data=with_unread(told, unread) if unread else told,
        )
