"""Kraken's dialect, turned into trades; see `frames` for what it looks like."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from msgspec import Raw, ValidationError, json

from ingestion.exchange import (
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
from ingestion.exchanges.kraken.clock import CLOCK
from ingestion.exchanges.kraken.fill import KrakenFill
from ingestion.exchanges.kraken.frames import (
    Ack,
    AnyFrame,
    AssetPairs,
    KrakenTrade,
    TradesFrame,
)
from schemas.trade import Side, Trade

OLD_NAMES = {"XBT": "BTC", "XDG": "DOGE"}
"""REST's names of assets that WebSocket v2 calls as everybody does."""
SIDES = {"buy": Side.BUY, "sell": Side.SELL}
ENVELOPE = frozenset(TradesFrame.__struct_fields__)
KNOWN = frozenset(KrakenTrade.__struct_fields__)

read_trades = json.Decoder(TradesFrame).decode
read_any = json.Decoder(AnyFrame).decode
read_ack = json.Decoder(Ack).decode
read_fields = json.Decoder(dict[str, Raw]).decode


def confirmed(payload: bytes) -> tuple[str, ...]:
    """Return the pair that an acknowledgement names; none of any other frame."""
    try:
        told = read_ack(payload).result
    except UNREADABLE:
        return ()
    return (told.symbol,) if told.channel == "trade" and told.symbol else ()


class Kraken:
    """One socket for all pairs, which are written `BTC/USD`.

    Heartbeats come about once a second while nothing else does, and go on when a
    subscription is dead: they prove a connection, and no trade feed.
    """

    name = "kraken"
    ws_url = "wss://ws.kraken.com"
    rest_url = "https://api.kraken.com"
    # Its quarterly files lack ids and sides: a day comes from REST.
    archive_url = ""
    symbols: tuple[str, ...] = ("BTC/USD", "ETH/USD", "BTC/USDT")
    catalogue_path = "/0/public/AssetPairs"
    capabilities = Capabilities(
        numbers="json",
        side_is="taker",
        replay=50,
        max_streams=100,
        sends_per_second=20,
        max_life=None,
        silence_allowed=timedelta(seconds=30),
        # Users saw it leave out fills of one moment (krakenfx/api-go #36).
        sweep=timedelta(minutes=2),
        clock=CLOCK,
        confirms=confirmed,
    )
    # The server closes after about a minute without a word from us.
    keepalive: Keepalive | None = Keepalive(
        json.encode({"method": "ping"}), timedelta(seconds=30)
    )
    fill: Fill | None = KrakenFill()
    archive: Archive | None = None

    def instruments(self, answer: bytes) -> Iterable[Instrument]:
        try:
            catalogue = json.decode(answer, type=AssetPairs)
        except UNREADABLE as error:
            raise CatalogueUnreadable(f"{error}: {answer[:200]!r}") from error
        if catalogue.error:
            raise CatalogueUnreadable("; ".join(catalogue.error))
        for rest_name, pair in catalogue.result.items():
            # Pairs in .d are the dark pool's: they have no stream.
            if not pair.wsname or rest_name.endswith(".d"):
                continue
            base, _, quote = pair.wsname.partition("/")
            base, quote = OLD_NAMES.get(base, base), OLD_NAMES.get(quote, quote)
            yield Instrument(
                native=f"{base}/{quote}",
                rest_name=rest_name,
                base=base.upper(),
                quote=quote.upper(),
                status=pair.status,
                trading=pair.status == "online",
            )

    def url(self, at: str, symbols: Sequence[str]) -> str:
        return f"{at}/v2"

    def subscriptions(self, symbols: Sequence[str]) -> Iterable[bytes]:
        # The snapshot repeats up to 50 trades: after a reconnect they fill the hole,
        # and their ids make the others harmless. Its default is documented both ways.
        params = {"channel": "trade", "symbol": list(symbols), "snapshot": True}
        yield json.encode({"method": "subscribe", "params": params})

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
        try:
            return [
                self._trade(trade, more, trades.type, frame.received_at, instruments)
                for trade, more in zip(trades.data, unread, strict=True)
            ]
        except OverflowError as error:
            # The first hours of year 1 east of Greenwich are of no year in UTC.
            raise FrameRejected("frame_unparseable", str(error)) from error

    def _read_slowly(
        self, payload: bytes
    ) -> tuple[TradesFrame, list[dict[str, str]]] | None:
        """Return trades with fields that we do not know; None for what has no trade."""
        try:
            match read_any(payload):
                case AnyFrame(channel="trade") as message:
                    return self._trades(payload, message)
                case AnyFrame(success=False, symbol=str(pair), error=why) if pair:
                    raise SymbolRefused(f"{pair}: {why}", pair)
                case AnyFrame(success=False, error=why):
                    raise StreamBroken(f"Kraken refused a request: {why}")
                case AnyFrame(channel="heartbeat" | "status"):
                    return None
                case AnyFrame(method="subscribe" | "pong"):
                    return None
        except UNREADABLE as error:
            raise FrameRejected("frame_unparseable", str(error)) from error
        raise FrameRejected("frame_unparseable", "neither a trade nor anything known")

    def _trades(
        self, payload: bytes, message: AnyFrame
    ) -> tuple[TradesFrame, list[dict[str, str]]]:
        sent = json.decode(message.data, type=list[dict[str, Raw]])
        known = [{n: row[n] for n in row.keys() & KNOWN} for row in sent]
        trades = json.decode(json.encode(known), type=list[KrakenTrade])
        around = read_fields(payload)
        common = {n: around[n] for n in around.keys() - ENVELOPE}
        unread = [common | {n: row[n] for n in row.keys() - KNOWN} for row in sent]
        return TradesFrame("trade", message.type, trades), [
            {name: bytes(raw).decode() for name, raw in row.items()} for row in unread
        ]

    def _trade(
        self,
        trade: KrakenTrade,
        unread: dict[str, str],
        frame_type: str,
        received_at: datetime,
        instruments: Mapping[str, Instrument],
    ) -> Trade:
        instrument = instrument_of(trade.symbol, instruments)
        told = {
            "native_symbol": trade.symbol,
            "source": "ws",
            "ord_type": trade.ord_type,
            "frame_type": frame_type,
        }
        return Trade(
            trade_id=str(trade.trade_id),
            exchange="KRAKEN",
            timestamp=trade.timestamp.astimezone(UTC),
            price=trade.price,
            quantity=trade.qty,
            base_asset=instrument.base,
            quote_currency=instrument.quote,
            side=SIDES[trade.side],
            ingestion_timestamp=received_at,
            vendor_data=with_unread(told, unread) if unread else told,
        )
