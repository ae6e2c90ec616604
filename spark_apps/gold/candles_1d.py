"""Candles of one day, computed whole from those of one hour."""

from datetime import timedelta

from schemas.tables.gold.candles_1d import TABLE
from spark_apps.candles import candles

APP = candles(writes=TABLE.address, reads="gold.candles_1h", width=timedelta(days=1))
