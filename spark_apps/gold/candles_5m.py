"""Candles of five minutes, computed whole from those of one."""

from datetime import timedelta

from schemas.tables.gold.candles_5m import TABLE
from spark_apps.candles import candles

APP = candles(writes=TABLE.address, reads="gold.candles_1m", width=timedelta(minutes=5))
