"""Bybit's dialect, turned into trades; see `frames` for what it looks like."""

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
    SymbolRefused,
    instrument_of,
    with_unread,
)
from ingestion.exchanges.bybit.clock import CLOCK
from ingestion.exchanges.bybit.fill import EPOCH, SIDES, BybitFill
from ingestion.exchanges.bybit.frames import (
    TOPIC,
    AnyFrame,
    Catalogue,
    Listed,
    TradeEvent,
    TradeFrame,
)
from schemas.trade import Trade

AT_ONCE = 10
"""Symbols that one request may name."""
ENVELOPE = frozenset(TradeFrame.__struct_encode_fields__)
KNOWN = frozenset(TradeEvent.__struct_encode_fields__)

read_trades = json.Decoder(TradeFrame).decode
read_any = json.Decoder(AnyFrame).decode
read_fields = json.Decoder(dict[str, Raw]).decode


class Bybit:
    """One socket for spot; frames of a symbol hold what happened at one moment.

    REST tells the newest 60 trades of a symbol and no others, and nobody says that ids
    count up by one: two connections carry each symbol, and what both lost is looked for
    among those 60, often.
    """

    name = "bybit"
    ws_url = "wss://stream.bybit.com"
    rest_url = "https://api.bybit.com"
    archive_url = ""
    symbols: tuple[str, ...] = ("BTCUSDT", "ETHUSDT", "SOLUSDT")
    catalogue_path = "/v5/market/instruments-info?category=spot"
    capabilities = Capabilities(
        numbers="text",
        side_is="taker",
        replay=0,
        max_streams=100,
        # A limit is not documented.
        sends_per_second=5,
        max_life=None,
        # Answers to our pings come every 20 s where nothing else does.
        silence_allowed=timedelta(seconds=45),
        copies=2,
        sweep=timedelta(seconds=10),
        clock=CLOCK,
    )
    keepalive: Keepalive | None = Keepalive(
        json.encode({"op": "ping"}), timedelta(seconds=20)
    )
    fill: Fill | None = BybitFill()
    archive: Archive | None = None

    def instruments(self, answer: bytes) -> Iterable[Instrument]:
        try:
            catalogue = json.decode(answer, type=Catalogue)
            if catalogue.ret_code:
                raise CatalogueUnreadable(f"{catalogue.ret_code}: {catalogue.ret_msg}")
            listed = json.decode(catalogue.result, type=Listed)
        except UNREADABLE as error:
            raise CatalogueUnreadable(f"{error}: {answer[:200]!r}") from error
        for entry in listed.symbols:
            yield Instrument(
                native=entry.symbol,
                rest_name=entry.symbol,
                base=entry.base_coin.upper(),
                quote=entry.quote_coin.upper(),
                status=entry.status,
                trading=entry.status == "Trading",
            )

    def url(self, at: str, symbols: Sequence[str]) -> str:
        return f"{at}/v5/public/spot"

    def subscriptions(self, symbols: Sequence[str]) -> Iterable[bytes]:
        for place in range(0, len(symbols), AT_ONCE):
            topics = [TOPIC + symbol for symbol in symbols[place : place + AT_ONCE]]
            number = str(place // AT_ONCE + 1)
            yield json.encode({"req_id": number, "op": "subscribe", "args": topics})

    def parse(
        self, frame: Frame, instruments: Mapping[str, Instrument]
    ) -> Iterable[Trade]:
        try:
            trades = read_trades(frame.payload)
            unread: list[dict[str, str]] = [{} for _ in trades.data]
        except ValidationError:
            read = self._read_slowly(frame.payload)
            if read is None:
                return ()
            trades, unread = read
        except UNREADABLE as error:
            raise FrameRejected("frame_unparseable", str(error)) from error
        return [
            self._trade(event, more, trades, frame.received_at, instruments)
            for event, more in zip(trades.data, unread, strict=True)
        ]

    def _read_slowly(
        self, payload: bytes
    ) -> tuple[TradeFrame, list[dict[str, str]]] | None:
        """Return trades with fields that we do not know; None for what has no trade."""
        try:
            match read_any(payload):
                case AnyFrame(topic=topic) as message if topic.startswith(TOPIC):
                    return self._trades(payload, message)
                case AnyFrame(success=False, ret_msg=why) if TOPIC in why:
                    raise SymbolRefused(why)
                case AnyFrame(success=False, ret_msg=why):
                    raise StreamBroken(f"Bybit refused a request: {why}")
                case AnyFrame(op="subscribe", success=True):
                    return None
                case AnyFrame(op="ping" | "pong"):
                    return None
        except UNREADABLE as error:
            raise FrameRejected("frame_unparseable", str(error)) from error
        raise FrameRejected("frame_unparseable", "neither a trade nor anything known")

    def _trades(
        self, payload: bytes, message: AnyFrame
    ) -> tuple[TradeFrame, list[dict[str, str]]]:
        sent = json.decode(message.data, type=list[dict[str, Raw]])
        known = [{n: row[n] for n in row.keys() & KNOWN} for row in sent]
        events = json.decode(json.encode(known), type=list[TradeEvent])
        around = read_fields(payload)
        common = {n: around[n] for n in around.keys() - ENVELOPE}
        unread = [common | {n: row[n] for n in row.keys() - KNOWN} for row in sent]
        frame = TradeFrame(message.topic, message.published, message.type, events)
        return frame, [
            {name: bytes(raw).decode() for name, raw in row.items()} for row in unread
        ]

    def _trade(
        self,
        event: TradeEvent,
        unread: dict[str, str],
        frame: TradeFrame,
        received_at: datetime,
        instruments: Mapping[str, Instrument],
    ) -> Trade:
        instrument = instrument_of(event.symbol, instruments)
        told = {
            "native_symbol": event.symbol,
            "source": "ws",
            "frame_type": frame.type,
            "published_ms": str(frame.published),
        }
        if event.sequence is not UNSET:
            told["sequence"] = str(event.sequence)
        if event.block_trade is not UNSET:
            told["is_block_trade"] = "true" if event.block_trade else "false"
        if event.price_improved is not UNSET:
            told["is_rpi_trade"] = "true" if event.price_improved else "false"
        return Trade(
            trade_id=event.trade_id,
            exchange="BYBIT",
            timestamp=EPOCH + timedelta(milliseconds=event.time),
            price=NUMBERS[event.price],
            quantity=NUMBERS[event.quantity],
            base_asset=instrument.base,
            quote_currency=instrument.quote,
            side=SIDES[event.side],
            ingestion_timestamp=received_at,
            vendor_data=with_unread(told, unread) if unread else told,
        )
