"""Tables are cut by time: which stretch of it a partition holds."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Self

from schemas.table import Table
from spark_apps.upkeep.utc import EPOCH

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
WORDS = {"days": "day", "hours": "hour", "months": "month"}
"""Iceberg's transforms, and how it ends the name of a partition's field."""


@dataclass(frozen=True, slots=True)
class TimePartition:
    """Partitions by day, hour or month of one column, counted from 1970 on."""

    unit: str
    column: str

    @classmethod
    def of(cls, table: Table) -> Self | None:
        """Return how a table is cut; None if not by time."""
        for text in table.partitioned_by:
            unit, _, column = text.rstrip(")").partition("(")
            if unit in WORDS:
                return cls(unit, column)
        return None

    def number(self, partition: str) -> str:
        """Return SQL for a partition's number, given that for its struct."""
        field = f"{partition}.`{self.column}_{WORDS[self.unit]}`"
        # Iceberg shows days as dates, and counts hours and months itself.
        return f"unix_date({field})" if self.unit == "days" else field

    def holding(self, moment: datetime) -> int:
        """Return the number of the partition that holds a moment."""
        match self.unit:
            case "days":
                return (moment - EPOCH) // DAY
            case "hours":
                return (moment - EPOCH) // HOUR
            case _:
                return (moment.year - 1970) * 12 + moment.month - 1

    def begin(self, number: int) -> datetime:
        """Return the first moment of a partition."""
        match self.unit:
            case "days":
                return EPOCH + number * DAY
            case "hours":
                return EPOCH + number * HOUR
            case _:
                return EPOCH.replace(year=1970 + number // 12, month=number % 12 + 1)
