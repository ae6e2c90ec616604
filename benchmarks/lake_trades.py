"""Generated trades of ten symbols in a topic, packed as capture packs them."""

import time
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from confluent_kafka import Producer

from ingestion.wire import header, packed_trade
from schemas.topic import TRADES
from schemas.trade import Side, Trade
from spark_apps.registry import registered
from spark_apps.settings import Settings

BASES = ("BTC", "ETH", "SOL", "XRP", "DOGE", "ADA", "AVAX", "LINK", "DOT", "LTC")
START = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)


class Trades:
    """One exchange's topic, filled with trades whose ids go on from 1."""

    def __init__(self, exchange: str, settings: Settings, first_id: int = 1) -> None:
        known = registered(settings.registry_url, TRADES.subject(exchange))
        self.exchange = exchange
        self.head = header(max(known))
        self.next_id = first_id
        self.sent = Producer(
            {
                "bootstrap.servers": settings.kafka_servers,
                "enable.idempotence": True,
                "linger.ms": 50,
                "compression.type": "lz4",
                "queue.buffering.max.messages": 1_000_000,
            }
        )

    def produce(self, count: int) -> float:
        """Put so many trades into the topic; return messages a second."""
        began = time.monotonic()
        for number in range(self.next_id, self.next_id + count):
            base = BASES[number % len(BASES)]
            moment = START + timedelta(milliseconds=number % 3_600_000)
            trade = Trade(
                trade_id=str(3_000_000_000 + number),
                exchange=self.exchange.upper(),
                timestamp=moment,
                price=Decimal(60_000_00 + number % 997) / 100,
                quantity=Decimal(number % 9973 + 1) / 100_000,
                base_asset=base,
                quote_currency="USDT",
                side=Side.BUY if number % 2 else Side.SELL,
                ingestion_timestamp=moment + timedelta(milliseconds=80),
                vendor_data={"native_symbol": f"{base}USDT", "source": "ws"},
            )
            self.sent.produce(
                TRADES.name(self.exchange),
                packed_trade(trade, self.head),
                key=trade.symbol,
            )
            if number % 50_000 == 0:
                self.sent.poll(0)
        assert self.sent.flush(120) == 0
        self.next_id += count
        return count / (time.monotonic() - began)
