"""Binance spot: https://developers.binance.com/docs/binance-spot-api-docs"""

from ingestion.exchange import Exchange
from ingestion.exchanges.binance.adapter import Binance

adapter: Exchange = Binance()
