"""Binance spot: combined streams, requests, and the REST paths about trades."""

from simulator.binance.dialect import Binance

dialect = Binance()
