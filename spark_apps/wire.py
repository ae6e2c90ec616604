"""Messages as they cross the wire: a registry header of five bytes, then Avro."""

import json
from collections.abc import Mapping

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.avro.functions import from_avro

from spark_apps.once import once

END = "8f1d27c04bb39a6e5512f0837cde94a1"
"""Sixteen bytes put behind a message before it is read, in hexadecimal.

Spark's reader neither minds bytes that are left over nor tells how far it came. Read
together with what follows it, a message is whole if and only if END comes out behind
it: a longer one leaves other bytes there, a shorter one eats of END and finds no end.
"""


def schema_id(value: str) -> Column:
    """Return the id in a message's header; NULL where there is no sound header."""
    header = f"substring({value}, 1, 1) = X'00' AND length({value}) > 5"
    number = f"conv(hex(substring({value}, 2, 4)), 16, 10)"
    return F.expr(f"CASE WHEN {header} THEN try_cast({number} AS int) END")


def decoded(
    rows: DataFrame, value: str, schemas: Mapping[int, str], reader: str
) -> DataFrame:
    """Return the rows with `record`, read from the message in the column `value`.

    Each row is read by the writer's schema of its own `schema_id`. `record` is a struct
    of the reader's schema, NULL where the bytes are not exactly one such record.
    """
    whole = F.expr(f"concat(substring({value}, 6), X'{END}')")
    options = {"avroSchema": _followed(reader), "mode": "PERMISSIVE"}
    read = F.when(F.lit(False), from_avro(whole, _followed(reader), options))
    for number, writer in sorted(schemas.items()):
        one = from_avro(whole, _followed(writer), options)
        read = read.when(F.col("schema_id") == number, one)
    # A payload that cannot be read gives a struct of NULLs, and no NULL.
    ends = F.col("read.end") == F.expr(f"X'{END}'")
    return (
        rows.withColumn("read", once(read))
        .withColumn("record", F.when(ends, F.col("read.record")))
        .drop("read")
    )


def _followed(schema: str) -> str:
    """Return the schema of a record with END behind it."""
    end = {"type": "fixed", "name": "End", "size": len(END) // 2}
    fields = [
        {"name": "record", "type": json.loads(schema)},
        {"name": "end", "type": end},
    ]
    return json.dumps({"type": "record", "name": "Followed", "fields": fields})
