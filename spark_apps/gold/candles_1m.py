"""Candles of one minute, computed whole from gold trades and never added to."""

from datetime import timedelta

from schemas.tables.gold.candles_1m import TABLE
from spark_apps.candles import candles

APP = candles(writes=TABLE.address, reads="gold.trades", width=timedelta(minutes=1))
