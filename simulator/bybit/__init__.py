"""Bybit v5 spot: public trades, and the REST paths about them."""

from simulator.bybit.dialect import Bybit

dialect = Bybit()
"""All that the simulator asks of Bybit."""
