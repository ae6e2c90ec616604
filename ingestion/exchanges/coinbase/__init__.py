"""Coinbase Exchange: https://docs.cdp.coinbase.com/exchange/websocket-feed/overview"""

from ingestion.exchange import Exchange
from ingestion.exchanges.coinbase.adapter import Coinbase

adapter: Exchange = Coinbase()
