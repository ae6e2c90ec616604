"""Kraken spot: WebSocket v2, and the REST paths about trades."""
