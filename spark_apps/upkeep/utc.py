"""Moments in SQL: literals that mean what they say only in a UTC session."""

from datetime import UTC, datetime, timedelta

from pyspark.sql import SparkSession

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class NotUtc(Exception):
    """The session's zone would move day bounds, and cut partitions."""


def require_utc(spark: SparkSession) -> None:
    """Return if literals and partition bounds mean the same moment.

    A deletion up to a day bound of another zone cuts files: Iceberg writes an overwrite
    then, and every stream that reads the table stops.

    Raises:
        NotUtc: the message says which zone the session has.
    """
    zone = spark.conf.get("spark.sql.session.timeZone")
    if zone != "UTC":
        raise NotUtc(
            f"spark.sql.session.timeZone is {zone}: tables are kept in UTC alone, "
            "set it to UTC"
        )


def literal(moment: datetime) -> str:
    """Return the SQL literal of an aware moment, to the millisecond."""
    utc = moment.astimezone(UTC)
    return f"TIMESTAMP '{utc:%Y-%m-%d %H:%M:%S}.{utc.microsecond // 1000:03d}'"


def at_ms(milliseconds: int) -> datetime:
    """Return the moment so long after 1970, UTC."""
    return EPOCH + timedelta(milliseconds=milliseconds)


def ms_of(moment: datetime) -> int:
    """Return a moment as whole milliseconds since 1970."""
    return (moment - EPOCH) // timedelta(milliseconds=1)
