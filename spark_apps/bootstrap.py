"""The lake before its first row: all tables, and every lane's readers begun."""

from pyspark.sql import SparkSession

from schemas.lane import STREAMED
from schemas.table import table_at
from spark_apps.checkpoint import Checkpoint
from spark_apps.lane import Report
from spark_apps.settings import Settings
from spark_apps.streams import prime
from spark_apps.tables import create_all


def bootstrap(spark: SparkSession, settings: Settings) -> Report:
    """Create what is missing and prime what has not begun; return the report.

    Raises:
        NotPrimed: a reader can no longer be begun; the message says what to do.
    """
    made = create_all(spark, settings.exchanges)
    primed = 0
    # Gold begins first, while silver has no snapshot.
    for source, reader in reversed(STREAMED):
        for exchange in settings.exchanges:
            name = table_at(reader).checkpoint(exchange)
            checkpoint = Checkpoint(settings.checkpoints / name)
            primed += prime(spark, table_at(source).identifier(exchange), checkpoint)
    return {"tables_created": len(made), "readers_primed": primed}
