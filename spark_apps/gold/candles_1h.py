"""Candles of one hour, computed whole from those of five minutes."""

from datetime import timedelta

from schemas.tables.gold.candles_1h import TABLE
from spark_apps.candles import candles

APP = candles(writes=TABLE.address, reads="gold.candles_5m", width=timedelta(hours=1))
