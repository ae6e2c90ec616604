"""Kraken spot: WebSocket v2, and the REST paths about trades."""

from simulator.kraken.dialect import Kraken

dialect = Kraken()
