"""Kraken spot, WebSocket v2: https://docs.kraken.com/api/docs/websocket-v2/trade"""

from ingestion.exchange import Exchange
from ingestion.exchanges.kraken.adapter import Kraken

adapter: Exchange = Kraken()
