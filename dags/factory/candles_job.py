"""The operator that computes wider candles, if minutes have changed."""

from dags.factory.settings import environment, lanes_first
from dags.factory.spark_job import SparkJob


class CandlesJob(SparkJob):
    """Runs the roll-up of all exchanges; skipped while no minute has changed."""

    def has_work(self, reads: str, writes: str) -> bool:
        """Return whether a table of minutes has commits that another knows not of.

        Just after a start that can wait for the lanes.
        """
        from expectations.rollups import candles_owed

        return not lanes_first() and candles_owed(reads, writes, environment()) > 0
