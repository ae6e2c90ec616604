"""Coinbase Exchange: one feed for all products, and the REST paths about trades."""

from simulator.coinbase.dialect import Coinbase

dialect = Coinbase()
"""All that the simulator asks of Coinbase."""
