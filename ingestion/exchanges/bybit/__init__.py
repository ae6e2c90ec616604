"""Bybit v5 spot: https://bybit-exchange.github.io/docs/v5/websocket/public/trade"""

from ingestion.exchange import Exchange
from ingestion.exchanges.bybit.adapter import Bybit

adapter: Exchange = Bybit()
