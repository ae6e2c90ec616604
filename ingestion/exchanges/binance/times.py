"""Binance's times: in ms or in us, which no instant leaves in doubt."""

from datetime import UTC, datetime, timedelta
from functools import lru_cache

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FIRST_IN_MICROSECONDS = 10**14
"""1973 in microseconds and the year 5138 in milliseconds."""


def microseconds(instant: int) -> int:
    """Return an instant in us; streams, REST and archives send it in ms or in us."""
    return instant if instant >= FIRST_IN_MICROSECONDS else instant * 1000


# Trades of a burst share their times.
@lru_cache(maxsize=64)
def in_microseconds(instant: int) -> str:
    """Return an instant in us as text."""
    return str(microseconds(instant))


@lru_cache(maxsize=64)
def moment(instant: int) -> datetime:
    """Return an instant as an aware UTC time."""
    return EPOCH + timedelta(microseconds=microseconds(instant))
