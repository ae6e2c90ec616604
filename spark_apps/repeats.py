"""Which rows of a batch may be there twice: told from 64 bits of each key.

Whole rows are dear to move and few are repeats. So their keys are counted as hashes;
two keys with one hash only mean that both are looked at more closely.
"""

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

HASH = "key_hash"


def hashed(key: Column) -> Column:
    """Return 64 bits of a key."""
    return F.xxhash64(key)


def narrowed(batch: DataFrame, key: str) -> DataFrame:
    """Return of each row where and when it happened, and the hash of its key."""
    mine = hashed(batch[key]).alias(HASH)
    return batch.select("exchange", "symbol", "timestamp", mine)


def repeated(narrow: DataFrame, held: DataFrame, key: str) -> DataFrame:
    """Return the hashes that the batch has more than once, or that are held already."""
    mine = narrow.select(HASH, F.lit(1).alias("mine"))
    theirs = held.select(hashed(held[key]).alias(HASH), F.lit(0).alias("mine"))
    return (
        mine.unionAll(theirs)
        .groupBy(HASH)
        .agg(F.sum("mine").alias("mine"), F.count("*").alias("all"))
        .where("mine > 0 AND all > 1")
        .select(HASH)
    )


def among(rows: DataFrame, repeats: DataFrame, key: str) -> DataFrame:
    """Return the rows whose key has one of the hashes."""
    return _joined(rows, repeats, key, "left_semi")


def apart(rows: DataFrame, repeats: DataFrame, key: str) -> DataFrame:
    """Return the rows whose key has none of the hashes."""
    return _joined(rows, repeats, key, "left_anti")


def _joined(rows: DataFrame, repeats: DataFrame, key: str, how: str) -> DataFrame:
    return rows.join(repeats, hashed(rows[key]) == repeats[HASH], how)
