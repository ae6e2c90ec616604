"""Binance spot: combined streams, requests, and the REST paths about trades."""
