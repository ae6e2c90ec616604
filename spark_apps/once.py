"""What is dear to compute is computed once a row, however often it is used."""

from pyspark.sql import Column
from pyspark.sql import functions as F


def once(value: Column) -> Column:
    """Return the value, which the optimiser will leave where it is.

    Else it writes the whole of it into each condition that asks for it, hundreds of
    times for a record's fields. What depends on the partition counts as not
    deterministic, and is neither moved nor copied.
    """
    return F.when(F.spark_partition_id() >= 0, value)
