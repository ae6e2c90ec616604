"""The operator that computes wider candles, if minutes have changed."""

from dags.factory.settings import environment
from dags.factory.spark_job import SparkJob


class CandlesJob(SparkJob):
    """Runs the roll-up of all exchanges; skipped while no minute has changed."""

    def has_work(self, reads: str, writes: str) -> bool:
        """Return whether a table of minutes has commits that another knows not of."""
        from expectations.rollups import candles_owed

        return candles_owed(reads, writes, environment()) > 0
